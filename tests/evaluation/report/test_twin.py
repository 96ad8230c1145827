"""The speaker-independent twin of a speaker-dependent run: the same recipe and recordings."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from tests.made_runs import Made, write_run

from emotone.evaluation.report.run_report import reports_of
from emotone.scoring.scores import scores_of

if TYPE_CHECKING:
    from pathlib import Path

    from emotone.evaluation.report.run_report import TwinRun

RANDOM, TWIN = Made(speakers=4, protocol="random-5"), Made(speakers=4, skill=0.4, protocol="speaker-folds-5")
RECIPE = {"name": "mine", "seed": 1}


def write(folder: Path, made: Made, **about: Any) -> Path:
    return write_run(folder, made.table(), **{"recipe": RECIPE, "seeds": 1, **about})


def twin_of(*folders: Path) -> TwinRun:
    found = reports_of(folders)[0].twin
    assert found is not None
    return found


def test_among_the_runs_of_the_report(tmp_path: Path) -> None:
    found = twin_of(write(tmp_path / "a/one", RANDOM), write(tmp_path / "b/two", TWIN))
    assert (found.protocol, found.folder) == ("speaker-folds-5", tmp_path / "b/two")
    assert list(found.scores) == scores_of(TWIN.table())


def test_in_a_sibling_folder(tmp_path: Path) -> None:
    run = write(tmp_path / "one", RANDOM)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken/run.json").write_text("{", encoding="utf-8")
    write(tmp_path / "two", TWIN)
    found = twin_of(run)
    assert found.folder is not None
    assert found.folder.name == "two"
    assert list(found.scores) == scores_of(TWIN.table())


@pytest.mark.parametrize(
    ("made", "about"),
    [
        (TWIN, {"recipe": {"name": "other"}}),
        (TWIN, {"seeds": 2}),
        (replace(TWIN, protocol="speaker-folds-10"), {}),
        (replace(TWIN, clips=8), {}),
    ],
)
def test_other_runs_are_not_twins(tmp_path: Path, made: Made, about: dict[str, Any]) -> None:
    run = write(tmp_path / "one", RANDOM)
    write(tmp_path / "two", made, **about)
    found = twin_of(run)
    assert (found.protocol, found.folder, found.scores) == ("speaker-folds-5", None, ())


@pytest.mark.parametrize("protocol", ["leave-one-speaker-out", "somebody-elses"])
def test_speaker_independent_protocols_have_no_twin(tmp_path: Path, protocol: str) -> None:
    (report,) = reports_of([write(tmp_path / "one", replace(RANDOM, protocol=protocol))])
    assert report.twin is None
