"""Scores by seed and by speaker, from the predictions table.

A pooled score hides both the variation between training runs and the speakers for whom a system fails.

Contents:
    seeds_of        mean and standard deviation of every score over seeds
    speakers_of     the scores of every speaker, lowest UAR first
    speakers_table
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from emotone.errors import RunError
from emotone.inference.segments import positive_of
from emotone.metrics.classification import METRIC_NAMES, confusion_matrix, recalls, statistic, uar
from emotone.metrics.detection import auroc
from emotone.scoring.predictions import WHOLE
from emotone.scoring.result_table import ResultTable, percent
from emotone.scoring.scores import AUROC, WINDOW_AUROC
from emotone.scoring.segments import has_segments, segment_values

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emotone.metrics.classification import Matrices
    from emotone.scoring.predictions import PredictionsTable


@dataclass(frozen=True, slots=True)
class SeedSpread:
    """One score by seed.

    Attributes:
        corpus: registry name.
        metric: "uar", "accuracy" or "macro-f1", pooled over the folds of a seed; of detectors also "au-roc" and
            "window-au-roc", and of segments those of `emotone.scoring.segments`.
        values: value by seed, in [0, 1].
        mean: over the seeds.
        deviation: sample standard deviation over the seeds; None for a single seed.

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
    """Return the mean and deviation over seeds of every score, by corpus.

    The deviation measures the randomness of training, and of the folds if a protocol draws them per seed. It does not
    measure the variation between speakers: the interval clustered by speaker does.

    Args:
        table: of one system.

    Raises:
        RunError: no whole-utterance rows, or several systems.

    Example:
        >>> from emotone.scoring.predictions import PredictionRow, PredictionsTable
        >>> rows = [PredictionRow(f"toy/{i}", "toy", "held-out", "all", seed, "s1", "fear", [p, 1 - p], "f00d")
        ...         for seed, of_seed in enumerate([(0.9, 0.1), (0.9, 0.9)]) for i, p in enumerate(of_seed)]
        >>> spread = seeds_of(PredictionsTable.from_rows(rows, labels=["fear", "joy"]))[0]
        >>> spread.metric, spread.values, spread.mean, round(spread.deviation, 4)
        ('uar', {0: 0.5, 1: 1.0}, 0.75, 0.3536)

    """
    whole = table.whole_utterances()
    systems = np.unique(whole.system)
    if len(systems) != 1:
        raise RunError(f"the predictions table contains {len(systems)} systems; score one at a time")
    found = []
    for corpus in whole.corpora:
        part = whole.of_corpus(corpus)
        matrices = {int(seed): _matrix(part.where(part.seed == seed)) for seed in np.unique(part.seed)}
        for metric in METRIC_NAMES:
            score = statistic(metric)
            values = {seed: float(score(matrix)) for seed, matrix in matrices.items()}
            found.append(_spread(corpus, metric, values))
        found += [*_areas(table.of_corpus(corpus)), *_segments(table.of_corpus(corpus))]
    return found


def _areas(part: PredictionsTable) -> list[SeedSpread]:
    """Return the AU-ROC of a detector over clips and over windows, if defined."""
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
    """Return the segment and clip accuracies, if there are segments."""
    if not has_segments(part):
        return []
    windows = part.windows()
    by_seed = {int(seed): segment_values(windows.where(windows.seed == seed)) for seed in np.unique(windows.seed)}
    return [
        _spread(str(part.corpus[0]), metric, {seed: values[metric] for seed, values in by_seed.items()})
        for metric in next(iter(by_seed.values()))
    ]


def _matrix(part: PredictionsTable) -> Matrices:
    return confusion_matrix(part.truth, part.prediction, labels=part.labels).astype(np.float64)


def _spread(corpus: str, metric: str, values: dict[int, float]) -> SeedSpread:
    listed = list(values.values())
    deviation = float(np.std(listed, ddof=1)) if len(listed) > 1 else None
    return SeedSpread(corpus, metric, values, float(np.mean(listed)), deviation)


@dataclass(frozen=True, slots=True)
class SpeakerScore:
    """One speaker's scores, pooled over seeds.

    Attributes:
        corpus: registry name.
        speaker: unique within the corpus; "" for clips of unknown speakers.
        n: number of different utterances.
        uar: mean recall over the speaker's labels, in [0, 1].
        accuracy: share of correct predictions, in [0, 1].
        recalls: recall of each of the speaker's labels, in the order of the table's labels.

    """

    corpus: str
    speaker: str
    n: int
    uar: float
    accuracy: float
    recalls: dict[str, float]

    def to_dict(self) -> dict[str, Any]:
        """Return the row for JSON."""
        return {
            "corpus": self.corpus,
            "speaker": self.speaker or None,
            "n": self.n,
            "uar": self.uar,
            "accuracy": self.accuracy,
            "recalls": self.recalls,
        }


def speakers_of(table: PredictionsTable) -> list[SpeakerScore]:
    """Return the scores of every speaker by corpus, lowest UAR first.

    Args:
        table: of one system; only rows of whole utterances are used.

    Raises:
        RunError: no whole-utterance rows, or several systems.

    Example:
        >>> from emotone.scoring.predictions import PredictionRow, PredictionsTable
        >>> rows = [PredictionRow(f"toy/{i}", "toy", "speaker-folds-2", "f1", 0, f"s{i % 2}", truth, [0.9, 0.1], "f00d")
        ...         for i, truth in enumerate(["fear", "fear", "joy", "fear"])]
        >>> for found in speakers_of(PredictionsTable.from_rows(rows, labels=["fear", "joy"])):
        ...     print(found.speaker, found.n, found.uar, found.recalls)
        s0 2 0.5 {'fear': 1.0, 'joy': 0.0}
        s1 2 1.0 {'fear': 1.0}

    """
    whole = table.whole_utterances()
    systems = np.unique(whole.system)
    if len(systems) != 1:
        raise RunError(f"the predictions table contains {len(systems)} systems; score one at a time")
    found = [
        _score(whole.where((whole.corpus == corpus) & (whole.speaker == speaker)))
        for corpus in whole.corpora
        for speaker in np.unique(whole.speaker[whole.corpus == corpus])
    ]
    return sorted(found, key=lambda score: (score.corpus, score.uar, score.speaker))


def speakers_table(scores: Sequence[SpeakerScore], *, labels: Sequence[str]) -> ResultTable:
    """Return the scores of speakers times 100, with the recall of each label that occurs."""
    shown = [label for label in labels if any(label in score.recalls for score in scores)]
    rows = (
        (
            score.corpus,
            score.speaker or "unknown",
            str(score.n),
            percent(score.uar),
            percent(score.accuracy),
            *(percent(score.recalls.get(label)) for label in shown),
        )
        for score in scores
    )
    return ResultTable(("corpus", "speaker", "n", "UAR", "accuracy", *shown), tuple(rows))


def _score(part: PredictionsTable) -> SpeakerScore:
    matrix = _matrix(part)
    by_label = zip(part.labels, recalls(matrix).tolist(), strict=True)
    return SpeakerScore(
        corpus=str(part.corpus[0]),
        speaker=str(part.speaker[0]),
        n=len(np.unique(part.utterance)),
        uar=float(uar(matrix)),
        accuracy=float(statistic("accuracy")(matrix)),
        recalls={label: recall for label, recall in by_label if not np.isnan(recall)},
    )
