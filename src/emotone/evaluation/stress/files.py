"""A stress run as files: the scores as JSON and CSV, and every label that they are computed from."""

from __future__ import annotations

import csv
import json
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

from emotone.evaluation.stress.run import Outcome
from emotone.evaluation.stress.scores import unchanged_uar
from emotone.files import atomic_write

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from emotone.evaluation.stress.run import StressRun
    from emotone.evaluation.stress.scores import StressScore
    from emotone.metrics.intervals import Estimate

SCHEMA = "emotone.stress/1"
SCORES_JSON, SCORES_CSV, OUTCOMES_CSV = "stress.json", "stress.csv", "outcomes.csv"
ESTIMATE = ("value", "low", "high")
COLUMNS = (
    "corpus",
    "perturbation",
    "setting",
    "n",
    "speakers",
    "bound",
    *(f"{name}_{part}" for name in ("changed", "uar", "uar_lost") for part in ESTIMATE),
    "silent",
    "exceeded",
)


def to_dict(run: StressRun, scores: Sequence[StressScore]) -> dict[str, Any]:
    """Return a stress run as one JSON object `emotone.stress/1`, without its outcomes."""
    uar = unchanged_uar(run)
    usable = {outcome.utterance for outcome in run.outcomes}
    speakers = {outcome.speaker for outcome in run.outcomes}
    return {
        "schema": SCHEMA,
        "model": asdict(run.model),
        "seed": run.seed,
        "recordings": len(usable),
        "speakers": 0 if "" in speakers else len(speakers),
        "uar": None if uar is None else asdict(uar),
        "scores": [score.to_dict() for score in scores],
        "without_speech": list(run.silent),
        "problems": [asdict(problem) for problem in run.problems],
    }


def write_stress(folder: Path, run: StressRun, scores: Sequence[StressScore]) -> None:
    """Write the scores as `stress.json` and `stress.csv`, and the labels of every recording as `outcomes.csv`.

    Rates are in [0, 1]. Existing files are overwritten.

    Raises:
        OutputError: the folder can't be written.

    """
    with atomic_write(folder / SCORES_JSON, text=True) as stream:
        stream.write(json.dumps(to_dict(run, scores), indent=1, ensure_ascii=False, allow_nan=False) + "\n")
    _write_csv(folder / SCORES_CSV, COLUMNS, (_row(score) for score in scores))
    names = tuple(field.name for field in fields(Outcome))
    _write_csv(folder / OUTCOMES_CSV, names, (tuple(asdict(outcome).values()) for outcome in run.outcomes))


def _row(score: StressScore) -> tuple[object, ...]:
    return (
        score.corpus,
        score.perturbation,
        score.setting,
        score.changed.n,
        score.changed.speakers,
        score.bound,
        *_cells(score.changed),
        *_cells(score.uar),
        *_cells(score.lost),
        score.silent,
        score.exceeded,
    )


def _cells(estimate: Estimate | None) -> tuple[float | None, ...]:
    return tuple(None if estimate is None else getattr(estimate, part) for part in ESTIMATE)


def _write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with atomic_write(path, text=True) as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
