"""Two finished evaluations laid side by side, utterance by utterance, or the reason why that can't be done."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from emotone.errors import ConfigError, RunError
from emotone.evaluation.run import RUN, TABLE
from emotone.scoring.independence import of_run
from emotone.scoring.table import PredictionsTable
from emotone.scoring.table_checks import whole_of_one

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Run:
    """One finished evaluation.

    Attributes:
        name: how tables call it, e.g. "R1".
        folder: holds `run.json` and `predictions.parquet`.
        table: its whole-utterance rows, of one system and one protocol.
        windows: its rows that are windows, which only a detector's table has.
        protocol: name.
        speaker_independent: whether no tested speaker was trained on; None where that is not known.
        problems: why utterances could not be judged, by key.

    """

    name: str
    folder: Path
    table: PredictionsTable
    windows: PredictionsTable
    protocol: str
    speaker_independent: bool | None
    problems: Mapping[str, str]


@dataclass(frozen=True, eq=False)
class Windows:
    """One run's windows of the utterances of a pair, sorted by utterance and number; there may be none.

    Attributes:
        utterance: positions in the pair's utterances [windows].
        segment: numbers [windows].
        start: seconds [windows].
        end: seconds [windows].
        probabilities: [windows, labels], in the order of the pair's labels.

    """

    utterance: NDArray[np.intp]
    segment: NDArray[np.int64]
    start: NDArray[np.float64]
    end: NDArray[np.float64]
    probabilities: NDArray[np.float64]

    def same_as(self, other: Windows) -> bool:
        """Return whether both are the same stretches of the same recordings, to the millisecond."""
        return len(self.utterance) == len(other.utterance) and all(
            np.allclose(getattr(self, name), getattr(other, name), rtol=0, atol=0.0005, equal_nan=True)
            for name in ("utterance", "segment", "start", "end")
        )


@dataclass(frozen=True, eq=False)
class Side:
    """One run's answers about the utterances of a pair, which may be several for each: one per seed.

    Attributes:
        utterance: positions in the pair's utterances [rows].
        prediction: labels [rows].
        probabilities: [rows, labels], in the order of the pair's labels; 0 for a label that the run doesn't know.
        cell: names of fold and seed [rows].
        weight: one over the rows of the same utterance [rows], so that every utterance counts once.
        first_row: of each utterance, the row with the lowest seed [utterances].
        left: for each cell, the number of the run's utterances, of all corpora, that it does not test.
        windows: of the first answer to each utterance.

    """

    utterance: NDArray[np.intp]
    prediction: NDArray[np.str_]
    probabilities: NDArray[np.float64]
    cell: NDArray[np.str_]
    weight: NDArray[np.float64]
    first_row: NDArray[np.intp]
    left: Mapping[str, int]
    windows: Windows


@dataclass(frozen=True, eq=False)
class Pair:
    """Two runs' answers about the same utterances of one corpus.

    Attributes:
        corpus: registry name.
        labels: of the first run, then those that only the second knows.
        utterances: keys, sorted.
        truth: label of each.
        speaker: of each; "" where not known.
        first: answers of the first run.
        second: answers of the second.
        notes: what else one must know.

    """

    corpus: str
    labels: tuple[str, ...]
    utterances: NDArray[np.str_]
    truth: NDArray[np.str_]
    speaker: NDArray[np.str_]
    first: Side
    second: Side
    notes: tuple[str, ...]


def read_run(folder: Path, *, name: str) -> Run:
    """Return the evaluation in a folder.

    Raises:
        RunError: no finished evaluation there, or not one whole-utterance system under one protocol.
        ConfigError: a file in it that can't be read.

    """
    if not (folder / RUN).is_file() or not (folder / TABLE).is_file():
        raise RunError(f"{folder} holds no finished evaluation; give the folder that `emotone evaluate` printed")
    try:
        about: Any = json.loads((folder / RUN).read_text(encoding="utf-8"))
    except ValueError as error:
        raise ConfigError(f"{folder / RUN} is not valid JSON: {error}") from error
    if not isinstance(about, dict) or not isinstance(about.get("protocol"), dict):
        raise ConfigError(f"{folder / RUN} does not describe an evaluation: it has no protocol")
    everything = PredictionsTable.read(folder / TABLE)
    table = whole_of_one(everything, holder=str(folder), verb="compare")
    used = str(table.protocol[0])
    problems = {str(problem["key"]): str(problem["message"]) for problem in about.get("problems") or ()}
    return Run(name, folder, table, everything.windows(), used, of_run(used, about), problems)


def pair_up(first: Run, second: Run, corpus: str, *, common: bool) -> Pair:
    """Return the answers of two runs about one corpus, which both have.

    Args:
        first: one run.
        second: the other.
        corpus: in both tables.
        common: whether to leave out utterances that only one run judged, instead of refusing.

    Raises:
        RunError: utterances that only one run has, no shared ones, or truth or speakers that differ.

    """
    tables = first.table.of_corpus(corpus), second.table.of_corpus(corpus)
    names = np.unique(tables[0].utterance), np.unique(tables[1].utterance)
    shared = np.intersect1d(names[0], names[1])
    notes = []
    if len(shared) < max(map(len, names)):
        extra = "; ".join(
            _extra(run, np.setdiff1d(own, shared), other)
            for run, own, other in ((first, names[0], second), (second, names[1], first))
            if len(own) > len(shared)
        )
        if not common or len(shared) == 0:
            hint = "to compare what both have, add --common" if len(shared) else "they share no utterance"
            raise RunError(f"{first.name} and {second.name} do not share all utterances of {corpus}: {extra}; {hint}")
        notes.append(f"left out: {extra}")
    labels = (*tables[0].labels, *(label for label in tables[1].labels if label not in tables[0].labels))
    sides = _side(first, tables[0], shared, labels), _side(second, tables[1], shared, labels)
    truth = _agreed("truth", (first, second), tables, sides, shared)
    speaker = _agreed("speaker", (first, second), tables, sides, shared)
    notes += _other_labels(first, second)
    return Pair(corpus, labels, shared, truth, speaker, sides[0], sides[1], tuple(notes))


def _extra(run: Run, keys: NDArray[np.str_], other: Run) -> str:
    first = str(keys[0])
    reason = f": {other.problems[first]}" if first in other.problems else ""
    return f"{len(keys)} {'is' if len(keys) == 1 else 'are'} in {run.name} only (first: {first}{reason})"


def _side(run: Run, table: PredictionsTable, shared: NDArray[np.str_], labels: tuple[str, ...]) -> Side:
    kept = table.where(np.isin(table.utterance, shared))
    utterance = np.searchsorted(shared, kept.utterance)
    by_seed = np.argsort(kept.seed, kind="stable")
    first_row = by_seed[np.unique(utterance[by_seed], return_index=True)[1]]
    everything = len(np.unique(run.table.utterance))
    cells, tested = np.unique(_cells(run.table), return_counts=True)
    return Side(
        utterance=utterance,
        prediction=kept.prediction,
        probabilities=_widened(kept, labels),
        cell=_cells(kept),
        weight=1 / np.bincount(utterance)[utterance],
        first_row=first_row,
        left={str(cell): everything - int(count) for cell, count in zip(cells, tested, strict=True)},
        windows=_windows(run.windows, shared, kept.seed[first_row], labels),
    )


def _windows(
    table: PredictionsTable, shared: NDArray[np.str_], seeds: NDArray[np.int64], labels: tuple[str, ...]
) -> Windows:
    """Return the windows of the shared utterances that are of each one's first seed."""
    kept = table.where(np.isin(table.utterance, shared))
    utterance = np.searchsorted(shared, kept.utterance)
    order = np.lexsort((kept.segment, utterance))
    order = order[kept.seed[order] == seeds[utterance[order]]]
    return Windows(
        utterance=utterance[order],
        segment=kept.segment[order],
        start=kept.start[order],
        end=kept.end[order],
        probabilities=_widened(kept, labels)[order],
    )


