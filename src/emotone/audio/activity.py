"""Speech activity: one decision per 10 ms, independent of the sizes of the pieces in which a signal is pushed.

Method. At 8 kHz, a frame of 32 ms is measured every 10 ms: its periodicity between 70 and 400 Hz, the share of its
strongest frequency, its level, and its energy in six bands. Speech differs from other sounds in how these change over
half a second, at any level: it is voiced most of the time but not steadily, and its spectrum keeps changing; noise is
never voiced, hum and tones do not change, clicks are neither voiced nor sustained. The score of a frame is a weighted
sum of eighteen such features. Short gaps in a run of speech frames are closed, and short runs are dropped.

State. Every step depends on a fixed number of values before and after its own; only these are kept between two pieces.
The offline function is the streaming detector applied to the whole signal.

Training. The weights are a logistic regression on frames of Emo-DB (CC0), LibriSpeech, AMI and ESC-10 (CC BY),
clean, attenuated and in noise, against synthetic noises, tones, hum and clicks.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Generic, NamedTuple, Protocol, TypeVar

import numpy as np

from emotone.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emotone.types import Array, Hertz, Seconds

Value = TypeVar("Value", np.float32, np.bool_)

RATE: Hertz = 16_000
HOP = 160  # 10 ms at 16 kHz: frame i decides about the samples [160 i, 160 (i + 1))
PER_SECOND = RATE // HOP  # decisions
WINDOW = 256  # 32 ms at 8 kHz: two periods of the lowest pitch
LEFT = 257  # samples before frame 0 that its window and the decimation need
RIGHT = 177  # samples after the end of a frame that they need
GROUP = 8  # frames per matrix product: rounding in BLAS depends on the shape, which must not depend on the pieces
SLICE = 1 << 20  # samples measured at a time, to bound the memory of one long piece

MIN_PITCH, MAX_PITCH, LAGS = 70.0, 400.0, 64  # Hz, Hz, number of candidate periods
VOICE_BINS = slice(2, 80)  # 62 Hz to 2.5 kHz, where harmonics are strong
BAND_EDGES = (0, 150, 400, 800, 1500, 2500, 4000)  # Hz
TINY = 1e-10  # -100 dBFS: keeps the logarithms of digital silence finite
FLOOR = 1e-7  # mean square of -70 dBFS: quieter frames are silence

STEADY = 2  # candidate periods, 3 % each, by which a steady voice changes within 10 ms
CONTEXT = 24  # frames on each side over which statistics are computed: half a second in total
MAX_GAP = 15  # frames: longer pauses and unvoiced sounds end a run
MIN_RUN = 10  # frames: shorter runs are dropped
BEFORE, AFTER = 3, 6  # frames added to each run: weak onsets and decays


class SpeechDetector(Protocol):
    """What a streaming detector of speech provides, for signals at 16 kHz.

    All decisions of a recording, joined, are the same however it is divided into pieces.
    """

    lookahead: Seconds
    """Maximum delay between a frame and its decision."""

    def push(self, samples: Array) -> NDArray[np.bool_]:
        """Return the decisions [frames] that these samples [time] complete, following those returned before."""
        ...

    def finish(self, samples: Array | None = None) -> NDArray[np.bool_]:
        """Return the remaining decisions, ceil(samples / 160) in all, after the last samples [time], if any."""
        ...


class Weights(NamedTuple):
    """Weight of each feature in the score of a frame, which is speech where the score is above 0.

    Means and spreads (standard deviations) are over the surrounding frames; levels and shares are log10.
    """

    bias: float
    periodic: float
    periodic_mean: float
    periodic_mean_squared: float
    periodic_spread: float
    periodic_changing: float  # periodic_mean * share_spread: voiced, with a changing spectrum
    steady: float  # share of frames whose period equals that of the previous frame
    tone_mean: float
    level: float  # relative to its mean
    level_spread: float
    level_spread_squared: float
    share_spread: float  # mean over the bands except the lowest
    share_spread_squared: float
    shares: tuple[float, float, float, float, float, float]  # of each band in the energy of the surrounding frames


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
    """Streaming speech activity detector.

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

    lookahead: Seconds = (GROUP + 2 + CONTEXT + MAX_GAP + MIN_RUN - 1 + BEFORE) * HOP / RATE
    """Maximum delay between a frame and its decision."""

    def __init__(self, rate: Hertz = RATE) -> None:
        if rate != RATE:
            raise UsageError(f"activity: a rate of {rate} Hz was given; allowed: {RATE}; resample first")
        self._samples: Array = np.zeros(LEFT, np.float32)
        self._received = 0
        self._behaviour = _Context(np.zeros((len(MEASURED), CONTEXT + 1), np.float32), after=CONTEXT)
        self._smoothing = _Context(
            np.zeros((1, MAX_GAP + MIN_RUN - 1 + AFTER), np.bool_), after=MAX_GAP + MIN_RUN - 1 + BEFORE
        )

    def push(self, samples: Array) -> NDArray[np.bool_]:
        """Return the decisions [frames] that these samples [time] complete, following those returned before."""
        return self._decide(samples, last=False)

    def finish(self, samples: Array | None = None) -> NDArray[np.bool_]:
        """Return the remaining decisions, ceil(samples / 160) in all; nothing may be pushed afterwards.

        Args:
            samples: the last samples [time], if there are any: cheaper than pushing them first.

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
            self._received += len(samples)  # most pieces of live audio complete no group
            self._samples = np.concatenate([self._samples, samples])
            return np.zeros(0, np.bool_)
        measured = self._measure(samples, last=last)
        behaviour = self._behaviour.push(measured, last=last)
        return smooth(self._smoothing.push(classify_frames(behaviour)[np.newaxis], last=last)[0])

    def _measure(self, samples: Array, *, last: bool) -> Array:
        """Return the measurements of complete groups of frames; at the end, of all remaining frames."""
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


MEASURED = ("inside", "level", "energy", "periodic", "period", "tone", *(f"energy{band}" for band in range(6)))
"""Rows of the measurements, per frame.

