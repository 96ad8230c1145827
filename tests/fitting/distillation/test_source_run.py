from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from tests.fitting.distillation.conftest import made_run

from emotone.errors import RunError
from emotone.fitting.distillation.card import NOTES, results_card, source_card
from emotone.fitting.distillation.source_run import (
    PROBES,
    RUN,
    LayerProbe,
    ProbeComparison,
    load_probes,
    load_source_run,
    save_probes,
    save_source_run,
)
from emotone.recipes.source_recipe import read_source_recipe

ROOT = Path(__file__).resolve().parent.parent.parent.parent
PLACE = re.compile(r"(?<![\w/.])/\w+/|\b[A-Z]:\\")  # an absolute path
RECIPES = ROOT / "src/emotone/recipes/shipped/sources"
FOUND = ProbeComparison("rain", 2, 0.5, ("5",), {"student": (LayerProbe(("conv1",), {"1": 0.5, "5": 1.0}, 0.75, 4),)})


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    save_source_run(made_run(), tmp_path / "results")
    save_probes((FOUND,), tmp_path / "results", signature=made_run().signature)
    return tmp_path / "results"


def test_results_are_read_back(saved: Path) -> None:
    assert load_probes(saved, signature=made_run().signature) == (FOUND,)
    assert sorted(path.name for path in saved.iterdir()) == sorted([RUN, PROBES])
    assert load_source_run(saved) == made_run()


def test_the_card_of_results_has_probes_and_notes(saved: Path) -> None:
    assert results_card(saved) == source_card(made_run(), [FOUND])
    (saved / NOTES).write_text("## Limits\n")
    assert results_card(saved).endswith("\n\n## Limits\n")


def test_probes_of_another_training_are_no_part_of_a_card(saved: Path) -> None:
    (saved / PROBES).write_text(json.dumps(json.loads((saved / PROBES).read_text()) | {"signature": "another"}))
    with pytest.raises(RunError, match=r"belongs to the training another, run\.json in its folder to 0123456789ab"):
        results_card(saved)


def test_a_folder_without_probes_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="contains no probes of a source"):
        load_probes(tmp_path, signature="0123456789ab")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema": "x"}, "has schema 'x'"),
        ({"comparisons": [{"probes": 3, "unheard": []}]}, "can't be read as probes"),
        ({"comparisons": [{}]}, "can't be read as probes"),
    ],
)
def test_probes_that_are_none_are_errors(saved: Path, change: dict[str, object], message: str) -> None:
    (saved / PROBES).write_text(json.dumps(json.loads((saved / PROBES).read_text()) | change))
    with pytest.raises(RunError, match=message):
        load_probes(saved, signature="0123456789ab")


def test_there_are_recipes_of_sources_and_all_can_be_read() -> None:
    found = sorted(RECIPES.glob("*.toml"))
    assert found
    assert [read_source_recipe(each).name for each in found] == [each.stem for each in found]


def test_what_is_kept_of_sources_names_no_place_of_a_machine() -> None:
    """And each has what its card is made from; `tests/test_docs.py` compares the cards."""
    folders = sorted(path.parent for path in (ROOT / "results/sources").glob("*/run.json"))
    assert folders
    for folder in folders:
        assert results_card(folder).startswith(f"# {folder.name}\n")
        for path in folder.iterdir():
            assert PLACE.search(path.read_text(encoding="utf-8")) is None, path
