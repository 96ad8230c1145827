"""The spread over seeds against scoring every seed by itself."""

from __future__ import annotations

import statistics

import numpy as np
import pytest
from tests.made_runs import LABELS, Made

from emotone.errors import RunError
from emotone.evaluation.seeds import seeds_of
from emotone.metrics.classification import accuracy, macro_f1, unweighted_average_recall

SLOW = {"uar": unweighted_average_recall, "accuracy": accuracy, "macro-f1": macro_f1}


def test_every_seed_is_scored_by_itself() -> None:
    table = Made(corpora=("toy", "calls"), seeds=4).table()
    found = seeds_of(table)
    assert [(spread.corpus, spread.metric) for spread in found] == [
        (corpus, metric) for corpus in ("calls", "toy") for metric in SLOW
    ]
    for spread in found:
        values = []
        for seed in range(4):
            part = table.where((table.corpus == spread.corpus) & (table.seed == seed))
            values.append(SLOW[spread.metric](part.truth, part.prediction, labels=LABELS))
        assert spread.values == pytest.approx(dict(enumerate(values)))
        assert spread.mean == pytest.approx(statistics.mean(values))
        assert spread.deviation == pytest.approx(statistics.stdev(values))


def test_one_seed_has_no_deviation() -> None:
    spread = seeds_of(Made(skill=1.0).table())[0]
    assert spread.to_dict() == {"corpus": "toy", "metric": "uar", "values": {"0": 1.0}, "mean": 1.0, "deviation": None}


def test_nothing_to_score_is_an_error() -> None:
    table = Made().table()
    with pytest.raises(RunError, match="holds 0 systems; look at one at a time"):
        seeds_of(table.where(np.zeros(len(table), dtype=np.bool_)))
