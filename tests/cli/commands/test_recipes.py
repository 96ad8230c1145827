"""`emotone recipes`: the shipped recipes are listed, and shown as TOML with all defaults."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from tests.toy import signature_of

from emotone.recipes.library import load_recipe, shipped_names

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


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
