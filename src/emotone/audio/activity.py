"""Where there is speech in a recording: one decision per 10 ms, the same whatever pieces the recording comes in.

How it decides. At 8 kHz, a frame of 32 ms every 10 ms is measured: how periodic it is between 70 and 400 Hz, how much
of it is one tone, its level, and how its energy spreads over six bands. What tells speech from everything else is how
these behave over half a second, whatever the level: speech is voiced most of the time but not steadily, and
its spectrum keeps changing; noise is never voiced, hum and tones never change, clicks are neither. A frame's score is
a weighted sum of eighteen such numbers. Short gaps in a run of speech frames are closed, short runs are dropped.

State. Every step looks at a few values before and after its own, and at nothing else; all that is kept between two
pieces is those few values. The offline answer is the streaming one, fed the whole signal.

Training. The weights are a logistic regression on frames of Emo-DB (CC0), LibriSpeech, AMI and ESC-10 (CC BY),
clean, attenuated and in noise, against synthetic noises, tones, hum and clicks.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

import numpy as np

from emotone.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emotone.types import Array, Hertz, Seconds

Value = TypeVar("Value", np.float32, np.bool_)

RATE: Hertz = 16_000
HOP = 160  # 10 ms at 16 kHz: frame i decides about the samples [160 i, 160 (i + 1))
PER_SECOND = RATE // HOP  # decisions
WINDOW = 256  # 32 ms at 8 kHz: two periods of the lowest voice
LEFT = 257  # samples before frame 0 that its window and the decimation reach
RIGHT = 177  # samples after the end of a frame that they reach
GROUP = 8  # frames per matrix product: BLAS rounds by the shape, so the shape must not depend on the pieces
SLICE = 1 << 20  # samples measured at a time, to bound the memory of one long piece

LOWEST_PITCH, HIGHEST_PITCH, LAGS = 70.0, 400.0, 64  # Hz, Hz, number of periods tried
VOICE_BINS = slice(2, 80)  # 62 Hz to 2.5 kHz, where harmonics are clear
BAND_EDGES = (0, 150, 400, 800, 1500, 2500, 4000)  # Hz
TINY = 1e-10  # -100 dBFS: keeps logarithms of digital silence finite
FLOOR = 1e-7  # mean square of -70 dBFS: below is silence

STEADY = 2  # places among the periods tried, 3 % each, that a steady voice moves by in 10 ms
CONTEXT = 24  # frames on each side over which behaviour is judged: half a second in all
GAP = 15  # frames: pauses and unvoiced sounds up to here are bridged
SHORTEST = 10  # frames: shorter runs are no speech
BEFORE, AFTER = 3, 6  # frames added to each run: weak onsets and decays


class Weights(NamedTuple):
    """What each number adds to a frame's score; the frame is speech where the sum is above 0.

    Means and spreads (standard deviations) are over the frames around; levels and shares are log10.
    """

    bias: float
    periodic: float
    periodic_mean: float
    periodic_mean_squared: float
    periodic_spread: float
    periodic_changing: float  # periodic_mean * share_spread: voiced, but not one unchanging sound
    steady: float  # share of frames whose period is that of the frame before
    tone_mean: float
    level: float  # less its mean
    level_spread: float
    level_spread_squared: float
    share_spread: float  # mean over the bands, without the lowest
    share_spread_squared: float
    shares: tuple[float, float, float, float, float, float]  # of each band in all the energy around


WEIGHTS = Weights(
    bias=-11.58,
    periodic=1.09,
    periodic_mean=13.65,
    periodic_mean_squared=-12.65,
    periodic_spread=4.24,
    periodic_changing=-1.34,
    steady=4.09,
    tone_mean=-7.74,
    level=1.51,
    level_spread=0.50,
    level_spread_squared=-0.89,
    share_spread=32.57,
    share_spread_squared=-20.74,
    shares=(0.01, 1.51, 1.15, -0.24, 0.27, -0.12),
)


class ActivityDetector:
    """Decides about a signal that comes in pieces.

    Args:
        rate: hertz; only 16 000.

    Raises:
        UsageError: another rate.

    Example:
        >>> detector = ActivityDetector(rate=16000)
        >>> decided = [detector.push(np.zeros(1000, np.float32)), detector.finish()]
        >>> len(np.concatenate(decided)), np.concatenate(decided).any()
        (7, np.False_)

    """

    lookahead: Seconds = (GROUP + 2 + CONTEXT + GAP + SHORTEST - 1 + BEFORE) * HOP / RATE
    """At most this much later than its sound, a frame is decided."""

    def __init__(self, rate: Hertz = RATE) -> None:
        if rate != RATE:
            raise UsageError(f"activity: a rate of {rate} Hz was given; allowed: {RATE}; resample first")
        self._samples: Array = np.zeros(LEFT, np.float32)
        self._received = 0
        self._behaviour = _Context(np.zeros((len(MEASURED), CONTEXT + 1), np.float32), after=CONTEXT)
        self._smoothing = _Context(
            np.zeros((1, GAP + SHORTEST - 1 + AFTER), np.bool_), after=GAP + SHORTEST - 1 + BEFORE
        )

    def push(self, samples: Array) -> NDArray[np.bool_]:
        """Return the decisions [frames] that these samples [time] complete, following the ones returned before."""
        return self._decide(samples, last=False)

    def finish(self, samples: Array | None = None) -> NDArray[np.bool_]:
        """Return the remaining decisions, ceil(samples / 160) in all; nothing may be pushed afterwards.

        Args:
            samples: the last ones [time], if any are left: cheaper than pushing them before.

        """
        return self._decide(np.zeros(0, np.float32) if samples is None else samples, last=True)

    def _decide(self, samples: Array, *, last: bool) -> NDArray[np.bool_]:
        if len(samples) <= SLICE:
            return self._step(samples, last=last)
        decided = [self._step(samples[at : at + SLICE], last=False) for at in range(0, len(samples) - SLICE, SLICE)]
        decided.append(self._step(samples[len(decided) * SLICE :], last=last))
        return np.concatenate(decided)

    def _step(self, samples: Array, *, last: bool) -> NDArray[np.bool_]:
        samples = np.asarray(samples, np.float32)
        if not last and len(self._samples) + len(samples) < LEFT + RIGHT + GROUP * HOP:
            self._received += len(samples)  # most pieces of live sound complete no group
            self._samples = np.concatenate([self._samples, samples])
            return np.zeros(0, np.bool_)
        measured = self._measure(samples, last=last)
        behaviour = self._behaviour.push(measured, last=last)
        return smooth(self._smoothing.push(judge(behaviour)[np.newaxis], last=last)[0])

    def _measure(self, samples: Array, *, last: bool) -> Array:
        """Return the measurements of the frames that are complete, in groups; at the end, of all that are left."""
        self._received += len(samples)
        parts, count = [self._samples, samples], len(self._samples) + len(samples)
        if last:
            frames = -(-self._received // HOP) - (self._received - (count - LEFT)) // HOP
            groups = -(-frames // GROUP)
            parts.append(np.zeros(max(0, LEFT + groups * GROUP * HOP + RIGHT - count), np.float32))
        else:
            groups = max(0, count - LEFT - RIGHT) // (HOP * GROUP)
            frames = groups * GROUP
        waiting = np.concatenate(parts)
        self._samples = waiting[groups * GROUP * HOP :]
        return measure(waiting, groups=groups)[:, :frames]


def speech_activity(signal: Array) -> NDArray[np.bool_]:
    """Return whether there is speech in every 10 ms of a signal [time] at 16 kHz.

    Frame i covers the samples [160 i, 160 (i + 1)); there are ceil(len(signal) / 160).

    Example:
        >>> speech_activity(np.zeros(16000, np.float32)).any()
        np.False_

    """
    return ActivityDetector()._decide(signal, last=True)  # noqa: SLF001


MEASURED = ("there", "level", "energy", "periodic", "period", "tone", *(f"energy{band}" for band in range(6)))
"""Rows of what `measure` returns, per frame.

