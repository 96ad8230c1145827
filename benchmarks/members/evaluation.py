"""Evaluation from cached features, and intervals of a large table."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
from benchmarks.base import Benchmark, Check, Outcome
from benchmarks.child import emotone, measure

from emotone.metrics.classification import statistic
from emotone.metrics.intervals import bootstrap, matrices_by_speaker

if TYPE_CHECKING:
    from benchmarks.base import Setting

TITLE = "Evaluation from cached features, and intervals"
METHOD = (
    "`emotone evaluate is10-linear-svm --workers 2`, leave-one-speaker-out, on Emo-DB as a complete process, with "
    "cached features and no finished run: scaling, nested selection of the cost, training, the audit, intervals. "
    "Intervals: 10,000 replicates of the UAR of 10,000 predictions of 50 speakers, clustered by speaker."
)
SECONDS, BOOTSTRAP_SECONDS = 20.0, 2.0
ROWS, SPEAKERS, LABELS, REPLICATES = 10_000, 50, 7, 10_000


def run(setting: Setting) -> Outcome:
    """Measure both; the evaluation only if Emo-DB is available."""
    checks = [Check("10,000 replicates of 10,000 rows", _bootstrap_seconds(), "<", BOOTSTRAP_SECONDS, "s")]
    if setting.shared is None:
        return Outcome(TITLE, f"{METHOD} There were no recordings for the evaluation.", tuple(checks))
    arguments = ["is10-linear-svm", "--corpus", f"emodb={setting.shared / 'corpora/emodb'}", "--workers", "2"]
    times = []
    for number in range(2):  # the first fills the cache
        command = emotone("evaluate", *arguments, "--quiet", "--out", str(setting.folder / f"evaluation-{number}"))
        times.append(measure(command).seconds)
    checks.append(Check("Emo-DB, leave-one-speaker-out", times[-1], "<", SECONDS, "s"))
    rows = tuple(zip(("features as found", "cached features"), (f"{seconds:.1f}" for seconds in times), strict=True))
    return Outcome(TITLE, METHOD, tuple(checks), ("evaluation of Emo-DB", "seconds"), rows)


def _bootstrap_seconds() -> float:
    rng = np.random.default_rng(0)
    truth, prediction = rng.integers(0, LABELS, ROWS), rng.integers(0, LABELS, ROWS)
    speakers = np.array([f"s{number}" for number in rng.integers(0, SPEAKERS, ROWS)])
    start = time.perf_counter()
    matrices, reason = matrices_by_speaker(truth, prediction, speakers, size=LABELS)
    if matrices is None:
        raise RuntimeError(reason)
    bootstrap(matrices, statistic("uar"), rng=rng, replicates=REPLICATES)
    return time.perf_counter() - start


BENCHMARK = Benchmark(run)
