"""Why a recording has its label: the moments and bands of frequencies that the probability rests on, by occlusion.

Key idea: each part is removed by itself, and the probability of the label is computed again. What lowers it most is
what the label rests on. This treats the model as a function from samples to probabilities, so it works for every model.

The faithfulness check removes the most important moments together. If the importances are right, the probability falls
more than without as many others, drawn at random; otherwise the picture explains noise.

Limits: parts are removed one at a time, so two moments that each suffice for the label both appear unimportant. A
recording without a part is unusual, and the detector of speech may divide it in another way. An importance states what
the model used, not what the emotion is.

Reference: Zeiler, Fergus: Visualizing and understanding convolutional networks. Proc. ECCV 2014, section 4.2
(occlusion); Samek, Binder, Montavon, Lapuschkin, Mueller: Evaluating the visualization of what a deep neural network
has learned. IEEE TNNLS 28, 2017, 2660-2673 (removal of the most important parts against random ones).
"""

from __future__ import annotations

import itertools
import json
import math
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from emotone.errors import UsageError, unknown_name
from emotone.inference.occlusion import Band, Moment, bands_below, moments_in, muted, without_band

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from emotone.inference.result import Prediction
    from emotone.types import Array, Hertz, Seconds

    Predict: TypeAlias = Callable[[Array], Prediction]

SCHEMA = "emotone.explanation/1"
DIGITS = 6  # of importances
TOP_SHARE, MIN_TOP = 0.2, 2  # moments that the faithfulness check removes; one alone would be no new measurement
DRAWS = 20  # maximum number of sets of other moments
HOLDS = 0.95  # share of the sets that must lower the probability less
MIN_MOMENTS = 6  # two, and six sets of two others
USUAL: Seconds = 0.3  # of a moment: a syllable or two
WANTED_MOMENTS = 12  # moments of short recordings are shorter, so that there are as many
SHORTEST: Seconds = 0.05
LONGEST: Seconds = 60.0  # the time grows with the square of the duration


@dataclass(frozen=True, slots=True)
class Faithfulness:
    """How much the probability falls without the most important moments, and without others.

    Attributes:
        moments: number of moments that are removed together.
        drop: of the probability without the most important ones.
        random_drop: mean of it over sets of as many others, drawn at random.
        draws: number of these sets.
        less: share of these sets without which the probability falls less.

    """

    moments: int
    drop: float
    random_drop: float
    draws: int
    less: float

    @property
    def holds(self) -> bool:
        """Whether the probability falls less without 95 % of the other sets."""
        return self.less >= HOLDS

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object."""
        return {**asdict(self), "holds": self.holds}


@dataclass(frozen=True)
class Explanation:
    """The parts of a recording that a label rests on.

    Attributes:
        prediction: for the whole recording.
        label: whose probability is explained; None where there is no speech.
        moments: of the utterances, in order; empty where there is no speech.
        bands: of frequencies, ascending; empty where there is no speech.
        faithfulness: None where there are too few moments for the check.

    """

    prediction: Prediction
    label: str | None
    moments: tuple[Moment, ...]
    bands: tuple[Band, ...]
    faithfulness: Faithfulness | None

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object `emotone.explanation/1`, with the prediction inside."""
        return {
            "schema": SCHEMA,
            "label": self.label,
            "moments": [moment.to_dict() for moment in self.moments],
            "bands": [band.to_dict() for band in self.bands],
            "faithfulness": None if self.faithfulness is None else self.faithfulness.to_dict(),
            "prediction": self.prediction.to_dict(),
        }

    def to_json(self) -> str:
        """Return the JSON object `emotone.explanation/1` as text, on one line."""
        return json.dumps(self.to_dict(), ensure_ascii=False, allow_nan=False)

    def plot(self, path: str | Path | None = None) -> Any:
        """Return a picture as a Matplotlib figure: the waveform, the moments and the bands.

        Args:
            path: of a PNG or SVG file to write; None writes nothing.

        Raises:
            UnknownNameError: neither .png nor .svg.
            OutputError: the file cannot be written.
            MissingExtraError: Matplotlib is not installed.

        """
        from emotone.inference.plot import draw_explanation, write_explanation

        figure = draw_explanation(
            self.prediction, label=self.label, moments=self.moments, bands=self.bands, check=self.check()
        )
        if path is not None:
            write_explanation(figure, path, title=self.prediction.file or "samples")
        return figure

    def check(self) -> str:
        """Return the result of the faithfulness check in one sentence."""
        found = self.faithfulness
        if self.label is None:
            return "no speech: there is no label to explain"
        if found is None:
            return f"no check: it needs at least {MIN_MOMENTS} moments, and there are {len(self.moments)}"
        verdict = "holds" if found.holds else "FAILS: do not rely on the moments"
        return (
            f"without the {found.moments} most important moments the probability falls by {100 * found.drop:.1f}, "
            f"without {found.moments} others by {100 * found.random_drop:.1f} (mean), and by less in "
            f"{100 * found.less:.0f} % of {found.draws} draws: the check {verdict}"
        )


