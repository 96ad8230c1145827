"""Thresholds of detectors: chosen on some recordings, applied to others.

Conventions:
    A table is a detector's if it has two labels, one of which is `other`; the other label is the positive one. A row
    is an alarm if its probability of the positive label reaches the threshold. Rows with equal probabilities contain no
    speech and are never alarms, as predictions name no emotion for them.
    Time is counted in windows, each standing for the hop between two, so overlapping windows are not counted twice.
    Alarms per hour are per hour of continuous speech.

Contents:
    operating_points        thresholds for given false positive rates, chosen on one table and applied to another
    chosen_threshold        the threshold that a bundle stores
    operating_points_table
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from emotone.errors import RunError, UsageError
from emotone.inference.segments import OTHER, positive_of
from emotone.metrics.detection import threshold_at
from emotone.metrics.intervals import REPLICATES, Estimate, bootstrap, count_speakers, speaker_codes
from emotone.scoring.result_table import ResultTable, format_estimate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from emotone.scoring.predictions import PredictionsTable
    from emotone.types import Seconds

Per: TypeAlias = Literal["window", "clip"]
RATES = (0.01, 0.05, 0.10)  # maximum false positive rates of operating points
HOUR = 3600.0  # seconds


@dataclass(frozen=True, slots=True)
class AppliedThreshold:
    """A threshold chosen on one table, and its rates on one corpus of another.

    Attributes:
        corpus: registry name of the tested corpus.
        positive: the label that is detected.
        per: whether rates are over windows or clips.
        wanted: maximum false positive rate for the choice of the threshold.
        threshold: None if no score is high enough: nothing is ever an alarm.
        chosen_rate: false positive rate on the data it was chosen on.
        false_positive_rate: share of the negative rows that are alarms.
        recall: share of the positive rows that are alarms (true positive rate).
        precision: share of the alarms that are positive; it depends on the proportion of positives.
        alarms_per_hour: false alarms per hour of speech without the positive label; undefined for clips.
        merged: whether alarms in consecutive windows count as one false alarm.
        n: number of rows.
        positives: number of positive rows.
        speakers: number of different speakers; 0 if any speaker is unknown.
        hours: hours of speech without the positive label, counted in windows; None for clips.

    """

    corpus: str
    positive: str
    per: Per
    wanted: float
    threshold: float | None
    chosen_rate: float
    false_positive_rate: Estimate
    recall: Estimate
    precision: Estimate
    alarms_per_hour: Estimate
    merged: bool
    n: int
    positives: int
    speakers: int
    hours: float | None

    def to_dict(self) -> dict[str, Any]:
        """Return the values for JSON."""
        return asdict(self)


def operating_points(
    validation: PredictionsTable,
    test: PredictionsTable,
    *,
    rates: Sequence[float] = RATES,
    per: Per = "window",
    merge: bool = False,
    seed: int = 0,
    replicates: int = REPLICATES,
) -> tuple[AppliedThreshold, ...]:
    """Return the rates of thresholds chosen on one table on each corpus of another, by corpus and rate.

    Args:
        validation: for the choice of the lowest threshold that does not exceed each rate, over all its corpora.
        test: of the same system, for other utterances.
        rates: maximum false positive rates on `validation`.
        per: whether rates are over windows or whole clips.
        merge: count alarms in consecutive windows of an utterance as one false alarm.
        seed: of the intervals.
        replicates: of the intervals.

    Raises:
        UsageError: a rate outside [0, 1].
        RunError: tables that are not of one detector, share utterances or have no such rows, or a `validation` with one
            class only.

    """
    positive = _detector(validation, test)
    chosen_on, tested = _rows(validation, per), _rows(test, per)
    shared = np.intersect1d(chosen_on.utterance, tested.utterance)
    if len(shared):
        raise RunError(
            f"{len(shared)} utterances are in both tables (first: {shared[0]}): the rates of a threshold on the data "
            "it was chosen on are too optimistic; pass tables of different utterances"
        )
    flags, scores = chosen_on.truth == positive, _scores(chosen_on, positive)
    chosen = [(rate, threshold_at(flags, scores, false_positive_rate=rate)) for rate in rates]
    return tuple(
        _applied(
            tested.of_corpus(corpus),
            positive,
            threshold=point.threshold,
            wanted=rate,
            chosen_rate=point.false_positive_rate,
            per=per,
            merge=merge,
            seed=seed,
            replicates=replicates,
        )
        for corpus in tested.corpora
        for rate, point in chosen
    )


def chosen_threshold(
    validation: PredictionsTable,
    *,
    false_positive_rate: float,
    per: Per = "window",
    seed: int = 0,
    replicates: int = REPLICATES,
) -> tuple[AppliedThreshold, ...]:
    """Return the threshold that a bundle stores, with its rates on each corpus it was chosen on.

    It is the same for all corpora, and never None. These rates are too optimistic; `operating_points` measures them on
    other data.

    Args:
        validation: speaker-independent predictions.
        false_positive_rate: maximum over all corpora, in [0, 1].
        per: whether the rate is over windows or whole clips.
        seed: of the intervals.
        replicates: of the intervals.

    Raises:
        UsageError: a rate outside [0, 1].
        RunError: a table that is not a detector's, has no such rows or one class only, or no threshold for the rate.

    """
    positive = _detector(validation, validation)
    part = _rows(validation, per)
    point = threshold_at(part.truth == positive, _scores(part, positive), false_positive_rate=false_positive_rate)
    if math.isinf(point.threshold):
        share = f"{100 * false_positive_rate:g} %"
        raise RunError(f"no threshold limits false alarms to {share}: the highest probabilities are not of {positive}")
    return tuple(
        _applied(
            part.of_corpus(corpus),
            positive,
            threshold=point.threshold,
            wanted=false_positive_rate,
            chosen_rate=point.false_positive_rate,
            per=per,
            merge=False,
            seed=seed,
            replicates=replicates,
        )
        for corpus in part.corpora
    )


def operating_points_table(points: Sequence[AppliedThreshold]) -> ResultTable:
    """Return operating points with their intervals, rates times 100; undefined values are explained in the notes."""
    alarms = "false alarms per hour" + (", merged" if any(point.merged for point in points) else "")
    columns = ("corpus", "per", "allowed", "threshold", "false alarms", "recall", "precision", alarms, "n", "speakers")
    rows = tuple(
        (
            point.corpus,
            point.per,
            f"{100 * point.wanted:g}",
            "none" if point.threshold is None else f"{point.threshold:.4g}",
            format_estimate(point.false_positive_rate),
            format_estimate(point.recall),
            format_estimate(point.precision),
            format_estimate(point.alarms_per_hour, scale=1),
            str(point.n),
            str(point.speakers or "unknown"),
        )
        for point in points
    )
    notes = [
        f"{point.corpus}: {name}: {estimate.note}"
        for point in points
        for name, estimate in (
            ("false alarms", point.false_positive_rate),
            ("recall", point.recall),
            ("precision", point.precision),
            ("false alarms per hour", point.alarms_per_hour),
        )
        if estimate.note
    ]
    return ResultTable(columns, rows, notes=tuple(dict.fromkeys(notes)))


def _detector(first: PredictionsTable, second: PredictionsTable) -> str:
    positive = positive_of(first.labels)
    if positive is None or positive_of(second.labels) != positive:
        labels = " and ".join(dict.fromkeys(", ".join(table.labels) for table in (first, second)))
        raise RunError(f"thresholds need one detector, with one emotion and '{OTHER}' as labels; given {labels}")
    return positive


def _rows(table: PredictionsTable, per: Per) -> PredictionsTable:
    if per not in ("window", "clip"):
        raise UsageError(f"per is '{per}'; allowed: window, clip")
    part = table.windows() if per == "window" else table.whole_utterances()
    if len(part) == 0:
        raise RunError(f"the predictions table has no row of a {per}")
    return part


def _scores(part: PredictionsTable, positive: str) -> NDArray[np.float64]:
    """Return probabilities of the positive label; minus infinity, which is never an alarm, without speech."""
    silent = part.probabilities[:, 0] == part.probabilities[:, 1]
    return np.where(silent, -np.inf, part.probabilities[:, part.labels.index(positive)])


def _applied(
    part: PredictionsTable,
    positive: str,
    *,
    threshold: float,
    wanted: float,
    chosen_rate: float,
    per: Per,
    merge: bool,
    seed: int,
    replicates: int,
) -> AppliedThreshold:
    flags, alarms = part.truth == positive, _scores(part, positive) >= threshold
    codes, note = speaker_codes(part.speaker, entries=len(part), what=f"{per}s")

    def share(top: NDArray[Any], bottom: NDArray[Any], undefined: str) -> Estimate:
        return _estimate(top, bottom, codes, note, undefined=undefined, seed=seed, replicates=replicates)

    hop = _hop(part) if per == "window" else None
    counted = _first_alarms(part, alarms) if merge else alarms
    missing = f"undefined: there is no {per} "
    if hop is None:
        why = "no utterance has two windows" if per == "window" else "clips have no duration"
        per_hour = Estimate(value=None, note=f"undefined: {why}")
    else:
        per_hour = share(counted & ~flags, ~flags * (hop / HOUR), missing + f"without {positive}")
    return AppliedThreshold(
        corpus=str(part.corpus[0]),
        positive=positive,
        per=per,
        wanted=wanted,
        threshold=None if math.isinf(threshold) else threshold,
        chosen_rate=chosen_rate,
        false_positive_rate=share(alarms & ~flags, ~flags, missing + f"without {positive}"),
        recall=share(alarms & flags, flags, missing + f"with {positive}"),
        precision=share(alarms & flags, alarms, "undefined: there is no alarm"),
        alarms_per_hour=per_hour,
        merged=merge,
        n=len(part),
        positives=int(flags.sum()),
        speakers=count_speakers(part.speaker),
        hours=None if hop is None else float((~flags).sum()) * hop / HOUR,
    )


def _estimate(
    top: NDArray[Any],
    bottom: NDArray[Any],
    codes: NDArray[np.intp] | None,
    note: str,
    *,
    undefined: str,
    seed: int,
    replicates: int,
) -> Estimate:
    """Return sum(top) / sum(bottom) over rows, with its interval over speakers."""
    if not bottom.any():
        return Estimate(value=None, note=undefined)
    value = float(top.sum() / bottom.sum())
    if codes is None:
        return Estimate(value=value, note=note)
    sums = np.stack([np.bincount(codes, weights=numbers) for numbers in (top, bottom)], axis=1, dtype=np.float64)
    if np.count_nonzero(sums[:, 1]) < 2:
        return Estimate(value=value, note="no interval: it depends on one speaker only")

    def ratio(drawn: NDArray[np.float64]) -> NDArray[np.float64]:
        result = np.full(len(drawn), np.nan)
        np.divide(drawn[:, 0], drawn[:, 1], out=result, where=drawn[:, 1] > 0)
        return result

    return replace(bootstrap(sums, ratio, rng=np.random.default_rng(seed), replicates=replicates), value=value)


def _in_order(part: PredictionsTable) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Return the order of rows by time within each utterance and seed, and which rows follow the previous one."""
    utterance = np.unique(part.utterance, return_inverse=True)[1].reshape(-1)
    order = np.lexsort((part.segment, part.seed, utterance))
    follows = np.zeros(len(part), dtype=np.bool_)
    follows[1:] = (np.diff(utterance[order]) == 0) & (np.diff(part.seed[order]) == 0)
    follows[1:] &= np.diff(part.segment[order]) == 1
    return order, follows


def _hop(part: PredictionsTable) -> Seconds | None:
    """Return the most frequent time between the starts of two windows, or None if no utterance has two.

    The mean would be wrong: the last window of an utterance may be closer to the previous one.
    """
    order, follows = _in_order(part)
    steps = np.diff(part.start[order], prepend=np.nan)[follows]
    unique, counts = np.unique(np.round(steps[~np.isnan(steps)], 3), return_counts=True)
    return float(unique[counts.argmax()]) if len(unique) else None


def _first_alarms(part: PredictionsTable, alarms: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the alarms that do not directly follow another one."""
    order, follows = _in_order(part)
    sorted_alarms = alarms[order]
    before = np.concatenate([[False], sorted_alarms[:-1]]) & follows
    first = np.zeros(len(part), dtype=np.bool_)
    first[order] = sorted_alarms & ~before
    return first
