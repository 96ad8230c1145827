"""A detector at work: a threshold chosen on some recordings, and what it gives on others.

Conventions:
    A table is a detector's where it has two labels and one of them is `other`; the other one is looked for, and is the
    positive. A row is an alarm where its probability of the positive reaches the threshold. A row whose probabilities
    are equal is one in which nobody speaks: it is never an alarm, as a prediction never names an emotion there.
    Time is counted in windows: each stands for the hop between two, so that windows which overlap are not counted
    twice, and alarms per hour are those of speech that goes on and on.

What is here:
    operating_points        thresholds for wanted false positive rates, chosen on one table and applied to another
    chosen_threshold        the one for a bundle's `thresholds`
    operating_points_markdown
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from emotone.bundles.detector import OTHER, positive_of
from emotone.errors import RunError, UsageError
from emotone.metrics.detection import threshold_at
from emotone.metrics.intervals import REPLICATES, Interval, bootstrap, speaker_codes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from emotone.scoring.table import PredictionsTable
    from emotone.types import Seconds

__all__ = [
    "RATES",
    "AppliedThreshold",
    "Estimate",
    "Per",
    "chosen_threshold",
    "estimated",
    "operating_points",
    "operating_points_markdown",
    "positive_of",
]

Per: TypeAlias = Literal["window", "clip"]
RATES = (0.01, 0.05, 0.10)  # false positive rates that a detector is set to
HOUR = 3600.0  # seconds


@dataclass(frozen=True, slots=True)
class Estimate:
    """One number and how sure it is.

    Attributes:
        value: None where it is undefined; `note` says why.
        low: lower end of the 95 % interval clustered by speaker, or None.
        high: upper end, or None.
        note: what else one must know.

    """

    value: float | None
    low: float | None = None
    high: float | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class AppliedThreshold:
    """A threshold chosen on one table, and what it gives on one corpus of another.

    Attributes:
        corpus: registry name of the tested corpus.
        positive: the label that is looked for.
        per: whether a row is a window or a clip.
        wanted: false positive rate that was allowed where the threshold was chosen.
        threshold: None where no score is high enough: then nothing is ever an alarm.
        chosen_rate: false positive rate that it gave where it was chosen.
        false_positive_rate: share of the others' rows that are alarms.
        recall: share of the positive's rows that are alarms (true positive rate).
        precision: share of the alarms that are right, which holds only for recordings with as many positives.
        alarms_per_hour: false alarms in an hour of speech without the positive; undefined for clips.
        merged: whether alarms in windows that follow each other count as one false alarm.
        n: rows.
        positives: rows of the positive.
        speakers: different speakers; 0 where a speaker is not known.
        hours: of speech without the positive, as windows count it; None for clips.

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
        """Return what JSON can hold."""
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
    """Return what thresholds that were chosen on one table give on each corpus of another, by corpus and rate.

    Args:
        validation: on which thresholds are chosen: for each rate the lowest that keeps to it, over all its corpora.
        test: of the same system, about other utterances.
        rates: false positive rates that are allowed on `validation`.
        per: whether windows are judged, or whole clips.
        merge: count alarms in windows that follow each other in an utterance as one false alarm per hour.
        seed: of the intervals' draws.
        replicates: of the intervals.

    Raises:
        UsageError: a rate outside [0, 1].
        RunError: tables that are no detector's or not of one detector, that share utterances, without such rows, or a
            `validation` with one class only.

    """
    positive = _detector(validation, test)
    chosen_on, judged = _rows(validation, per), _rows(test, per)
    shared = np.intersect1d(chosen_on.utterance, judged.utterance)
    if len(shared):
        raise RunError(
            f"{len(shared)} utterances are in both tables (first: {shared[0]}): a threshold that is judged where it "
            "was chosen flatters; give tables about different utterances"
        )
    flags, scores = chosen_on.truth == positive, _scores(chosen_on, positive)
    chosen = [(rate, threshold_at(flags, scores, false_positive_rate=rate)) for rate in rates]
    return tuple(
        _applied(
            judged.of_corpus(corpus),
            positive,
            threshold=point.threshold,
            wanted=rate,
            chosen_rate=point.false_positive_rate,
            per=per,
            merge=merge,
            seed=seed,
            replicates=replicates,
        )
        for corpus in judged.corpora
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
    """Return the threshold for a bundle's `thresholds` with what it gives on each corpus where it was chosen.

    It is one threshold, never None. What it gives there flatters it; `operating_points` says what it gives elsewhere.

    Args:
        validation: predictions about speakers that the judging nets had not learned from.
        false_positive_rate: the most that is allowed over all corpora together, in [0, 1].
        per: whether windows or whole clips keep to that rate.
        seed: of the intervals' draws.
        replicates: of the intervals.

    Raises:
        UsageError: a rate outside [0, 1].
        RunError: a table that is no detector's, without such rows or with one class only, or no threshold keeps to the
            rate.

    """
    positive = _detector(validation, validation)
    part = _rows(validation, per)
    point = threshold_at(part.truth == positive, _scores(part, positive), false_positive_rate=false_positive_rate)
    if math.isinf(point.threshold):
        share = f"{100 * false_positive_rate:g} %"
        raise RunError(f"no threshold keeps false alarms to {share}: the highest probabilities are not of {positive}")
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


def operating_points_markdown(points: Sequence[AppliedThreshold]) -> str:
    """Return operating points as a Markdown table, rates times 100, with notes below; no final newline."""
    alarms = "false alarms per hour" + (", merged" if any(point.merged for point in points) else "")
    header = f"| corpus | per | wanted | threshold | false alarms | recall | precision | {alarms} | n | speakers |"
    lines = [header, "|" + " --- |" * 10]
    for point in points:
        cells = (
            point.corpus.replace("|", "\\|"),
            point.per,
            f"{100 * point.wanted:g}",
            "none" if point.threshold is None else f"{point.threshold:.4g}",
            *(estimated(found, 100) for found in (point.false_positive_rate, point.recall, point.precision)),
            estimated(point.alarms_per_hour, 1),
            str(point.n),
            str(point.speakers or "not known"),
        )
        lines.append(f"| {' | '.join(cells)} |")
    notes = [
        f"{point.corpus}: {name}: {found.note}"
        for point in points
        for name, found in (
            ("false alarms", point.false_positive_rate),
            ("recall", point.recall),
            ("precision", point.precision),
            ("false alarms per hour", point.alarms_per_hour),
        )
        if found.note
    ]
    return "\n".join([*lines, *(f"\n{note}" for note in dict.fromkeys(notes))])


def _detector(first: PredictionsTable, second: PredictionsTable) -> str:
    positive = positive_of(first.labels)
    if positive is None or positive_of(second.labels) != positive:
        labels = " and ".join(dict.fromkeys(", ".join(table.labels) for table in (first, second)))
        raise RunError(f"thresholds are of one detector, whose labels are one emotion and {OTHER}; given {labels}")
    return positive


def _rows(table: PredictionsTable, per: Per) -> PredictionsTable:
    if per not in ("window", "clip"):
        raise UsageError(f"per is '{per}'; allowed: window, clip")
    part = table.windows() if per == "window" else table.whole_utterances()
    if len(part) == 0:
        raise RunError(f"the predictions table has no row for a {per}")
    return part


def _scores(part: PredictionsTable, positive: str) -> NDArray[np.float64]:
    """Return probabilities of the positive; minus infinity, which is never an alarm, where nobody speaks."""
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
    codes, reason = speaker_codes(part.speaker, entries=len(part), what=f"{per}s")

    def share(top: NDArray[Any], bottom: NDArray[Any], nothing: str) -> Estimate:
        return _estimate(top, bottom, codes, reason, nothing=nothing, seed=seed, replicates=replicates)

    hop = _hop(part) if per == "window" else None
    counted = _firsts(part, alarms) if merge else alarms
    lacking = f"undefined: there is no {per} "
    if hop is None:
        why = "no utterance has two windows" if per == "window" else "clips do not tell how long anybody listened"
        per_hour = Estimate(None, note=f"undefined: {why}")
    else:
        per_hour = share(counted & ~flags, ~flags * (hop / HOUR), lacking + f"without {positive}")
    return AppliedThreshold(
        corpus=str(part.corpus[0]),
        positive=positive,
        per=per,
        wanted=wanted,
        threshold=None if math.isinf(threshold) else threshold,
        chosen_rate=chosen_rate,
        false_positive_rate=share(alarms & ~flags, ~flags, lacking + f"without {positive}"),
        recall=share(alarms & flags, flags, lacking + f"with {positive}"),
        precision=share(alarms & flags, alarms, "undefined: there is no alarm"),
        alarms_per_hour=per_hour,
        merged=merge,
        n=len(part),
        positives=int(flags.sum()),
        speakers=0 if (part.speaker == "").any() else len(np.unique(part.speaker)),
        hours=None if hop is None else float((~flags).sum()) * hop / HOUR,
    )


def _estimate(
    top: NDArray[Any],
    bottom: NDArray[Any],
    codes: NDArray[np.intp] | None,
    reason: str,
    *,
    nothing: str,
    seed: int,
    replicates: int,
) -> Estimate:
    """Return sum(top) / sum(bottom) over rows, with its interval over speakers."""
    if not bottom.any():
        return Estimate(None, note=nothing)
    value = float(top.sum() / bottom.sum())
    if codes is None:
        return Estimate(value, note=reason)
    sums = np.stack([np.bincount(codes, weights=numbers) for numbers in (top, bottom)], axis=1, dtype=np.float64)
    if np.count_nonzero(sums[:, 1]) < 2:
        return Estimate(value, note="no interval: it rests on one speaker only")

    def ratio(drawn: NDArray[np.float64]) -> NDArray[np.float64]:
        result = np.full(len(drawn), np.nan)
        np.divide(drawn[:, 0], drawn[:, 1], out=result, where=drawn[:, 1] > 0)
        return result

    interval: Interval = bootstrap(sums, ratio, rng=np.random.default_rng(seed), replicates=replicates)
    return Estimate(value, interval.low, interval.high, interval.reason)


def _in_order(part: PredictionsTable) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Return the order of rows by time within each answer about an utterance, and which then follow the one before."""
    utterance = np.unique(part.utterance, return_inverse=True)[1].reshape(-1)
    order = np.lexsort((part.segment, part.seed, utterance))
    follows = np.zeros(len(part), dtype=np.bool_)
    follows[1:] = (np.diff(utterance[order]) == 0) & (np.diff(part.seed[order]) == 0)
    follows[1:] &= np.diff(part.segment[order]) == 1
    return order, follows


def _hop(part: PredictionsTable) -> Seconds | None:
    """Return the usual time between the starts of two windows, or None where no utterance has two.

    It is not the mean: the last window of an utterance may lie closer to the one before.
    """
    order, follows = _in_order(part)
    steps = np.diff(part.start[order], prepend=np.nan)[follows]
    different, counts = np.unique(np.round(steps[~np.isnan(steps)], 3), return_counts=True)
    return float(different[counts.argmax()]) if len(different) else None


def _firsts(part: PredictionsTable, alarms: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the alarms that do not follow another one."""
    order, follows = _in_order(part)
    sorted_alarms = alarms[order]
    before = np.concatenate([[False], sorted_alarms[:-1]]) & follows
    first = np.zeros(len(part), dtype=np.bool_)
    first[order] = sorted_alarms & ~before
    return first


def estimated(found: Estimate, scale: float) -> str:
    """Return an estimate times `scale` with its interval, as pages print it."""
    if found.value is None:
        return "undefined"
    value = f"{scale * found.value:.1f}"
    return (
        value
        if found.low is None or found.high is None
        else f"{value} [{scale * found.low:.1f}, {scale * found.high:.1f}]"
    )