def explain_signal(
    predict: Predict,
    signal: Array,
    *,
    rate: Hertz,
    limit: float,
    label: str | None = None,
    seconds: Seconds | None = None,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Explanation:
    """Return the explanation of a signal.

    Args:
        predict: from samples at `rate` to a prediction.
        signal: [time], float32.
        rate: hertz of the signal.
        limit: hertz; the model does not use higher frequencies.
        label: whose probability is explained; None for the label of the recording.
        seconds: approximate duration of a moment; None for 0.3 s, or less if that gives fewer than 12 moments.
        seed: of the sets of the check.
        progress: called with the number of predictions that are done, and their total.

    Raises:
        UsageError: a signal longer than a minute, or moments shorter than 0.05 s.
        UnknownNameError: a label that the model does not have.
        AudioError: the signal is too short to analyse.

    """
    if len(signal) > LONGEST * rate:
        raise UsageError(
            f"the recording has {len(signal) / rate:.1f} s, and at most {LONGEST:g} s can be explained; choose a part "
            "by start and end"
        )
    if seconds is not None and not seconds >= SHORTEST:
        raise UsageError(f"moments of {seconds:g} s were requested; the shortest are {SHORTEST:g} s")
    whole = predict(signal)
    explained = whole.clip.label if label is None else label
    if explained is not None and explained not in whole.labels:
        raise unknown_name("label", explained, whole.labels)
    if explained is None or not whole.clip.speech:
        return Explanation(whole, None, (), (), None)
    spans = [(one.start, one.end) for one in whole.utterances]
    if seconds is None:
        seconds = max(SHORTEST, min(USUAL, sum(end - start for start, end in spans) / WANTED_MOMENTS))
    moments, bands = moments_in(spans, seconds=seconds), bands_below(min(limit, rate / 2))
    sets = _other_sets(len(moments), seed=seed) if len(moments) >= MIN_MOMENTS else []
    total = len(moments) + len(bands) + (1 + len(sets) if sets else 0)
    drop = _Drops(predict, whole, explained, total=total, progress=progress)
    moments = tuple(replace(one, importance=drop.of(muted(signal, [one], rate=rate))) for one in moments)
    bands = tuple(replace(one, importance=drop.of(without_band(signal, one, rate=rate))) for one in bands)
    check = _faithfulness(moments, sets, lambda removed: drop.of(muted(signal, removed, rate=rate))) if sets else None
    return Explanation(whole, explained, moments, bands, check)


class _Drops:
    """The fall of the probability of a label, with a count of the predictions."""

    def __init__(
        self,
        predict: Predict,
        whole: Prediction,
        label: str,
        *,
        total: int,
        progress: Callable[[int, int], None] | None,
    ) -> None:
        self._predict, self._label = predict, label
        self._before = whole.clip.probabilities[label]
        self._done, self._total, self._progress = 0, total, progress

    def of(self, signal: Array) -> float:
        """Return the probability with everything minus that of a signal; without speech, all labels are equal."""
        after = self._predict(signal).clip.probabilities[self._label]
        self._done += 1
        if self._progress is not None:
            self._progress(self._done, self._total)
        return round(self._before - after, DIGITS)


def _top(count: int) -> int:
    """Return how many of `count` moments the check removes."""
    return max(MIN_TOP, round(TOP_SHARE * count))


def _other_sets(count: int, *, seed: int) -> list[tuple[int, ...]]:
    """Return sets of ranks of moments outside the top: all of them, or `DRAWS` random ones."""
    top = _top(count)
    if math.comb(count - top, top) <= DRAWS:
        return list(itertools.combinations(range(top, count), top))
    rng = np.random.default_rng(seed)
    return [tuple((top + rng.choice(count - top, top, replace=False)).tolist()) for _ in range(DRAWS)]


def _faithfulness(
    moments: Sequence[Moment], sets: Sequence[Sequence[int]], drop_without: Callable[[Sequence[Moment]], float]
) -> Faithfulness:
    ranked = sorted(moments, key=lambda moment: -moment.importance)
    count = _top(len(moments))
    drop = drop_without(ranked[:count])
    others = [drop_without([ranked[rank] for rank in chosen]) for chosen in sets]
    return Faithfulness(
        moments=count,
        drop=drop,
        random_drop=round(float(np.mean(others)), DIGITS),
        draws=len(others),
        less=sum(one < drop for one in others) / len(others),
    )
