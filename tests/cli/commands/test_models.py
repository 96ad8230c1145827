"""`emotone models` and `emotone recipes`."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest
from tests.made_runs import made_detector, write_run
from tests.toy import signature_of, tiny_recipe

from emotone.bundles.library import shipped_names
from emotone.config import to_mapping
from emotone.nets.base import NETS
from emotone.nets.layers import layer_table, parameter_count, receptive_field
from emotone.recipes.library import load_recipe
from emotone.recipes.library import shipped_names as shipped_recipe_names
from emotone.scoring.detection import chosen_threshold
from emotone.scoring.operating_points import add_operating_points, operating_points_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


# ----------------------------------------------------------------------------------------------------------------------
# `emotone models`: list, show, check, and the arguments of export.


@pytest.fixture
def damaged(shipped: Path) -> Path:
    shutil.copytree(shipped / "default", shipped / "other")
    (shipped / "other" / "LICENSE").write_text("anything goes")
    return shipped / "other"


def test_list_of_models(emotone: Callable[..., Any], shipped: Path) -> None:
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


# ----------------------------------------------------------------------------------------------------------------------
# `emotone recipes`: the shipped recipes are listed, and shown as TOML with all defaults.


def test_every_recipe_is_listed(emotone: Callable[..., Any]) -> None:
    result = emotone("recipes", "list")
    assert (result.status, result.err) == (0, "")
    assert "majority" in result.out
    assert "description" in result.out
    listed = json.loads(emotone("recipes", "list", "--json").out)
    assert [recipe["name"] for recipe in listed] == list(shipped_recipe_names())
    assert all(set(recipe) == {"name", "labels", "description"} for recipe in listed)


@pytest.mark.parametrize("name", ["is10-linear-svm", "chance", "compare-mlp"])
def test_a_shown_recipe_has_the_same_signature(emotone: Callable[..., Any], name: str, tmp_path: Path) -> None:
    result = emotone("recipes", "show", name)
    assert result.status == 0
    (tmp_path / "mine.toml").write_text(result.out, encoding="utf-8")
    assert signature_of(load_recipe(str(tmp_path / "mine.toml"))) == signature_of(load_recipe(name))
    assert json.loads(emotone("recipes", "show", name, "--json").out)["name"] == name


@pytest.mark.parametrize("name", shipped_recipe_names())
def test_every_shipped_recipe_is_shown(emotone: Callable[..., Any], name: str, tmp_path: Path) -> None:
    result = emotone("recipes", "show", name)
    assert (result.status, result.err) == (0, "")
    (tmp_path / "mine.toml").write_text(result.out, encoding="utf-8")
    assert load_recipe(str(tmp_path / "mine.toml")).written_out() == load_recipe(name).written_out()


def test_a_recipe_in_a_file_is_shown_with_its_defaults(emotone: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('name = "a"\nlabels = "every"\n[classifier]\nname = "mlp"\nhidden = 3\n')
    result = json.loads(emotone("recipes", "show", tmp_path / "mine.toml", "--json").out)
    assert result["classifier"] == {"name": "mlp", "hidden": 3, "penalty": [0.1, 1.0, 10.0], "epochs": 60}


def test_an_unknown_name_is_one_line_with_the_nearest(emotone: Callable[..., Any]) -> None:
    result = emotone("recipes", "show", "is10-linear-svn")
    assert (result.status, result.out) == (2, "")
    assert "unknown recipe 'is10-linear-svn'; did you mean 'is10-linear-svm'?" in result.err
    assert result.err.count("\n") == 1


def test_listing_loads_neither_scikit_learn_nor_torch_nor_opensmile() -> None:
    code = (
        "import sys; from emotone.cli.main import run; run(['recipes', 'list', '--json']); "
        "sys.stderr.write(' '.join(sorted({name.split('.')[0] for name in sys.modules})))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert {"sklearn", "torch", "opensmile", "scipy", "pandas"}.isdisjoint(done.stderr.split())


# ----------------------------------------------------------------------------------------------------------------------
# `emotone nets` lists the registry, without torch.


def test_list_of_nets(emotone: Callable[..., Any]) -> None:
    result = emotone("nets", "list")
    assert (result.status, result.err) == (0, "")
    assert "log-mel-cnn" in result.out


def test_list_as_json_is_the_registry(emotone: Callable[..., Any]) -> None:
    result = emotone("nets", "list", "--json")
    assert result.status == 0
    found = {net["name"]: net for net in json.loads(result.out)}
    assert tuple(found) == NETS.names
    for name, net in found.items():
        layers = layer_table(NETS.get(name)(), 64, 7)
        assert net["parameters"] == parameter_count(layers) == sum(layer["parameters"] for layer in net["layers"])
        assert net["receptive_field"] == receptive_field(layers)
        assert net["title"]
        assert net["paper"]


@pytest.mark.parametrize("name", NETS.names)
def test_show_has_every_layer(emotone: Callable[..., Any], name: str) -> None:
    result = emotone("nets", "show", name)
    assert (result.status, result.err) == (0, "")
    for layer in layer_table(NETS.get(name)(), 64, 7):
        assert layer.name in result.out
        assert f"{layer.parameters:,}" in result.out


def test_show_for_other_sizes(emotone: Callable[..., Any]) -> None:
    shown = json.loads(emotone("nets", "show", "log-mel-cnn", "--bands", 40, "--classes", 4, "--json").out)
    assert shown["parameters"] == parameter_count(layer_table(NETS.get("log-mel-cnn")(), 40, 4))
    assert shown["layers"][-1]["output"] == "4"
    assert shown["settings"]["channels"]


@pytest.mark.parametrize(
    ("recipe", "parameters"), [("anger-soundnet", 215_826), ("anger-soundnet-average-wide", 463_266)]
)
def test_show_the_net_of_a_recipe_as_the_recipe_has_it(
    emotone: Callable[..., Any], recipe: str, parameters: int
) -> None:
    result = emotone("nets", "show", recipe)
    assert (result.status, result.err) == (0, "")
    assert f"{parameters:,}" in result.out
    assert "one sample each" in result.out
    shown = json.loads(emotone("nets", "show", recipe, "--classes", 3, "--json").out)
    assert shown["layers"][-1]["output"] == "3"


def test_show_the_net_of_a_recipe_in_a_file(emotone: Callable[..., Any], tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text(
        'name = "mine"\nlabels = "four"\n[front_end]\nname = "log-mel"\nbands = 40\n[net]\nname = "log-mel-cnn"\n'
    )
    shown = json.loads(emotone("nets", "show", mine, "--json").out)
    assert shown["parameters"] == parameter_count(layer_table(NETS.get("log-mel-cnn")(), 40, 4))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("show", "is10-linear-svm"), "is a baseline: it has a classifier and no net"),
        (("show", "log-mel-cn"), "unknown network 'log-mel-cn'; did you mean 'log-mel-cnn'?"),
        (("show", "log-mel-cnn", "--classes", "1"), "--classes at least 2; given 64 and 1"),
        (("show", "log-mel-cnn", "--bands", "0"), "--bands must be at least 1"),
        (("show",), "Missing argument 'NAME'"),
    ],
)
def test_wrong_usage_is_one_line(emotone: Callable[..., Any], arguments: tuple[str, ...], message: str) -> None:
    result = emotone("nets", *arguments)
    assert (result.status, result.out) == (2, "")
    assert message in result.err
    assert result.err.count("\n") == 1


def without_torch(*arguments: str) -> subprocess.CompletedProcess[str]:
    code = f"import sys; sys.modules['torch'] = None; from emotone.cli.main import run; sys.exit(run({arguments!r}))"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("name", ["log-mel-cnn", "anger-soundnet"])
def test_default_tables_need_no_torch(name: str) -> None:
    process = without_torch("nets", "show", name, "--json")
    assert process.returncode == 0, process.stderr
    assert json.loads(process.stdout)["name"] == name


def test_without_torch_tables_of_other_sizes_name_the_extra() -> None:
    process = without_torch("nets", "show", "log-mel-cnn", "--bands", "63")
    assert (process.returncode, process.stdout) == (2, "")
    assert "the layer table of a network with other settings needs the package 'torch'" in process.stderr
    assert "emotone[train]" in process.stderr
    assert process.stderr.count("\n") == 1
