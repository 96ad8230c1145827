"""AU-ROC of windows by training run: per corpus and over several corpora, and tests over training runs.

Probabilities of different networks are not comparable, so they are not pooled: the AU-ROC is computed for each training
run, and averaged.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from emotone.inference.segments import positive_of
from emotone.metrics.detection import auroc
from emotone.metrics.significance import paired_t
from emotone.scoring.finished_run import read_run

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from emotone.reproductions.base import CellResult

ENGLISH = ("ravdess", "savee")
GROUPS: dict[str, tuple[str, ...]] = {
    "ravdess": ("ravdess",),
    "savee": ("savee",),
    "English (RAVDESS, SAVEE)": ENGLISH,
    "emodb": ("emodb",),
    "emovo": ("emovo",),
    "nemo": ("nemo",),
    "all five corpora": (*ENGLISH, "emodb", "emovo", "nemo"),
}
"""Title -> corpora whose windows are pooled."""


@dataclass(frozen=True)
class TrainingRuns:
    """The AU-ROC of one system by training run.

    Attributes:
        values: one per training run, in the order of seeds, in [0, 1].

    """

    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Mean over training runs."""
        return float(np.mean(self.values))

    @property
    def deviation(self) -> float:
        """Standard deviation over training runs; 0 with one run."""
        return float(np.std(self.values, ddof=1)) if len(self.values) > 1 else 0.0

    @property
    def text(self) -> str:
        """Mean and standard deviation times 100, e.g. "85.5 ± 0.8"."""
        return f"{100 * self.mean:.1f}" + (f" ± {100 * self.deviation:.1f}" if len(self.values) > 1 else "")


def training_runs(results: Sequence[CellResult], runs: Path) -> dict[str, dict[str, TrainingRuns]]:
    """Return AU-ROCs by row id and group of corpora, for groups whose corpora are all tested.

    Args:
        results: of the table.
        runs: folder of its runs.

    """
    folders = {result.cell.row.id: result.run for result in results if result.run}
    return {row: dict(_groups(runs / run)) for row, run in folders.items()}


def p_over_runs(first: TrainingRuns, second: TrainingRuns) -> float | None:
    """Return the p of Student's paired t-test over training runs of the same seeds; None if undefined."""
    if len(first.values) != len(second.values) or len(first.values) < 2:
        return None
    return paired_t(first.values, second.values).p


def mean_over_corpora(found: Mapping[str, TrainingRuns]) -> float:
    """Return the mean over the single corpora of the mean over training runs."""
    return float(np.mean([found[group].mean for group, names in GROUPS.items() if len(names) == 1 and group in found]))


def _groups(folder: Path) -> Iterator[tuple[str, TrainingRuns]]:
    windows = read_run(folder).predictions.windows()
    positive = positive_of(windows.labels)
    if positive is None:
        return
    truth, scores = windows.truth == positive, windows.probabilities[:, windows.labels.index(positive)]
    for title, corpora in GROUPS.items():
        if not set(corpora) <= set(windows.corpora):
            continue
        inside = np.isin(windows.corpus, corpora)
        values = []
        for seed in np.unique(windows.seed):
            of_run = inside & (windows.seed == seed)
            if len(np.unique(truth[of_run])) == 2:
                values.append(float(auroc(truth[of_run], scores[of_run])))
        if values:
            yield title, TrainingRuns(tuple(values))
