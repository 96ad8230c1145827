"""Table 3 of the paper: simple classifiers of the class scores of R1."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from emotone.classical.base import CLASSIFIERS, standardiser
from emotone.reproductions.base import Combination
from emotone.reproductions.cells import with_probabilities
from emotone.scoring.predictions import WHOLE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from emotone.classical.base import Classifier
    from emotone.scoring.predictions import PredictionsTable

PARTS = 5  # of the tested recordings, if their speakers are in the training data of R1
SMALLEST = 1e-12  # of the probabilities whose logarithm is a score
CLASSIFIERS_OF_SCORES: dict[str, dict[str, object]] = {
    "naive-bayes": {},
    "logistic-regression": {"cost": (1.0,)},
    "linear-discriminant": {},
    "quadratic-discriminant": {},
    "gaussian-mixture": {"mixtures": 7},
}
"""Name of a classifier -> its settings."""


def combination(name: str) -> Combination:
    """Return the combination of R1 and a classifier of `CLASSIFIERS_OF_SCORES`."""
    classifier = CLASSIFIERS.get(name)(**CLASSIFIERS_OF_SCORES[name])
    compute = partial(_of_tables, classifier=classifier)
    return Combination(f"spectrogram-r1-{name}", ("spectrogram-r1",), compute, version=classifier.version)


def classified_scores(table: PredictionsTable, *, classifier: Classifier) -> PredictionsTable:
    """Return the table with the probabilities of a classifier of its windows' class scores.

    The scores of recordings that R1 was trained on are no model of those of others. So the classifier is fitted to
    tested recordings, and never to those that it is tested on: it is fitted to the other speakers if the speakers are
    new, and otherwise to four fifths of the recordings. A clip has the mean of its windows.

    Args:
        table: predictions of R1 with windows; of one protocol.
        classifier: with one candidate setting.

    """
    probabilities = table.probabilities.copy()
    is_new = str(table.protocol[0]).startswith("speakers")
    labels = np.array(table.labels)
    truth = np.array([np.flatnonzero(labels == label)[0] for label in table.truth], np.int64)
    scores = np.log(np.maximum(table.probabilities, SMALLEST))
    windows = table.segment != WHOLE
    for seed in np.unique(table.seed):
        of_seed = table.seed == seed
        groups = _groups(table.speaker_keys if is_new else table.utterance, of_seed, parts=None if is_new else PARTS)
        for group in range(int(groups.max()) + 1):
            tested = windows & of_seed & (groups == group)
            others = windows & of_seed & (groups != group)
            scaled = standardiser(scores[others])(scores)
            (scorer,) = classifier.fit(scaled[others], truth[others], labels=len(labels), seed=int(seed))
            made = np.exp(scorer(scaled[tested]))
            probabilities[tested] = made / made.sum(axis=1, keepdims=True)
        for row in np.flatnonzero(of_seed & ~windows):
            own = windows & of_seed & (table.utterance == table.utterance[row])
            if own.any():
                probabilities[row] = probabilities[own].mean(axis=0)
    return with_probabilities(table, probabilities)


def _groups(keys: NDArray[np.str_], rows: NDArray[np.bool_], *, parts: int | None) -> NDArray[np.int64]:
    """Return the group of each row: one per key that occurs in `rows`, or the keys divided into parts; -1 elsewhere."""
    groups = np.full(len(keys), -1, np.int64)
    _, codes = np.unique(keys[rows], return_inverse=True)
    groups[rows] = codes if parts is None else codes % parts
    return groups


def _of_tables(tables: Sequence[PredictionsTable], *, classifier: Classifier) -> PredictionsTable:
    (table,) = tables
    return classified_scores(table, classifier=classifier)
