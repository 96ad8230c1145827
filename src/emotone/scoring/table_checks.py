"""What every predictions table has to be: checked once, when it is made, whether from a run or from a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emotone.errors import RunError, UsageError, unknown_name

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emotone.scoring.table import PredictionsTable

WHOLE = -1  # `segment` of a row that is a whole utterance; null in files
SUM_TOLERANCE = 1e-6  # probabilities of one row sum to 1 within this
TIE_TOLERANCE = 1e-9  # a prediction may be any label whose probability is this close to the largest
IDENTITY = ("utterance", "segment", "protocol", "seed", "system")  # no two rows share all of these


def check(table: PredictionsTable) -> None:
    """Raise for the first thing that is wrong with a table.

    Raises:
        UsageError: columns of different lengths, or labels that are not different names.
        RunError: a row that can't be.

    """
    labels = table.labels
    if not labels or len(set(labels)) != len(labels):
        raise UsageError(f"labels must be different names, at least one; {list(labels)} was given")
    lengths = {name: len(getattr(table, name)) for name in table.columns()}
    if len(set(lengths.values())) > 1 or table.probabilities.shape[1:] != (len(labels),):
        shown = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise UsageError(
            f"columns must have one length, and probabilities a column for each of {len(labels)} labels; "
            f"the lengths are {shown}; probabilities have the shape {table.probabilities.shape}"
        )
    for column in ("truth", "prediction"):
        for name in np.unique(getattr(table, column)):
            if str(name) not in labels:
                first = table.utterance[getattr(table, column) == name][0]
                raise RunError(f"{first}: {unknown_name(f'label in {column}', str(name), labels)}")
    _check_probabilities(table)
    _check_identity(table)


def _check_probabilities(table: PredictionsTable) -> None:
    values = table.probabilities
    impossible = ~np.isfinite(values) | (values < 0)
    _refuse(table, np.asarray(impossible.any(axis=1)), "has probabilities that are negative or not finite")
    sums = values.sum(axis=1)
    _refuse(table, np.abs(sums - 1) > SUM_TOLERANCE, f"has probabilities that do not sum to 1 within {SUM_TOLERANCE:g}")
    position = {label: index for index, label in enumerate(table.labels)}
    predicted = np.array([position[str(label)] for label in table.prediction], dtype=np.intp)
    largest: NDArray[np.float64] = values.max(axis=1, initial=0.0)
    chosen = values[np.arange(len(table)), predicted]
    _refuse(
        table,
        largest - chosen > TIE_TOLERANCE,
        "has a prediction that is not the most probable label",
    )


def _check_identity(table: PredictionsTable) -> None:
    _refuse(table, table.segment < WHOLE, "has a negative segment number")
    codes = [np.unique(getattr(table, name), return_inverse=True)[1].reshape(-1) for name in IDENTITY]
    _, first = np.unique(np.stack(codes, axis=1), axis=0, return_index=True)
    repeated = np.ones(len(table), dtype=np.bool_)
    repeated[first] = False
    _refuse(table, repeated, f"comes twice with the same {', '.join(IDENTITY[1:])}")


def _refuse(table: PredictionsTable, wrong: NDArray[np.bool_], what: str) -> None:
    if wrong.any():
        first = table.utterance[int(np.argmax(wrong))]
        raise RunError(f"{first} {what} ({int(wrong.sum())} of {len(table)} rows of the predictions table)")


def check_single(table: PredictionsTable, *, holder: str, verb: str) -> None:
    """Raise `RunError` for a table of several protocols or systems.

    Args:
        table: any rows.
        holder: of the table, as messages call it.
        verb: what is done with one at a time.

    """
    for name in ("protocol", "system"):
        values = np.unique(getattr(table, name))
        if len(values) > 1:
            raise RunError(f"{holder} holds the {name}s {', '.join(values)}; {verb} one at a time")


def whole_of_one(table: PredictionsTable, *, holder: str, verb: str) -> PredictionsTable:
    """Return the whole-utterance rows of a run's table, of which there is one at least, of one system and protocol.

    Raises:
        RunError: no such row, or several protocols or systems.

    """
    whole = table.whole_utterances()
    if len(whole) == 0:
        raise RunError(f"{holder} has nothing to {verb}: its predictions table has no row for a whole utterance")
    check_single(table, holder=holder, verb=verb)
    return whole
