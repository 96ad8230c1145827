"""Labels that a target does not have, taken out of what a net says that knows them from other corpora."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emotone.scoring.table import PredictionsTable


def without_labels(table: PredictionsTable, absent: Sequence[str]) -> PredictionsTable:
    """Return the table with probability 0 for the labels in `absent`, the others' brought to a sum of 1.

    p'_k = p_k / sum over j not absent of p_j: what the net says, given that none of them can be the answer. A row in
    which nothing is left gets equal probabilities. At least one label must not be absent.

    Example:
        >>> from emotone.scoring.table import PredictionRow, PredictionsTable
        >>> row = PredictionRow("toy/a", "toy", "random-5", "fold-1", 0, "s1", "joy", [0.5, 0.3, 0.2], "f00d")
        >>> found = without_labels(PredictionsTable.from_rows([row], labels=["fear", "joy", "surprise"]), ["fear"])
        >>> found.probabilities.tolist(), str(found.prediction[0])
        ([[0.0, 0.6, 0.4]], 'joy')

    """
    if not absent or len(table) == 0:
        return table
    present = np.array([label not in set(absent) for label in table.labels])
    assert present.any()  # noqa: S101 - a net has learned from something
    left = np.where(present, table.probabilities, 0.0)
    left = np.where(left.sum(axis=1, keepdims=True) > 0, left, present.astype(np.float64))
    probabilities = left / left.sum(axis=1, keepdims=True)
    names = np.array(table.labels, dtype=np.str_)
    return replace(table, probabilities=probabilities, prediction=names[probabilities.argmax(axis=1)])
