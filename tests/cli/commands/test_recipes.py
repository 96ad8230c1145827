"""recipes and nets: what there is, and what is in it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from tests.toy import signature_of

from emotone.nets.base import NETS
from emotone.nets.layers import layer_table, parameter_count, receptive_field
from emotone.recipes.library import load_recipe, shipped_names

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


# ----------------------------------------------------------------------------------------------------------------------
# `emotone recipes`: the shipped recipes are listed, and shown as TOML with all defaults.


def test_every_recipe_is_listed(emotone: Callable[..., Any]) -> None:
    result = emotone("recipes", "list")
    assert (result.status, result.err) == (0, "")
    assert "majority" in result.out
    assert "description" in result.out
    listed = json.loads(emotone("recipes", "list", "--json").out)
    assert [recipe["name"] for recipe in listed] == list(shipped_names())
    assert all(set(recipe) == {"name", "labels", "description"} for recipe in listed)


@pytest.mark.parametrize("name", ["is10-linear-svm", "chance", "compare-mlp"])
def test_a_shown_recipe_has_the_same_signature(emotone: Callable[..., Any], name: str, tmp_path: Path) -> None:
    result = emotone("recipes", "show", name)
    assert result.status == 0
    (tmp_path / "mine.toml").write_text(result.out, encoding="utf-8")
    assert signature_of(load_recipe(str(tmp_path / "mine.toml"))) == signature_of(load_recipe(name))
    assert json.loads(emotone("recipes", "show", name, "--json").out)["name"] == name


@pytest.mark.parametrize("name", shipped_names())
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


def test_list(emotone: Callable[..., Any]) -> None:
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