1 (0 beyond the ends), log10 of the energy above 150 Hz, the energy, how periodic (0 to 1), which of the periods tried,
share of the strongest frequency (0 to 1), energy in each band. Energies are mean squares of the samples.
"""


def measure(samples: Array, *, groups: int) -> Array:
    """Return the measurements [len(MEASURED), frames] of groups of frames.

    Args:
        samples: [time]; the first frame begins at the sample LEFT.
        groups: 8 frames each; `samples` must reach RIGHT samples beyond the last one.

    """
    frames = groups * GROUP
    out = np.ones((len(MEASURED), frames), np.float32)
    if frames == 0:
        return out
    window, periods, bands = _tables()
    # Half the rate: four taps (1 3 3 1) / 8 keep what folds back into the voice's range 15 dB down.
    samples = samples[: LEFT + frames * HOP + RIGHT]
    outer, inner = samples[0:-3:2] + samples[3::2], samples[1:-2:2] + samples[2:-1:2]
    halved = outer * np.float32(0.125) + inner * np.float32(0.375)
    size = halved.itemsize  # overlapping frames without a copy; `sliding_window_view` takes longer than all of them
    framed: Array = np.ndarray((frames, WINDOW), np.float32, halved, HOP // 4 * size, (HOP // 2 * size, size))
    spectrum = np.fft.rfft(framed * window)
    power = spectrum.real**2 + spectrum.imag**2
    grouped = power.reshape(groups, GROUP, -1)
    # The autocorrelation of the signal whose spectrum is the magnitude: formants weigh less in it than in the
    # ordinary one, which belongs to the power. The last column is the plain sum.
    correlation = np.matmul(np.sqrt(grouped[:, :, VOICE_BINS]), periods).reshape(frames, -1)
    energies = np.matmul(grouped, bands).reshape(frames, -1).T
    energy = energies[1] + energies[2] + energies[3] + energies[4] + energies[5]
    out[1] = np.log10(energy + np.float32(TINY))
    out[2] = energy
    out[3] = correlation[:, :-1].max(axis=1) / (correlation[:, -1] + np.float32(1e-7))
    out[4] = correlation[:, :-1].argmax(axis=1)
    out[5] = power[:, 1:].max(axis=1) * bands[-1, -1] / (energies[0] + energy + np.float32(1e-8 * TINY))
    out[6:] = energies
    return out


@functools.cache
def _tables() -> tuple[Array, Array, Array]:
    """Return the window [256], cosines of all periods [bins, lags + 1], and sums over bands [129, 6]."""
    window = np.hanning(WINDOW + 1)[:-1].astype(np.float32)
    lags = np.geomspace(RATE / 2 / HIGHEST_PITCH, RATE / 2 / LOWEST_PITCH, LAGS)  # samples at 8 kHz
    bins = np.arange(VOICE_BINS.start, VOICE_BINS.stop)
    cosines = np.cos(2 * np.pi * np.outer(bins, lags) / WINDOW)
    cosines -= cosines.mean(axis=0)  # the same as taking the mean from every spectrum: a flat one is not periodic
    periods = np.column_stack([cosines, np.ones(len(bins))]).astype(np.float32)
    edges = np.round(np.array(BAND_EDGES) * 2 * WINDOW / RATE).astype(int)
    edges[-1] += 1
    frequencies = np.arange(WINDOW // 2 + 1)[:, np.newaxis]
    inside = (frequencies >= edges[:-1]) & (frequencies < edges[1:])
    mean_square = 2 / (WINDOW * float(np.sum(window**2)))  # Parseval: a sum of power to the mean square of samples
    return window, periods, (inside * mean_square).astype(np.float32)


def judge(measured: Array) -> NDArray[np.bool_]:
    """Return decisions [n] from measurements with CONTEXT more frames after the n, and CONTEXT + 1 before."""
    if measured.shape[1] <= 2 * CONTEXT + 1:
        return np.zeros(0, np.bool_)
    parts = _weights() * behaviour(measured)
    parts[0] += np.float32(WEIGHTS.bias)
    # Added one by one: a product with a vector would round differently for pieces of different lengths.
    score = np.add.accumulate(parts, axis=0)[-1]
    decided: NDArray[np.bool_] = (score > 0) & (measured[2, CONTEXT + 1 : -CONTEXT] > FLOOR)
    return decided


@functools.cache
def _weights() -> Array:
    """Return the weights [18, 1], without the bias."""
    *weights, shares = WEIGHTS[1:]
    return np.array([*weights, *shares], np.float32)[:, np.newaxis]


def behaviour(measured: Array) -> Array:
    """Return the numbers [18, n] that the weights are for, in their order, from measurements as `judge` takes them."""
    rows, before, here = measured[:, 1:], measured[:, :-1], slice(CONTEXT, -CONTEXT)
    there, level, energy, periodic, period, tone = rows[:6]
    numbers = np.empty((24, rows.shape[1]), np.float32)  # all that is summed around, in one array: calls cost most
    numbers[0] = there
    numbers[1] = (np.abs(period - before[4]) <= STEADY) * there * before[0]
    numbers[2] = tone
    numbers[3] = energy
    numbers[4:10] = rows[6:]
    numbers[10] = level
    numbers[11] = periodic
    # What is 40 dB below the frame counts as 40 dB below: deeper, an unheard edge would look like a great change.
    numbers[12:17] = (np.log10(rows[7:] + energy * np.float32(1e-4) + np.float32(TINY / 10)) - level) * there
    np.square(numbers[10:17], out=numbers[17:])
    sums = _around(numbers)
    sums /= sums[0].copy()
    means = sums[10:17]
    spreads = np.sqrt(np.maximum(sums[17:] - np.square(means), 0))
    share_spread = (spreads[2] + spreads[3] + spreads[4] + spreads[5] + spreads[6]) / np.float32(5)
    out = np.empty((18, sums.shape[1]), np.float32)
    out[0] = periodic[here]
    out[1] = means[1]
    out[2] = np.square(means[1])
    out[3] = spreads[1]
    out[4] = means[1] * share_spread
    out[5:7] = sums[1:3]
    out[7] = level[here] - means[0]
    out[8] = spreads[0]
    out[9] = np.square(spreads[0])
    out[10] = share_spread
    out[11] = np.square(share_spread)
    out[12:] = np.log10(sums[4:10] + np.float32(TINY / 10)) - np.log10(sums[3] + np.float32(TINY))
    return out


def _around(rows: Array) -> Array:
    """Return sums over 2 * CONTEXT + 1 = 49 neighbours, of 32, 16 and 1: six additions instead of 48."""
    sums, width = rows, 1
    parts = {}
    while width <= CONTEXT:
        sums = sums[:, :-width] + sums[:, width:]
        width *= 2
        parts[width] = sums
    count = rows.shape[1] - 2 * CONTEXT
    out: Array = parts[32][:, :count] + parts[16][:, 32 : 32 + count] + rows[:, 48 : 48 + count]
    return out


def smooth(speech: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return runs of speech, gaps closed, short ones dropped, ends widened; context at both ends is used up."""
    if len(speech) < GAP + SHORTEST + AFTER + GAP + SHORTEST - 1 + BEFORE:
        return np.zeros(0, np.bool_)
    closed = ~_any(~_any(speech, GAP, 0), 0, GAP)
    opened = _any(~_any(~closed, 0, SHORTEST - 1), SHORTEST - 1, 0)
    return _any(opened, AFTER, BEFORE)


def _any(values: NDArray[np.bool_], before: int, after: int) -> NDArray[np.bool_]:
    """Return whether any of the values from `before` to `after` is true, where all of them are there."""
    width = before + after + 1
    counts = np.zeros(len(values) + 1, np.intp)
    np.cumsum(values, out=counts[1:])
    return counts[width:] > counts[:-width]


class _Context(Generic[Value]):
    """Values that come in pieces [rows, n], handed on with those before and after that a local rule looks at."""

    def __init__(self, before: NDArray[Value], *, after: int) -> None:
        self._held: NDArray[Value] = before
        self._kept = before.shape[1] + after
        self._after = after

    def push(self, values: NDArray[Value], *, last: bool) -> NDArray[Value]:
        parts = [self._held, values]
        if last:
            parts.append(np.zeros((len(values), self._after), values.dtype))
        joined: NDArray[Value] = np.concatenate(parts, axis=1)
        self._held = joined[:, max(0, joined.shape[1] - self._kept) :]
        return joined
