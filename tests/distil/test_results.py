from __future__ import annotations

import json
from pathlib import Path

import pytest

from emotone.distil.probe import Comparison, Probe
from emotone.distil.recipe import read_source_recipe
from emotone.distil.results import PROBES, load_probes, save_results
from emotone.distil.run import CARD, RUN
from emotone.errors import RunError

RECIPES = Path(__file__).resolve().parent.parent.parent / "recipes" / "sources"
FOUND = Comparison(
    "rain", 2, 0.5, ("5",), {"student": (Probe(("conv1",), {"1": 0.5, "5": 1.0}, 0.75, 4),), "untrained-1": ()}
)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    (tmp_path / "run").mkdir()
    for name in (RUN, CARD, "weights.safetensors"):
        (tmp_path / "run" / name).write_text(name)
    save_results(tmp_path / "run", (FOUND,), tmp_path / "results", signature="s")
    return tmp_path / "results"


def test_results_come_back_without_weights(saved: Path) -> None:
    assert load_probes(saved) == (FOUND,)
    assert sorted(path.name for path in saved.iterdir()) == sorted([RUN, CARD, PROBES])
    assert (saved / RUN).read_text() == RUN


def test_a_folder_without_probes_is_said(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="holds no probes of a source"):
        load_probes(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema": "x"}, "has schema 'x'"),
        ({"comparisons": [{"probes": 3, "unheard": []}]}, "probes are no mapping"),
        ({"comparisons": [{}]}, "can't be read as probes"),
    ],
)
def test_probes_that_are_none_are_said(saved: Path, change: dict[str, object], message: str) -> None:
    (saved / PROBES).write_text(json.dumps(json.loads((saved / PROBES).read_text()) | change))
    with pytest.raises(RunError, match=message):
        load_probes(saved)


def test_there_are_recipes_of_sources_and_all_can_be_read() -> None:
    found = sorted(RECIPES.glob("*.toml"))
    assert found
    assert [read_source_recipe(each).name for each in found] == [each.stem for each in found]
