"""What tests of comparisons share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from tests.made_runs import Made, write_run

from emotone.scoring.comparison import Comparison, Difference, compare_runs

if TYPE_CHECKING:
    from pathlib import Path

    from emotone.scoring.predictions import PredictionsTable

WEAK, STRONG = Made(skill=0.4, draw=1), Made(skill=0.7, draw=2)


def compare(folder: Path, *runs: Made | PredictionsTable, **settings: Any) -> Comparison:
    tables = [run.table() if isinstance(run, Made) else run for run in runs]
    folders = [write_run(folder / f"run-{number}", table) for number, table in enumerate(tables)]
    return compare_runs(folders, **{"replicates": 50, **settings})


def find(comparison: Comparison, metric: str, *, corpus: str = "toy", runs: str = "R1 R2") -> Difference:
    (found,) = [
        difference
        for difference in comparison.differences
        if (difference.metric, difference.corpus, f"{difference.first} {difference.second}") == (metric, corpus, runs)
    ]
    return found


def without(table: PredictionsTable, *keys: str) -> PredictionsTable:
    return table.where(~np.isin(table.utterance, keys))
