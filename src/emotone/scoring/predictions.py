"""The predictions table, which every score is computed from.

A model runs once; every metric, interval, test and published table is computed from this table, without the model.

Columns, in order (one row per segment, or per utterance where `segment` is null):
    utterance   key `corpus/id`                  seed         of the run
    segment     number from 0, or null           speaker      unique within its corpus; "" if unknown
    start, end  seconds, or null                 truth        a label
    corpus      registry name                    prediction   the label with the largest probability
    protocol    name                             p_<label>    one column per label, in the system's order
    fold        name within the protocol         system       signature
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from emotone.errors import RunError, UsageError, unknown_name
from emotone.scoring.parquet import read_parquet, write_parquet

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from emotone.types import Seconds

WHOLE = -1  # `segment` of a whole utterance; null in files
SUM_TOLERANCE = 1e-6  # probabilities of one row sum to 1 within this
TIE_TOLERANCE = 1e-9  # a prediction may be any label whose probability is within this of the largest
IDENTITY = ("utterance", "segment", "protocol", "seed", "system")  # these columns together are unique

DTYPES: dict[str, type[np.generic]] = {
    "segment": np.int64,
    "start": np.float64,
    "end": np.float64,
    "seed": np.int64,
    "probabilities": np.float64,
}  # every other column is text


@dataclass(frozen=True, slots=True)
class PredictionRow:
    """One row of a predictions table. Its prediction is the first label with the largest probability.

    Attributes:
        utterance: `Utterance.key`.
        corpus: registry name.
        protocol: name of the protocol.
        fold: name of the fold whose test part contains the utterance.
        seed: of the run.
        speaker: unique within the corpus; "" if unknown.
        truth: one of the table's labels.
        probabilities: one per label, in the table's order, summing to 1.
        system: signature of the system.
        segment: number from 0, or None for the whole utterance.
        start: seconds, or None.
        end: seconds, or None.

    """

    utterance: str
    corpus: str
    protocol: str
    fold: str
    seed: int
    speaker: str
    truth: str
    probabilities: Sequence[float] | NDArray[np.floating[Any]]
    system: str
    segment: int | None = None
    start: Seconds | None = None
    end: Seconds | None = None


@dataclass(frozen=True, eq=False)
class PredictionsTable:
    """Predictions in columns of equal length, validated on construction. Columns are read-only.

    Attributes:
        labels: names in the order of the columns of `probabilities`.
        utterance: text [rows], as is every column that is not listed below.
        segment: int64 [rows], `WHOLE` (-1) for a whole utterance.
        start: float64 [rows], seconds, NaN if unknown; `end` likewise.
        seed: int64 [rows].
        probabilities: float64 [rows, labels].

    Raises:
        UsageError: columns of different lengths, or labels that are empty or not unique.
        RunError: an invalid row; the message contains its utterance and the reason.

    Example:
        >>> row = PredictionRow("toy/a", "toy", "random-5", "fold-1", 0, "s1", "joy", [0.25, 0.75], "f00d")
        >>> table = PredictionsTable.from_rows([row], labels=["fear", "joy"])
        >>> len(table), str(table.prediction[0])
        (1, 'joy')

    """

    labels: tuple[str, ...]
    utterance: NDArray[np.str_]
    segment: NDArray[np.int64]
    start: NDArray[np.float64]
    end: NDArray[np.float64]
    corpus: NDArray[np.str_]
    protocol: NDArray[np.str_]
    fold: NDArray[np.str_]
    seed: NDArray[np.int64]
    speaker: NDArray[np.str_]
    truth: NDArray[np.str_]
    prediction: NDArray[np.str_]
    probabilities: NDArray[np.float64]
    system: NDArray[np.str_]

    def __post_init__(self) -> None:
        for name, given in self.columns().items():
            column = np.array(given, dtype=DTYPES.get(name, np.str_))  # a copy, so that no caller can modify it
            column.flags.writeable = False
            object.__setattr__(self, name, column)
        _check(self)

    def __len__(self) -> int:
        return len(self.utterance)

    @property
    def corpora(self) -> tuple[str, ...]:
        """Names of the corpora in the table, sorted."""
        return tuple(str(name) for name in np.unique(self.corpus))

    @property
    def speaker_keys(self) -> NDArray[np.str_]:
        """Speakers [rows] as `corpus/speaker`, unique across corpora; "" if unknown."""
        keys = np.char.add(np.char.add(self.corpus, "/"), self.speaker)
        return np.where(self.speaker == "", "", keys).astype(np.str_)

    @classmethod
    def from_rows(cls, rows: Iterable[PredictionRow], *, labels: Sequence[str]) -> PredictionsTable:
        """Return the table of `rows`, which may be empty.

        Raises:
            RunError: an invalid row.
            UsageError: labels that are empty or not unique.

        """
        listed = list(rows)
        for row in listed:
            if len(row.probabilities) != len(labels):
                raise RunError(f"{row.utterance} has {len(row.probabilities)} probabilities for {len(labels)} labels")
        probabilities = np.array([row.probabilities for row in listed], dtype=np.float64).reshape(
            len(listed), len(labels)
        )
        texts = {
            name: np.array([getattr(row, name) for row in listed], dtype=np.str_)
            for name in ("utterance", "corpus", "protocol", "fold", "speaker", "truth", "system")
        }
        best = probabilities.argmax(axis=1) if labels else np.zeros(0, dtype=np.intp)
        return cls(
            labels=tuple(labels),
            segment=np.array([WHOLE if row.segment is None else row.segment for row in listed], dtype=np.int64),
            start=np.array([np.nan if row.start is None else row.start for row in listed], dtype=np.float64),
            end=np.array([np.nan if row.end is None else row.end for row in listed], dtype=np.float64),
            seed=np.array([row.seed for row in listed], dtype=np.int64),
            prediction=np.array([labels[index] for index in best], dtype=np.str_),
            probabilities=probabilities,
            **texts,
        )

    @classmethod
    def concat(cls, tables: Sequence[PredictionsTable]) -> PredictionsTable:
        """Return the rows of all tables, in order.

        Raises:
            RunError: no table, labels that differ, or a duplicate row.

        """
        if not tables:
            raise RunError("no predictions table to concatenate")
        labels = tables[0].labels
        for table in tables:
            if table.labels != labels:
                raise RunError(
                    f"tables with the labels {', '.join(labels)} and {', '.join(table.labels)} can't be concatenated"
                )
        names = tables[0].columns()
        columns = {name: np.concatenate([getattr(table, name) for table in tables]) for name in names}
        return cls(labels=labels, **columns)

    def where(self, mask: NDArray[np.bool_]) -> PredictionsTable:
        """Return the rows for which `mask` [rows] is true."""
        # Rows of a valid table are valid: checking them again is most of the time of pages with hundreds of runs.
        table = object.__new__(PredictionsTable)
        object.__setattr__(table, "labels", self.labels)
        for name, column in self.columns().items():
            chosen = column[mask]
            chosen.flags.writeable = False
            object.__setattr__(table, name, chosen)
        return table

    def of_corpus(self, corpus: str) -> PredictionsTable:
        """Return the rows of one corpus.

        Raises:
            UnknownNameError: the table has no such corpus.

        """
        if corpus not in self.corpora:
            raise unknown_name("corpus in the predictions table", corpus, self.corpora)
        return self.where(self.corpus == corpus)

    def whole_utterances(self) -> PredictionsTable:
        """Return the rows of whole utterances, which most scores are computed from."""
        return self.where(self.segment == WHOLE)

    def windows(self) -> PredictionsTable:
        """Return the rows of windows, of detectors and of systems that predict segments."""
        return self.where(self.segment != WHOLE)

    def without_labels(self, absent: Collection[str]) -> PredictionsTable:
        """Return the table with probability 0 for the labels in `absent` and the others renormalised.

        p'_k = p_k / sum over j not absent of p_j: the probabilities given that no absent label is true. Rows whose
        other labels have probability 0 get equal probabilities. At least one label must remain.

        Example:
            >>> row = PredictionRow("toy/a", "toy", "random-5", "fold-1", 0, "s1", "joy", [0.5, 0.3, 0.2], "f00d")
            >>> table = PredictionsTable.from_rows([row], labels=["fear", "joy", "surprise"]).without_labels(["fear"])
            >>> table.probabilities.tolist(), str(table.prediction[0])
            ([[0.0, 0.6, 0.4]], 'joy')

        """
        if not absent or len(self) == 0:
            return self
        present = np.array([label not in absent for label in self.labels])
        assert present.any()  # noqa: S101 - some label was trained on
        kept = np.where(present, self.probabilities, 0.0)
        kept = np.where(kept.sum(axis=1, keepdims=True) > 0, kept, present.astype(np.float64))
        probabilities = kept / kept.sum(axis=1, keepdims=True)
        names = np.array(self.labels, dtype=np.str_)
        return replace(self, probabilities=probabilities, prediction=names[probabilities.argmax(axis=1)])

    def columns(self) -> dict[str, NDArray[Any]]:
        """Return every column by name, `probabilities` as one of shape [rows, labels]."""
        return {field.name: getattr(self, field.name) for field in fields(self) if field.name != "labels"}

    def write(self, path: Path) -> None:
        """Write a Parquet file atomically.

        Raises:
            MissingExtraError: pyarrow is not installed.
            OutputError: the file can't be written.

        """
        write_parquet(path, self.columns(), labels=self.labels)

    @classmethod
    def read(cls, path: Path) -> PredictionsTable:
        """Return the table of a Parquet file.

        Raises:
            MissingExtraError: pyarrow is not installed.
            ConfigError: no such file, not Parquet, another schema, missing columns, or unexpected nulls.
            RunError: an invalid row.

        """
        labels, columns = read_parquet(path)
        return cls(labels=labels, **columns)


def _check(table: PredictionsTable) -> None:
    """Raise for the first problem of a table.

    Raises:
        UsageError: columns of different lengths, or labels that are empty or not unique.
        RunError: an invalid row.

    """
    labels = table.labels
    if not labels or len(set(labels)) != len(labels):
        raise UsageError(f"labels must be unique and not empty; given {list(labels)}")
    lengths = {name: len(getattr(table, name)) for name in table.columns()}
    if len(set(lengths.values())) > 1 or table.probabilities.shape[1:] != (len(labels),):
        shown = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise UsageError(
            f"columns must have equal lengths, and probabilities one column for each of {len(labels)} labels; "
            f"the lengths are {shown}; the shape of probabilities is {table.probabilities.shape}"
        )
    codes = {column: _codes(getattr(table, column), labels) for column in ("truth", "prediction")}
    for column, found in codes.items():
        if (found < 0).any():
            name = min(str(each) for each in getattr(table, column)[found < 0])
            first = table.utterance[getattr(table, column) == name][0]
            raise RunError(f"{first}: {unknown_name(f'label in {column}', name, labels)}")
    _check_probabilities(table, codes["prediction"])
    _check_identity(table)


def _codes(names: NDArray[np.str_], labels: Sequence[str]) -> NDArray[np.intp]:
    """Return the position of each name in `labels`, or -1; with few labels, comparing is faster than sorting."""
    codes = np.full(len(names), -1, dtype=np.intp)
    for position, label in enumerate(labels):
        codes[names == label] = position
    return codes


def _check_probabilities(table: PredictionsTable, predicted: NDArray[np.intp]) -> None:
    values = table.probabilities
    invalid = ~np.isfinite(values) | (values < 0)
    _raise_for(table, np.asarray(invalid.any(axis=1)), "has probabilities that are negative or not finite")
    sums = values.sum(axis=1)
    off = np.abs(sums - 1) > SUM_TOLERANCE
    _raise_for(table, off, f"has probabilities that do not sum to 1 within {SUM_TOLERANCE:g}")
    largest: NDArray[np.float64] = values.max(axis=1, initial=0.0)
    chosen = values[np.arange(len(table)), predicted]
    _raise_for(
        table,
        largest - chosen > TIE_TOLERANCE,
        "has a prediction that is not the most probable label",
    )


def _check_identity(table: PredictionsTable) -> None:
    _raise_for(table, table.segment < WHOLE, "has a negative segment number")
    if len({*zip(*(getattr(table, name).tolist() for name in IDENTITY), strict=True)}) == len(table):
        return  # hashing is faster than the sorting that finds a duplicate
    codes = [np.unique(getattr(table, name), return_inverse=True)[1].reshape(-1) for name in IDENTITY]
    _, first = np.unique(np.stack(codes, axis=1), axis=0, return_index=True)
    repeated = np.ones(len(table), dtype=np.bool_)
    repeated[first] = False
    _raise_for(table, repeated, f"is duplicated with the same {', '.join(IDENTITY[1:])}")


def _raise_for(table: PredictionsTable, wrong: NDArray[np.bool_], what: str) -> None:
    if wrong.any():
        first = table.utterance[int(np.argmax(wrong))]
        raise RunError(f"{first} {what} ({int(wrong.sum())} of {len(table)} rows of the predictions table)")


def check_single(table: PredictionsTable, *, holder: str, verb: str) -> None:
    """Raise `RunError` if a table contains several protocols or systems.

    Args:
        table: any rows.
        holder: what contains the table, for the message.
        verb: what the caller does with one system at a time, for the message.

    """
    for name in ("protocol", "system"):
        values = np.unique(getattr(table, name))
        if len(values) > 1:
            raise RunError(f"{holder} contains the {name}s {', '.join(values)}; {verb} one at a time")


def whole_of_one(table: PredictionsTable, *, holder: str, verb: str) -> PredictionsTable:
    """Return the whole-utterance rows of one system and protocol; there is at least one.

    Raises:
        RunError: no such row, or several protocols or systems.

    """
    whole = table.whole_utterances()
    if len(whole) == 0:
        raise RunError(f"nothing to {verb} in {holder}: its predictions table has no row of a whole utterance")
    check_single(table, holder=holder, verb=verb)
    return whole
