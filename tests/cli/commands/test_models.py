"""`emotone models`: list, show, check, and the arguments of export."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest
from tests.made_runs import made_detector, write_run
from tests.toy import tiny_recipe

from emotone.bundles.library import shipped_names
from emotone.config import to_mapping
from emotone.scoring.detection import chosen_threshold
from emotone.scoring.operating_points import add_operating_points, operating_points_of

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


@pytest.mark.skipif("default" not in shipped_names(), reason="no model is shipped")
def test_models_that_share_a_network_are_listed_and_shown_with_its_size(emotone: Callable[..., Any]) -> None:
    listed = emotone("models", "list", "--json")
    assert (listed.status, listed.err) == (0, "")
    sizes = {model["name"]: model["bytes"] for model in json.loads(listed.out)}
    assert sizes["default"] > 10_000_000
    assert json.loads(emotone("models", "show", "default", "--json").out)["bytes"] == sizes["default"]


@pytest.mark.skipif("default" not in shipped_names(), reason="no model is shipped")
def test_the_tolerance_of_a_quantised_model_is_printed(emotone: Callable[..., Any]) -> None:
    assert emotone("models", "check", "default").out.rstrip().endswith("(allowed: 0.01)")


def test_a_damaged_model_is_reported_and_the_others_are_listed(emotone: Callable[..., Any], damaged: Path) -> None:
    result = emotone("models", "list", "--json")
    assert result.status == 1
    assert len(json.loads(result.out)) == 1
    assert f"{damaged / 'LICENSE'} was modified" in result.err


def test_no_models(emotone: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emotone.bundles.library.SHIPPED", tmp_path)
    assert "no models are shipped" in emotone("models", "list").out
    assert json.loads(emotone("models", "list", "--json").out) == []


def test_show(emotone: Callable[..., Any], shipped: Path, tiny_bundle: Path) -> None:
    by_name, by_folder = emotone("models", "show", "default"), emotone("models", "show", tiny_bundle)
    assert by_name.status == by_folder.status == 0
    for word in (
        "tiny 0.1.0",
        "anger, happiness",
        "CC0-1.0",
        "log-mel",
        "3 s every 1 s; an utterance is the mean probability of its windows with speech",
        "# tiny",
    ):
        assert word in by_name.out
    as_json = json.loads(emotone("models", "show", "default", "--json").out)
    assert {"seconds": 3.0, "hop": 1.0}.items() <= as_json["windows"].items()
    assert as_json["card"] == "# tiny\n"


def test_check(emotone: Callable[..., Any], shipped: Path) -> None:
    result = emotone("models", "check", "default")
    assert result.status == 0
    assert result.out.startswith("tiny: no problems found; 5 files match their hashes; test-vector probabilities agree")
    as_json = json.loads(emotone("models", "check", "default", "--json").out)
    assert as_json["deviation"] < as_json["allowed"]


@pytest.mark.parametrize("action", ["show", "check"])
def test_a_damaged_or_unknown_model_is_an_error(emotone: Callable[..., Any], damaged: Path, action: str) -> None:
    result = emotone("models", action, "other")
    assert (result.status, result.out) == (2, "")
    assert "LICENSE was modified after it was written" in result.err
    result = emotone("models", action, "defualt")
    assert (result.status, result.out) == (2, "")
    assert "did you mean 'default'" in result.err


def test_arguments_of_an_export(
    emotone: Callable[..., Any], tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = []

    def export_run(run: Path, out: Path, *, name: str, description: str, version: str, **rest: Any) -> Path:
        given.append((run, out, name, description, version, *rest.values()))
        return shutil.copytree(tiny_bundle, out)

    exporter = ModuleType("emotone.fitting.export")
    exporter.export_run = export_run  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "emotone.fitting.export", exporter)
    result = emotone("models", "export", "runs/x", "--out", tmp_path / "one")
    assert result.status == 0
    assert str(tmp_path / "one") in result.out
    named = ("--name", "mine", "--description", "Our calls")
    as_json = json.loads(emotone("models", "export", "runs/x", "--out", tmp_path / "two", *named, "--json").out)
    assert as_json["directory"] == str(tmp_path / "two")
    assert [(str(run), out.name, *rest) for run, out, *rest in given] == [
        ("runs/x", "one", "", "", "1.0.0", "", {}),
        ("runs/x", "two", "mine", "Our calls", "1.0.0", "", {}),
    ]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """The folder of a training, without weights."""
    recipe = tiny_recipe(labels="anger")
    (tmp_path / "run").mkdir()
    description: dict[str, Any] = {"schema": "emotone.run/1", "labels": ["anger", "other"], "signature": "f00d"}
    description |= {"corpora": {}, "speakers": {}, "recipe": to_mapping(recipe.written_out()), "best": 1, "history": []}
    (tmp_path / "run" / "run.json").write_text(json.dumps(description))
    about = {"recipe": description["recipe"], "scores": stored_scores()}
    write_run(tmp_path / "before", made_detector(2.0), **about)
    return tmp_path / "run"


def stored_scores() -> list[dict[str, Any]]:
    return [{"setting": "system", "metric": "uar", "corpus": "toy", "speaker_independent": True}]


def test_a_threshold_is_stored_and_printed(
    emotone: Callable[..., Any], run: Path, tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Any] = []

    def export_run(
        _: Path, out: Path, *, version: str, evaluation: str, thresholds: dict[str, float], **_rest: Any
    ) -> Path:
        given.append((version, evaluation, thresholds))
        return shutil.copytree(tiny_bundle, out)

    monkeypatch.setattr("emotone.fitting.export.export_run", export_run)
    asked = ("models", "export", run, "--false-positive-rate", "0.05", "--validation", tmp_path / "before")
    result = emotone(*asked, "--out", tmp_path / "one")
    assert result.status == 0
    (stored,) = chosen_threshold(made_detector(2.0), false_positive_rate=0.05)
    (_, card, thresholds) = given[0]
    assert thresholds == {"anger": stored.threshold}
    assert card.startswith("\n### Threshold\n\nThe model predicts `anger` if its probability is at least ")
    assert "limits false alarms to 5 % of the windows of `before`" in card
    assert "The model predicts `anger` if" in result.out
    printed = json.loads(emotone(*asked, "--per", "clip", "--out", tmp_path / "two", "--json").out)
    assert printed["threshold"]["points"][0]["per"] == "clip"
    assert printed["thresholds"] == {"anger": printed["threshold"]["points"][0]["threshold"]}


@pytest.mark.parametrize("option", [("--false-positive-rate", "0.05"), ("--validation", "before")])
def test_a_rate_needs_an_evaluation_and_the_reverse(
    emotone: Callable[..., Any], run: Path, tmp_path: Path, option: tuple[str, str]
) -> None:
    result = emotone("models", "export", run, "--out", tmp_path / "one", *option)
    assert (result.status, result.out) == (2, "")
    assert "--false-positive-rate and --validation need each other" in result.err


def test_a_card_shows_several_evaluations(
    emotone: Callable[..., Any], run: Path, tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cards: list[str] = []

    def export_run(_: Path, out: Path, *, evaluation: str, **rest: Any) -> Path:
        assert set(rest) == {"name", "description", "version", "thresholds"}
        cards.append(evaluation)
        return shutil.copytree(tiny_bundle, out)

    monkeypatch.setattr("emotone.fitting.export.export_run", export_run)
    about = json.loads((tmp_path / "before" / "run.json").read_text())
    other = write_run(tmp_path / "other", made_detector(1.0, corpus="elsewhere"), **about)
    before = operating_points_of(other, validation=tmp_path / "before")
    assert before is not None
    add_operating_points(other, before)
    both = ("--evaluation", tmp_path / "before", "--evaluation", other)
    assert emotone("models", "export", run, "--out", tmp_path / "one", *both).status == 0
    card, table = cards[0], before.table().markdown()
    assert card.index("`results/before`") < card.index("`results/other`") < card.index(table)


def test_a_model_is_pushed_and_got(emotone: Callable[..., Any], shipped: Path, tmp_path: Path) -> None:
    from fsspec.implementations.memory import MemoryFileSystem

    MemoryFileSystem.store.clear()
    pushed = emotone("models", "push", "default", "memory://models/tiny")
    assert pushed.status == 0
    got = emotone(*shlex.split(pushed.out.splitlines()[1])[1:-4], "--out", tmp_path / "tiny")
    assert (got.status, got.out.splitlines()[0].partition(": ")[0]) == (0, str(tmp_path / "tiny"))
    sha256 = json.loads(emotone("models", "show", tmp_path / "tiny", "--json").out)["sha256"]
    assert pushed.out.endswith(f"--sha256 {sha256}\n")
    as_json = ("models", "get", "memory://models/tiny", "--out", tmp_path / "tiny", "--json")
    assert json.loads(emotone(*as_json).out)["url"] == "memory://models/tiny"
    assert json.loads(emotone("models", "push", "default", "memory://models/tiny", "--json").out)["sha256"] == sha256
    refused = emotone("models", "get", "memory://models/tiny", "--out", tmp_path / "tiny", "--sha256", "0" * 64)
    assert (refused.status, "contains another model" in refused.err) == (2, True)
    MemoryFileSystem.store.clear()
