"""How far a model's results can be relied on: its confidence, and what it says of ordinary speech.

How far a model's confidence can be relied on: calibration, and the accuracy of the results it is surest of.

What a model says of ordinary speech: reading, dictation and meetings, in which nobody acts an emotion.

A model of acted emotions should call such speech neutral, or be unsure. What harms is a negative emotion with
confidence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from emotone.inference.segments import decide_label, positive_of
from emotone.metrics.calibration import expected_calibration_error
from emotone.metrics.intervals import score_estimate
from emotone.scoring.result_table import ResultTable, format_estimate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from emotone.metrics.intervals import Estimate
    from emotone.scoring.predictions import PredictionsTable


def confidence_table(predictions: PredictionsTable) -> ResultTable:
    """Return per corpus the accuracy of all results, of the surer half of them, and the calibration error.

    The surer half are the recordings whose largest probability is at least the median of the corpus. Intervals are
    clustered by speaker.

    Args:
        predictions: of whole recordings.

    """
    rows = []
    for corpus in predictions.corpora:
        chosen = predictions.of_corpus(corpus)
        confidence = chosen.probabilities.max(axis=1)
        surer = confidence >= np.median(confidence)
        accuracies = [
            score_estimate(
                chosen.truth[mask],
                chosen.prediction[mask],
                chosen.speaker[mask],
                labels=chosen.labels,
                metric="accuracy",
                rng=np.random.default_rng(0),
            )
            for mask in (np.full(len(surer), True), surer)
        ]
        error = expected_calibration_error(chosen.truth, chosen.probabilities, labels=chosen.labels)
        rows.append(
            (corpus, *map(format_estimate, accuracies), f"{error:.3f}", str(len(chosen)), str(accuracies[0].speakers))
        )
    return ResultTable(
        columns=("corpus", "accuracy", "of the surer half", "calibration error", "recordings", "speakers"),
        rows=tuple(rows),
        caption="Accuracy x 100 of all results and of the most confident half, and the expected calibration error.",
    )


NEUTRAL = "neutral"
NEGATIVE = frozenset({"anger", "disgust", "fear", "sadness"})
SURE = 0.6  # confidence above which a negative label counts


@dataclass(frozen=True)
class OrdinarySpeechShares:
    """Shares of the recordings of a corpus of ordinary speech.

    Attributes:
        corpus: name.
        neutral: are neutral.
        neutral_or_unsure: are neutral, or marked as unsure.
        sure_negative: are anger, disgust, fear or sadness with a confidence above `SURE`.

    """

    corpus: str
    neutral: Estimate
    neutral_or_unsure: Estimate
    sure_negative: Estimate


def ordinary_speech_shares(
    predictions: PredictionsTable, thresholds: Mapping[str, float]
) -> tuple[OrdinarySpeechShares, ...]:
    """Return the shares of each corpus; intervals are clustered by speaker.

    Args:
        predictions: of whole recordings, all of them ordinary speech.
        thresholds: of the model, by label: results below are unsure.

    """
    result = []
    for corpus in sorted(set(predictions.corpus.tolist())):
        chosen = predictions.of_corpus(corpus)
        decided = _decided(chosen, thresholds)
        label = np.array([name for name, _ in decided])
        unsure = np.array([is_unsure for _, is_unsure in decided])
        confidence = chosen.probabilities.max(axis=1)
        negative = np.isin(label, sorted(NEGATIVE)) & (confidence > SURE)
        result.append(
            OrdinarySpeechShares(
                corpus,
                _share(label == NEUTRAL, chosen),
                _share((label == NEUTRAL) | unsure, chosen),
                _share(negative, chosen),
            )
        )
    return tuple(result)


def ordinary_speech_table(shares: tuple[OrdinarySpeechShares, ...]) -> ResultTable:
    """Return the shares as a table, in per cent."""
    return ResultTable(
        columns=("corpus", "neutral", "neutral or unsure", f"negative above {SURE:g}", "recordings", "speakers"),
        rows=tuple(
            (
                one.corpus,
                format_estimate(one.neutral),
                format_estimate(one.neutral_or_unsure),
                format_estimate(one.sure_negative),
                str(one.neutral.n),
                str(one.neutral.speakers),
            )
            for one in shares
        ),
        caption="Ordinary speech: share of recordings (x 100) with each result.",
    )


def false_alarm_table(predictions: PredictionsTable, thresholds: Mapping[str, float]) -> ResultTable:
    """Return the share of recordings, in per cent, in which a detector finds its label.

    Args:
        predictions: of whole recordings, all of them ordinary speech, by a detector.
        thresholds: of the detector.

    """
    positive = positive_of(predictions.labels)
    rows = []
    for corpus in sorted(set(predictions.corpus.tolist())):
        chosen = predictions.of_corpus(corpus)
        alarm = np.array([label == positive for label, _ in _decided(chosen, thresholds)])
        share = _share(alarm, chosen)
        rows.append((corpus, format_estimate(share), str(share.n), str(share.speakers)))
    return ResultTable(
        columns=("corpus", str(positive), "recordings", "speakers"),
        rows=tuple(rows),
        caption=f"Ordinary speech: share of recordings (x 100) in which {positive} is detected.",
    )


def _decided(predictions: PredictionsTable, thresholds: Mapping[str, float]) -> list[tuple[str, bool]]:
    """Return the label of each row, and whether it is unsure."""
    rows = predictions.probabilities.tolist()
    return [decide_label(dict(zip(predictions.labels, row, strict=True)), thresholds) for row in rows]


def _share(mask: NDArray[np.bool_], predictions: PredictionsTable) -> Estimate:
    yes, no = "yes", "no"
    return score_estimate(
        np.full(len(mask), yes),
        np.where(mask, yes, no),
        predictions.speaker,
        labels=(no, yes),
        metric="accuracy",
        rng=np.random.default_rng(0),
    )
