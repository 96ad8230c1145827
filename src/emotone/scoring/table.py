"""The predictions table: what a system said about every utterance, and all that scores are ever computed from.

A model runs once; every metric, interval, test and published table can be redone from this table without it.

Columns, in order (one row per segment, or per utterance where `segment` is null):
    utterance   key `corpus/id`                  seed         of the run
    segment     number from 0, or null           speaker      unique within its corpus; "" where not known
    start, end  seconds, or null                 truth        a label
    corpus      registry name                    prediction   the label with the largest probability
    protocol    name of the division             p_<label>    one column per label, in the system's order
    fold        name within the protocol         system       signature
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from emotone.errors import RunError, unknown_name
from emotone.scoring.parquet import read_parquet, write_parquet
from emotone.scoring.table_checks import WHOLE, check

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from emotone.types import Seconds

DTYPES: dict[str, type[np.generic]] = {
    "segment": np.int64,
    "start": np.float64,
    "end": np.float64,
    "seed": np.int64,
    "probabilities": np.float64,
}  # every other column is text


@dataclass(frozen=True, slots=True)
class PredictionRow:
    """One row to make a table of. The prediction is not given: it is the first label with the largest probability.

    Attributes:
        utterance: `Utterance.key`.
        corpus: registry name.
        protocol: name of the protocol.
        fold: name of the fold whose test part the utterance is in.
        seed: of the run.
        speaker: unique within the corpus; "" where not known.
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
    """Predictions in columns of one length, checked when made. Columns can't be written to.

    Attributes:
        labels: names in the order of the columns of `probabilities`.
        utterance: text [rows], like every column that is not named below.
        segment: int64 [rows], `WHOLE` (-1) for a whole utterance.
        start: float64 [rows], seconds, NaN where not known; `end` likewise.
        seed: int64 [rows].
        probabilities: float64 [rows, labels].

    Raises:
        UsageError: columns of different lengths, or labels that are not different names.
        RunError: a row that can't be: the message has its utterance and what is wrong.

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
            column = np.array(given, dtype=DTYPES.get(name, np.str_))  # a copy: nobody else can write to it
            column.flags.writeable = False
            object.__setattr__(self, name, column)
        check(self)

    def __len__(self) -> int:
        return len(self.utterance)

    @property
    def corpora(self) -> tuple[str, ...]:
        """Names of the corpora in the table, sorted."""
        return tuple(str(name) for name in np.unique(self.corpus))

    @property
    def speaker_keys(self) -> NDArray[np.str_]:
        """Speakers [rows] made unique over corpora, `corpus/speaker`; "" stays ""."""
        keys = np.char.add(np.char.add(self.corpus, "/"), self.speaker)
        return np.where(self.speaker == "", "", keys).astype(np.str_)

    @classmethod
    def from_rows(cls, rows: Iterable[PredictionRow], *, labels: Sequence[str]) -> PredictionsTable:
        """Return the table of `rows`; there may be none.

        Raises:
            RunError: a row that can't be, as the class says.
            UsageError: labels that are not different names.

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
            RunError: no table, labels that differ, or a row that comes twice.

        """
        if not tables:
            raise RunError("there is no predictions table to join")
        labels = tables[0].labels
        for table in tables:
            if table.labels != labels:
                raise RunError(
                    f"tables with the labels {', '.join(labels)} and {', '.join(table.labels)} can't be joined"
                )
        names = tables[0].columns()
        columns = {name: np.concatenate([getattr(table, name) for table in tables]) for name in names}
        return cls(labels=labels, **columns)

    def where(self, mask: NDArray[np.bool_]) -> PredictionsTable:
        """Return the rows for which `mask` [rows] is true."""
        return PredictionsTable(labels=self.labels, **{name: column[mask] for name, column in self.columns().items()})

    def of_corpus(self, corpus: str) -> PredictionsTable:
        """Return the rows of one corpus.

        Raises:
            UnknownNameError: the table has no such corpus.

        """
        if corpus not in self.corpora:
            raise unknown_name("corpus in the predictions table", corpus, self.corpora)
        return self.where(self.corpus == corpus)

    def whole_utterances(self) -> PredictionsTable:
        """Return the rows that are whole utterances, which most scores are computed from."""
        return self.where(self.segment == WHOLE)

    def windows(self) -> PredictionsTable:
        """Return the rows that are windows, which only tables of detectors have."""
        return self.where(self.segment != WHOLE)

    def columns(self) -> dict[str, NDArray[Any]]:
        """Return every column by name, `probabilities` as one of shape [rows, labels]."""
        return {field.name: getattr(self, field.name) for field in fields(self) if field.name != "labels"}

    def write(self, path: Path) -> None:
        """Write a Parquet file, whole or not at all.

        Raises:
            MissingExtraError: pyarrow is not installed.
            OutputError: the file can't be written.

        """
        write_parquet(path, self.columns(), labels=self.labels)

    @classmethod
    def read(cls, path: Path) -> PredictionsTable:
        """Return the table of a Parquet file, checked like any other.

        Raises:
            MissingExtraError: pyarrow is not installed.
            ConfigError: no such file, not Parquet, another schema, missing columns, or nulls where none may be.
            RunError: a row that can't be.

        """
        labels, columns = read_parquet(path)
        return cls(labels=labels, **columns)
