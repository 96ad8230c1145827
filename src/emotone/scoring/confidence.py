"""How far a model's confidence can be relied on: calibration, and the accuracy of the results it is surest of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emotone.metrics.calibration import expected_calibration_error
from emotone.metrics.intervals import score_estimate
from emotone.scoring.result_table import ResultTable, format_estimate

if TYPE_CHECKING:
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
