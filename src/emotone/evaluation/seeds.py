"""How much a score changes from one training to the next: its mean and deviation over seeds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from emotone.errors import RunError
from emotone.metrics import base
from emotone.metrics.classification import confusion_matrix

if TYPE_CHECKING:
    from emotone.evaluation.table import PredictionsTable


@dataclass(frozen=True, slots=True)
class SeedSpread:
    """One score, seed by seed.

    Attributes:
        corpus: registry name.
        metric: "uar", "accuracy" or "macro-f1", pooled over the folds of a seed.
        values: score by seed, in [0, 1].
        mean: over the seeds.
        deviation: sample standard deviation over the seeds (n - 1 in the denominator); None for a single seed.

    """

    corpus: str
    metric: str
    values: dict[int, float]
    mean: float
    deviation: float | None

    def to_dict(self) -> dict[str, Any]:
        """Return the row for JSON."""
        return {
            "corpus": self.corpus,
            "metric": self.metric,
            "values": {str(seed): value for seed, value in self.values.items()},
            "mean": self.mean,
            "deviation": self.deviation,
        }


def seeds_of(table: PredictionsTable) -> list[SeedSpread]:
    """Return every score's mean and deviation over seeds, corpus by corpus.

    The deviation tells how much chance there is in the training, and nothing about other speakers: that is what the
    interval clustered by speaker is for.

    Args:
        table: of one system; only rows of whole utterances are looked at.

    Raises:
        RunError: no whole-utterance rows, or several systems.

    Example:
        >>> from emotone.evaluation.table import PredictionRow, PredictionsTable
        >>> rows = [PredictionRow(f"toy/{i}", "toy", "held-out", "all", seed, "s1", "fear", [p, 1 - p], "f00d")
        ...         for seed, of_seed in enumerate([(0.9, 0.1), (0.9, 0.9)]) for i, p in enumerate(of_seed)]
        >>> spread = seeds_of(PredictionsTable.from_rows(rows, labels=["fear", "joy"]))[0]
        >>> spread.metric, spread.values, spread.mean, round(spread.deviation, 4)
        ('uar', {0: 0.5, 1: 1.0}, 0.75, 0.3536)

    """
    whole = table.whole_utterances()
    systems = np.unique(whole.system)
    if len(systems) != 1:
        raise RunError(f"the predictions table holds {len(systems)} systems; look at one at a time")
    found = []
    for corpus in whole.corpora:
        part = whole.of_corpus(corpus)
        matrices = {int(seed): _matrix(part.where(part.seed == seed)) for seed in np.unique(part.seed)}
        for metric in base.METRIC_NAMES:
            score = base.statistic(metric)
            values = {seed: float(score(matrix)) for seed, matrix in matrices.items()}
            found.append(_spread(corpus, metric, values))
    return found


def _matrix(part: PredictionsTable) -> base.Matrices:
    return confusion_matrix(part.truth, part.prediction, labels=part.labels).astype(np.float64)


def _spread(corpus: str, metric: str, values: dict[int, float]) -> SeedSpread:
    listed = list(values.values())
    deviation = float(np.std(listed, ddof=1)) if len(listed) > 1 else None
    return SeedSpread(corpus, metric, values, float(np.mean(listed)), deviation)
