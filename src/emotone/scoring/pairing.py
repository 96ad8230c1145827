"""The predictions of two finished evaluations for the same utterances, aligned for a comparison."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from emotone.errors import RunError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from emotone.scoring.finished_run import FinishedRun
    from emotone.scoring.predictions import PredictionsTable


@dataclass(frozen=True, eq=False)
class PairedWindows:
    """The windows of one run, sorted by utterance and number; may be empty.

    Attributes:
        utterance: index of the utterance in the pair [windows].
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

    def same_as(self, other: PairedWindows) -> bool:
        """Return whether both have the same windows of the same utterances, to the millisecond."""
        return len(self.utterance) == len(other.utterance) and all(
            np.allclose(getattr(self, name), getattr(other, name), rtol=0, atol=0.0005, equal_nan=True)
            for name in ("utterance", "segment", "start", "end")
        )


@dataclass(frozen=True, eq=False)
class PairedPredictions:
    """The predictions of one run for the utterances of a pair, one row per utterance and seed.

    Attributes:
        utterance: index of the utterance in the pair [rows].
        prediction: labels [rows].
        probabilities: [rows, labels], in the order of the pair's labels; 0 for labels that the run does not have.
        cell: fold and seed [rows].
        weight: 1 / number of rows of the same utterance [rows], so that every utterance counts once.
        first_row: row of the lowest seed of each utterance [utterances].
        untested: for each cell, the number of the run's utterances, of all corpora, that it does not test.
        windows: of the lowest seed of each utterance.

    """

    utterance: NDArray[np.intp]
    prediction: NDArray[np.str_]
    probabilities: NDArray[np.float64]
    cell: NDArray[np.str_]
    weight: NDArray[np.float64]
    first_row: NDArray[np.intp]
    untested: Mapping[str, int]
    windows: PairedWindows


@dataclass(frozen=True, eq=False)
class RunPair:
    """The predictions of two runs for the same utterances of one corpus.

    Attributes:
        corpus: registry name.
        labels: of the first run, then those that only the second has.
        utterances: keys, sorted.
        truth: label of each.
        speaker: of each; "" if unknown.
        first: predictions of the first run.
        second: predictions of the second run.
        notes: caveats.

    """

    corpus: str
    labels: tuple[str, ...]
    utterances: NDArray[np.str_]
    truth: NDArray[np.str_]
    speaker: NDArray[np.str_]
    first: PairedPredictions
    second: PairedPredictions
    notes: tuple[str, ...]


def pair_up(first: FinishedRun, second: FinishedRun, corpus: str, *, common: bool) -> RunPair:
    """Return the predictions of two runs for a corpus that both have.

    Args:
        first: one run.
        second: the other.
        corpus: in both tables.
        common: exclude utterances that only one run has, instead of raising an error.

    Raises:
        RunError: utterances that only one run has, no shared ones, or different truth or speakers.

    """
    tables = first.whole.of_corpus(corpus), second.whole.of_corpus(corpus)
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
            hint = "add --common to compare the shared ones" if len(shared) else "they share no utterance"
            raise RunError(f"{first.name} and {second.name} do not share all utterances of {corpus}: {extra}; {hint}")
        notes.append(f"excluded: {extra}")
    labels = (*tables[0].labels, *(label for label in tables[1].labels if label not in tables[0].labels))
    sides = _side(first, tables[0], shared, labels), _side(second, tables[1], shared, labels)
    truth = _agreed("truth", (first, second), tables, sides, shared)
    speaker = _agreed("speaker", (first, second), tables, sides, shared)
    notes += _other_labels(first, second)
    return RunPair(corpus, labels, shared, truth, speaker, sides[0], sides[1], tuple(notes))


def _extra(run: FinishedRun, keys: NDArray[np.str_], other: FinishedRun) -> str:
    first = str(keys[0])
    reason = f": {other.problems[first]}" if first in other.problems else ""
    return f"{len(keys)} {'is' if len(keys) == 1 else 'are'} in {run.name} only (first: {first}{reason})"


def _side(
    run: FinishedRun, table: PredictionsTable, shared: NDArray[np.str_], labels: tuple[str, ...]
) -> PairedPredictions:
    kept = table.where(np.isin(table.utterance, shared))
    utterance = np.searchsorted(shared, kept.utterance)
    by_seed = np.argsort(kept.seed, kind="stable")
    first_row = by_seed[np.unique(utterance[by_seed], return_index=True)[1]]
    everything = len(np.unique(run.whole.utterance))
    cells, tested = np.unique(_cells(run.whole), return_counts=True)
    return PairedPredictions(
        utterance=utterance,
        prediction=kept.prediction,
        probabilities=_widened(kept, labels),
        cell=_cells(kept),
        weight=1 / np.bincount(utterance)[utterance],
        first_row=first_row,
        untested={str(cell): everything - int(count) for cell, count in zip(cells, tested, strict=True)},
        windows=_windows(run.predictions.windows(), shared, kept.seed[first_row], labels),
    )


def _windows(
    table: PredictionsTable, shared: NDArray[np.str_], seeds: NDArray[np.int64], labels: tuple[str, ...]
) -> PairedWindows:
    """Return the windows of the lowest seed of each shared utterance."""
    kept = table.where(np.isin(table.utterance, shared))
    utterance = np.searchsorted(shared, kept.utterance)
    order = np.lexsort((kept.segment, utterance))
    order = order[kept.seed[order] == seeds[utterance[order]]]
    return PairedWindows(
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
    runs: tuple[FinishedRun, FinishedRun],
    tables: tuple[PredictionsTable, PredictionsTable],
    sides: tuple[PairedPredictions, PairedPredictions],
    shared: NDArray[np.str_],
) -> NDArray[np.str_]:
    """Return a column by utterance, which must be equal in both runs."""
    found = []
    for table, side in zip(tables, sides, strict=True):
        kept = getattr(table, column)[np.isin(table.utterance, shared)]
        found.append(kept[side.first_row])
    differ = np.flatnonzero(found[0] != found[1])
    if len(differ):
        at = differ[0]
        why = "; the runs used different label sets: evaluate both with the same one" if column == "truth" else ""
        raise RunError(
            f"the {column} of {len(differ)} of {len(shared)} utterances differs (first: {shared[at]} is "
            f"'{found[0][at]}' in {runs[0].name} and '{found[1][at]}' in {runs[1].name}){why}"
        )
    agreed: NDArray[np.str_] = found[0]
    return agreed


def _other_labels(first: FinishedRun, second: FinishedRun) -> list[str]:
    return [
        f"{one.name} also has the labels {', '.join(only)}, which {other.name} does not have"
        for one, other in ((first, second), (second, first))
        if (only := [label for label in one.whole.labels if label not in other.whole.labels])
    ]