1 inside the signal and 0 outside, log10 of the energy above 150 Hz, that energy, periodicity (0 to 1), index of the
period, share of the strongest frequency (0 to 1), energy in each band. Energies are mean squares of the samples.
"""


def measure(samples: Array, *, groups: int) -> Array:
    """Return the measurements [len(MEASURED), frames] of groups of frames.

    Args:
        samples: [time]; the first frame starts at the sample LEFT.
        groups: of 8 frames; `samples` must contain RIGHT samples after the last one.

    """
    frames = groups * GROUP
    out = np.ones((len(MEASURED), frames), np.float32)
    if frames == 0:
        return out
    window, periods, bands = _tables()
    # Half the rate: four taps (1 3 3 1) / 8 attenuate aliases in the range of the voice by 15 dB.
    samples = samples[: LEFT + frames * HOP + RIGHT]
    outer, inner = samples[0:-3:2] + samples[3::2], samples[1:-2:2] + samples[2:-1:2]
    halved = outer * np.float32(0.125) + inner * np.float32(0.375)
    size = halved.itemsize  # overlapping frames without a copy; `sliding_window_view` alone takes longer
    framed: Array = np.ndarray((frames, WINDOW), np.float32, halved, HOP // 4 * size, (HOP // 2 * size, size))
    spectrum = np.fft.rfft(framed * window)
    power = spectrum.real**2 + spectrum.imag**2
    grouped = power.reshape(groups, GROUP, -1)
    # Autocorrelation computed from the magnitude spectrum: formants have less weight than in the ordinary one,
    # which is computed from the power spectrum. The last column is the plain sum.
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
    lags = np.geomspace(RATE / 2 / MAX_PITCH, RATE / 2 / MIN_PITCH, LAGS)  # samples at 8 kHz
    bins = np.arange(VOICE_BINS.start, VOICE_BINS.stop)
    cosines = np.cos(2 * np.pi * np.outer(bins, lags) / WINDOW)
    cosines -= cosines.mean(axis=0)  # equivalent to subtracting the mean of every spectrum: a flat one is not periodic
    periods = np.column_stack([cosines, np.ones(len(bins))]).astype(np.float32)
    edges = np.round(np.array(BAND_EDGES) * 2 * WINDOW / RATE).astype(int)
    edges[-1] += 1
    frequencies = np.arange(WINDOW // 2 + 1)[:, np.newaxis]
    inside = (frequencies >= edges[:-1]) & (frequencies < edges[1:])
    mean_square = 2 / (
        WINDOW * float(np.sum(window**2))
    )  # Parseval: from a sum of power to the mean square of the samples
    return window, periods, (inside * mean_square).astype(np.float32)


def classify_frames(measured: Array) -> NDArray[np.bool_]:
    """Return decisions [n] from measurements of n frames, CONTEXT frames after them, and CONTEXT + 1 before."""
    if measured.shape[1] <= 2 * CONTEXT + 1:
        return np.zeros(0, np.bool_)
    parts = _weights() * behaviour(measured)
    parts[0] += np.float32(WEIGHTS.bias)
    # Added one by one: the rounding of a matrix product would depend on the length of the piece.
    score = np.add.accumulate(parts, axis=0)[-1]
    decided: NDArray[np.bool_] = (score > 0) & (measured[2, CONTEXT + 1 : -CONTEXT] > FLOOR)
    return decided


@functools.cache
def _weights() -> Array:
    """Return the weights [18, 1], without the bias."""
    *weights, shares = WEIGHTS[1:]
    return np.array([*weights, *shares], np.float32)[:, np.newaxis]


def behaviour(measured: Array) -> Array:
    """Return the features [18, n] in the order of the weights, from measurements as for `classify_frames`."""
    rows, before, here = measured[:, 1:], measured[:, :-1], slice(CONTEXT, -CONTEXT)
    inside, level, energy, periodic, period, tone = rows[:6]
    numbers = np.empty(
        (24, rows.shape[1]), np.float32
    )  # everything that is summed, in one array: the number of calls dominates the cost
    numbers[0] = inside
    numbers[1] = (np.abs(period - before[4]) <= STEADY) * inside * before[0]
    numbers[2] = tone
    numbers[3] = energy
    numbers[4:10] = rows[6:]
    numbers[10] = level
    numbers[11] = periodic
    # Bands are clipped at 40 dB below the frame: changes of inaudible bands must not count.
    numbers[12:17] = (np.log10(rows[7:] + energy * np.float32(1e-4) + np.float32(TINY / 10)) - level) * inside
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
    """Return sums over 2 * CONTEXT + 1 = 49 frames, from partial sums of 32, 16 and 1: six additions instead of 48."""
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
    """Return the decisions with gaps closed, short runs dropped and runs extended, without the context at both ends."""
    if len(speech) < MAX_GAP + MIN_RUN + AFTER + MAX_GAP + MIN_RUN - 1 + BEFORE:
        return np.zeros(0, np.bool_)
    closed = ~_any(~_any(speech, MAX_GAP, 0), 0, MAX_GAP)
    opened = _any(~_any(~closed, 0, MIN_RUN - 1), MIN_RUN - 1, 0)
    return _any(opened, AFTER, BEFORE)


def _any(values: NDArray[np.bool_], before: int, after: int) -> NDArray[np.bool_]:
    """Return whether any value from `before` to `after` is true, where all of them exist."""
    width = before + after + 1
    counts = np.zeros(len(values) + 1, np.intp)
    np.cumsum(values, out=counts[1:])
    return counts[width:] > counts[:-width]


class _Context(Generic[Value]):
    """Adds to pieces [rows, n] the values before and after them that a local rule needs."""

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
