"""`emotone doctor`: versions, missing packages with the command that installs them, and speed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from emotone.cli.commands import doctor

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest


def test_a_healthy_installation(emotone: Callable[..., Any], shipped: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "REPEATS", 1)
    result = emotone("doctor")
    assert (result.status, result.err) == (0, "")
    for word in ("emotone 0.1.0", "onnxruntime", "Cache", "default      intact; a clip of 3 s"):
        assert word in result.out


def test_as_json(emotone: Callable[..., Any], shipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "REPEATS", 1)
    monkeypatch.setenv("EMOTONE_CACHE", str(tmp_path))
    (tmp_path / "a").write_bytes(bytes(1000))
    report = json.loads(emotone("doctor", "--json").out)
    assert report["cache"] == {"folder": str(tmp_path), "bytes": 1000}
    (model,) = report["models"]
    assert (model["name"], model["error"]) == ("default", None)
    assert set(model["milliseconds"]) == {"decode", "speech", "front_end", "net", "whole"}
    assert all(took >= 0 for took in model["milliseconds"].values())


def test_missing_packages_are_reported_with_the_command_that_installs_them(
    emotone: Callable[..., Any], shipped: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "REQUIRED", ("numpy", "no-such-package"))
    monkeypatch.setattr(doctor, "EXTRAS", {"media": ("reads films", ("numpy", "no-film-package"))})
    monkeypatch.setattr(doctor, "REPEATS", 1)
    result = emotone("doctor")
    assert result.status == 1
    assert "MISSING: pip install no-such-package" in result.out
    assert "reads films: missing no-film-package: pip install 'emotone[media]'" in result.out


def test_a_damaged_model_is_reported(emotone: Callable[..., Any], shipped: Path) -> None:
    (shipped / "default" / "CARD.md").write_text("other")
    result = emotone("doctor")
    assert result.status == 1
    assert "DAMAGED" in result.out
    assert "CARD.md was modified" in result.out


def test_without_models(emotone: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emotone.bundles.library.SHIPPED", tmp_path)
    result = emotone("doctor")
    assert result.status == 0
    assert "no models are shipped" in result.out
