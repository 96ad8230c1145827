"""`emotone models`: list, show, check, and the hand-over of export."""

from __future__ import annotations

import json
import shutil
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def damaged(shipped: Path) -> Path:
    shutil.copytree(shipped / "default", shipped / "other")
    (shipped / "other" / "LICENSE").write_text("anything goes")
    return shipped / "other"


def test_list(emotone: Callable[..., Any], shipped: Path) -> None:
    result = emotone("models", "list")
    assert (result.status, result.err) == (0, "")
    assert "tiny" in result.out
    (model,) = json.loads(emotone("models", "list", "--json").out)
    assert (model["name"], model["licence"], model["labels"][0]) == ("tiny", "CC0-1.0", "anger")
    assert set(model) == {"name", "version", "description", "labels", "licence", "trained_on", "bytes", "sha256"}


def test_a_damaged_model_is_said_and_the_others_are_listed(emotone: Callable[..., Any], damaged: Path) -> None:
    result = emotone("models", "list", "--json")
    assert result.status == 1
    assert len(json.loads(result.out)) == 1
    assert f"{damaged / 'LICENSE'} was changed" in result.err


def test_no_models(emotone: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emotone.systems.shipped.SHIPPED", tmp_path)
    assert "no models are shipped" in emotone("models", "list").out
    assert json.loads(emotone("models", "list", "--json").out) == []


def test_show(emotone: Callable[..., Any], shipped: Path, tiny_bundle: Path) -> None:
    by_name, by_folder = emotone("models", "show", "default"), emotone("models", "show", tiny_bundle)
    assert by_name.status == by_folder.status == 0
    for word in ("tiny 0.1.0", "anger, happiness", "CC0-1.0", "log-mel", "3 s every 1 s", "# tiny"):
        assert word in by_name.out
    as_json = json.loads(emotone("models", "show", "default", "--json").out)
    assert as_json["windows"] == {"seconds": 3.0, "hop": 1.0}
    assert as_json["card"] == "# tiny\n"


def test_check(emotone: Callable[..., Any], shipped: Path) -> None:
    result = emotone("models", "check", "default")
    assert result.status == 0
    assert result.out.startswith("tiny: good; 5 files")
    as_json = json.loads(emotone("models", "check", "default", "--json").out)
    assert as_json["deviation"] < as_json["allowed"]


@pytest.mark.parametrize("action", ["show", "check"])
def test_a_damaged_or_unknown_model_is_said(emotone: Callable[..., Any], damaged: Path, action: str) -> None:
    result = emotone("models", action, "other")
    assert (result.status, result.out) == (2, "")
    assert "LICENSE was changed after it was written" in result.err
    result = emotone("models", action, "defualt")
    assert (result.status, result.out) == (2, "")
    assert "did you mean 'default'" in result.err


def test_export_hands_over(
    emotone: Callable[..., Any], tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = []

    def export_run(run: Path, out: Path, *, version: str, evaluation: str, thresholds: dict[str, float]) -> Path:
        given.append((run, out, version, evaluation, thresholds))
        return shutil.copytree(tiny_bundle, out)

    exporter = ModuleType("emotone.systems.export")
    exporter.export_run = export_run  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "emotone.systems.export", exporter)
    result = emotone("models", "export", "runs/x", "--out", tmp_path / "one")
    assert result.status == 0
    assert str(tmp_path / "one") in result.out
    as_json = json.loads(emotone("models", "export", "runs/x", "--out", tmp_path / "two", "--json").out)
    assert as_json["directory"] == str(tmp_path / "two")
    assert [(str(run), out.name, *rest) for run, out, *rest in given] == [
        ("runs/x", "one", "1.0.0", "", {}),
        ("runs/x", "two", "1.0.0", "", {}),
    ]
