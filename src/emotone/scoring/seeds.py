"""How much a score changes from one seed to the next: its mean and deviation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from emotone.errors import RunError
from emotone.metrics import base
from emotone.metrics.classification import confusion_matrix
from emotone.metrics.detection import auroc
from emotone.scoring.detection import positive_of
from emotone.scoring.detection_scores import AUROC, WINDOW_AUROC
from emotone.scoring.segments import has_segments, segment_values
from emotone.scoring.table_checks import WHOLE

if TYPE_CHECKING:
    from emotone.scoring.table import PredictionsTable


@dataclass(frozen=True, slots=True)
class SeedSpread:
    """One score, seed by seed.

    Attributes:
        corpus: registry name.
        metric: "uar", "accuracy" or "macro-f1", pooled over the folds of a seed; of detectors also "au-roc" and
            "window-au-roc", and of segments those of `emotone.scoring.segments`.
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

    The deviation tells how much chance there is in the training, together with the division where a protocol draws one
    for each seed. It tells nothing about speakers whom the corpus lacks: the interval clustered by speaker does.

    Args:
        table: of one system.

    Raises:
        RunError: no whole-utterance rows, or several systems.

    Example:
        >>> from emotone.scoring.table import PredictionRow, PredictionsTable
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
        found += [*_areas(table.of_corpus(corpus)), *_segments(table.of_corpus(corpus))]
    return found


def _areas(part: PredictionsTable) -> list[SeedSpread]:
    """Return the AU-ROC of a detector over clips and over windows; nothing where it is undefined."""
    positive = positive_of(part.labels)
    if positive is None:
        return []
    column = part.labels.index(positive)
    found = []
    for metric, rows in ((AUROC, part.segment == WHOLE), (WINDOW_AUROC, part.segment != WHOLE)):
        of = part.where(rows)
        if len(np.unique(of.truth)) == 2:
            values = {
                int(seed): float(auroc(one.truth == positive, one.probabilities[:, column]))
                for seed in np.unique(of.seed)
                for one in (of.where(of.seed == seed),)
            }
            found.append(_spread(str(of.corpus[0]), metric, values))
    return found


def _segments(part: PredictionsTable) -> list[SeedSpread]:
    """Return the accuracies of segments, and of clips by their segments; nothing where there are none."""
    if not has_segments(part):
        return []
    windows = part.windows()
    by_seed = {int(seed): segment_values(windows.where(windows.seed == seed)) for seed in np.unique(windows.seed)}
    return [
        _spread(str(part.corpus[0]), metric, {seed: values[metric] for seed, values in by_seed.items()})
        for metric in next(iter(by_seed.values()))
    ]


def _matrix(part: PredictionsTable) -> base.Matrices:
    return confusion_matrix(part.truth, part.prediction, labels=part.labels).astype(np.float64)


def _spread(corpus: str, metric: str, values: dict[int, float]) -> SeedSpread:
    listed = list(values.values())
    deviation = float(np.std(listed, ddof=1)) if len(listed) > 1 else None
    return SeedSpread(corpus, metric, values, float(np.mean(listed)), deviation)