def _widened(kept: PredictionsTable, labels: tuple[str, ...]) -> NDArray[np.float64]:
    """Return probabilities [rows, labels] with a column for every label of the pair."""
    probabilities = np.zeros((len(kept), len(labels)))
    probabilities[:, [labels.index(label) for label in kept.labels]] = kept.probabilities
    return probabilities


def _cells(table: PredictionsTable) -> NDArray[np.str_]:
    return np.char.add(np.char.add(table.seed.astype(np.str_), "/"), table.fold)


def _agreed(
    column: str,
    runs: tuple[Run, Run],
    tables: tuple[PredictionsTable, PredictionsTable],
    sides: tuple[Side, Side],
    shared: NDArray[np.str_],
) -> NDArray[np.str_]:
    """Return a column by utterance, which must be the same in both runs."""
    found = []
    for table, side in zip(tables, sides, strict=True):
        kept = getattr(table, column)[np.isin(table.utterance, shared)]
        found.append(kept[side.first_row])
    differ = np.flatnonzero(found[0] != found[1])
    if len(differ):
        at = differ[0]
        why = "; they were made with other label sets: evaluate both with one" if column == "truth" else ""
        raise RunError(
            f"the {column} of {len(differ)} of {len(shared)} utterances is not the same (first: {shared[at]} is "
            f"'{found[0][at]}' in {runs[0].name} and '{found[1][at]}' in {runs[1].name}){why}"
        )
    agreed: NDArray[np.str_] = found[0]
    return agreed


def _other_labels(first: Run, second: Run) -> list[str]:
    return [
        f"{one.name} can also answer {', '.join(only)}, which {other.name} can't"
        for one, other in ((first, second), (second, first))
        if (only := [label for label in one.table.labels if label not in other.table.labels])
    ]
