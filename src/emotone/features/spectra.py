"""Frames and spectra for all front ends and functionals: windows, mel filterbanks, decibels, fundamental frequency.

Front ends compute float32, functionals and the pitch double precision. Filterbanks come in three kinds, which differ in
the mel scale, in the domain in which the triangles' sides are straight, and in their scaling:

=======  ============================  ==============  ============================================
kind     mel(f)                        straight in     scaling, used by
=======  ============================  ==============  ============================================
htk      1127 ln(1 + f / 700)          hertz           peaks of 1: `log-mel`
kaldi    1127 ln(1 + f / 700)          mel             peaks of 1: `vggish-log-mel`, `mn-log-mel`
slaney   3 f / 200 below 1 kHz,        hertz           area of 1 in hertz: librosa's default, Whisper
         15 + 27 ln(f / 1000) / ln 6.4
         above
=======  ============================  ==============  ============================================

References: Young et al., The HTK Book, 2006, section 5.4; Slaney, Auditory toolbox, technical report 1998-010, Interval
Research, 1998.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar, Literal, TypeAlias

import numpy as np

from emotone.types import Hertz, Seconds  # noqa: TC001 - of class variables, which are read with the settings

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emotone.types import Array

    Matrix: TypeAlias = NDArray[np.float64]
    Values = NDArray[np.float64]

Kind: TypeAlias = Literal["htk", "kaldi", "slaney"]

BLOCK = 128  # frames transformed at a time: they fit into the processor's cache
GROUP = 8  # frames per matrix product: too small for BLAS to use threads, so the sums are always the same
LINEAR_HERTZ, LINEAR_MEL = 1000.0, 15.0  # Slaney's scale is linear up to here
LOG_STEP = np.log(6.4) / 27  # and logarithmic above, with 27 mel from 1 to 6.4 kHz

SILENCE = 1e-10  # mean square of -100 dBFS, below 16-bit quantisation noise: the lowest level that is reported

LOWEST, HIGHEST = 60.0, 500.0  # hertz
VOICED = 0.5  # lowest autocorrelation, relative to lag 0, of a voiced frame
NEAR = 0.9  # lags with this share of the highest autocorrelation are candidates: multiples of the period fit too


def mel_filterbank(*, rate: Hertz, fft: int, bands: int, low: float, high: float, kind: Kind) -> Matrix:
    """Return triangles [fft // 2 + 1, bands], equally spaced in mel from `low` to `high` hertz.

    Args:
        rate: of the signal, in hertz.
        fft: length of the transform.
        bands: number of triangles.
        low: lower edge of the first triangle, in hertz.
        high: upper edge of the last triangle, in hertz.
        kind: see the table above.

    """
    lowest, highest = hertz_to_mel(np.array([low, high]), kind=kind)
    edges = np.linspace(lowest, highest, bands + 2)
    bins = np.arange(fft // 2 + 1) * rate / fft
    if kind == "kaldi":
        return _triangles(hertz_to_mel(bins, kind=kind), edges)
    edges = mel_to_hertz(edges, kind=kind)
    triangles = _triangles(bins, edges)
    return triangles * 2.0 / (edges[2:] - edges[:-2]) if kind == "slaney" else triangles


def hertz_to_mel(hertz: Matrix, *, kind: Kind) -> Matrix:
    """Return frequencies on the mel scale of a kind of filterbank."""
    if kind != "slaney":
        return 1127.0 * np.log1p(hertz / 700.0)
    logarithmic = LINEAR_MEL + np.log(np.maximum(hertz, LINEAR_HERTZ) / LINEAR_HERTZ) / LOG_STEP
    return np.where(hertz < LINEAR_HERTZ, hertz * (LINEAR_MEL / LINEAR_HERTZ), logarithmic)


def mel_to_hertz(mel: Matrix, *, kind: Kind) -> Matrix:
    """Return frequencies in hertz; the inverse of `hertz_to_mel`."""
    if kind != "slaney":
        return 700.0 * np.expm1(mel / 1127.0)
    logarithmic = LINEAR_HERTZ * np.exp(LOG_STEP * (np.maximum(mel, LINEAR_MEL) - LINEAR_MEL))
    return np.where(mel < LINEAR_MEL, mel * (LINEAR_HERTZ / LINEAR_MEL), logarithmic)


def hann(samples: int, *, periodic: bool = True) -> Matrix:
    """Return a Hann window [samples]; a periodic one is the first part of a symmetric one of one more sample."""
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(samples) / (samples if periodic else samples - 1))


@lru_cache(maxsize=8)
def cepstral_transform(bands: int, cepstra: int) -> Matrix:
    """Return the orthonormal cosine transform [bands, cepstra] from levels of bands to cepstra, from number 0 on."""
    angles = np.pi * (np.arange(bands) + 0.5)[:, None] * np.arange(cepstra) / bands
    matrix: Matrix = np.sqrt(2 / bands) * np.cos(angles)
    matrix[:, 0] /= np.sqrt(2)
    return matrix


class RowPerHop:
    """A front end with a row wherever a hop starts in the recording, and zeros after its end (see `Feature`)."""

    pads_end: ClassVar[bool] = True
    rate: ClassVar[Hertz]
    hop: ClassVar[int]

    @property
    def hop_seconds(self) -> Seconds:
        """Seconds between rows."""
        return self.hop / self.rate

    def frames(self, samples: int) -> int:
        """Return the number of rows: one for each hop that starts inside the signal, but at least one."""
        return max(1, -(-samples // self.hop))


def padded_for_rows(signal: Array, *, rows: int, hop: int, window: int) -> Array:
    """Return a signal [time] followed by the zeros that `rows` complete frames need; a longer one is unchanged."""
    missing = (rows - 1) * hop + window - len(signal)
    return np.pad(signal, (0, missing)) if missing > 0 else signal


def band_spectra(signal: Array, *, hop: int, window: Array, filterbank: Array, power: bool) -> Array:
    """Return band sums [frames, bands] float32 of the spectra of every complete frame.

    The sums of a frame do not depend on the other frames.

    Args:
        signal: at least as long as the window, [time].
        hop: samples between frames.
        window: [samples], at most as long as the transform.
        filterbank: [fft // 2 + 1, bands], in float32.
        power: whether to sum |spectrum|^2 instead of |spectrum|.

    """
    frames = np.lib.stride_tricks.sliding_window_view(signal, len(window))[::hop]
    bins, bands = filterbank.shape
    sums = np.empty((len(frames), bands), np.float32)
    for start in range(0, len(frames), BLOCK):
        spectra = np.fft.rfft(frames[start : start + BLOCK] * window, n=2 * (bins - 1), axis=1)
        count = len(spectra)
        values = np.zeros((-(-count // GROUP) * GROUP, bins), np.float32)
        values[:count] = spectra.real**2 + spectra.imag**2
        if not power:
            np.sqrt(values, out=values)
        products = np.matmul(values.reshape(-1, GROUP, bins), filterbank).reshape(-1, bands)
        sums[start : start + count] = products[:count]
    return sums


def _triangles(bins: Matrix, edges: Matrix) -> Matrix:
    """Return triangles [bins, bands] with peaks of 1 at `edges[1:-1]`, which reach 0 at the edges on either side."""
    rising = (bins[:, None] - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins[:, None]) / (edges[2:] - edges[1:-1])
    triangles: Matrix = np.maximum(0.0, np.minimum(rising, falling))
    return triangles


def decibels(power: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return mean squares in dB, 0 for a mean square of 1; lower ones are -100 dB."""
    levels: NDArray[np.float64] = 10 * np.log10(np.maximum(power, SILENCE))
    return levels


def frames(signal: Array, *, window: int, hop: int) -> NDArray[np.float64]:
    """Return the complete frames [frames, window] of a signal [time]; one shorter than a frame is padded with zeros."""
    samples = signal.astype(np.float64)
    if len(samples) < window:
        samples = np.pad(samples, (0, window - len(samples)))
    view: NDArray[np.float64] = np.lib.stride_tricks.sliding_window_view(samples, window)[::hop]
    return view


def power_spectra(signal: Array, *, window: int, hop: int) -> NDArray[np.float64]:
    """Return the power [frames, window / 2 + 1] of Hann-windowed frames; a row's sum is the mean square."""
    taper = hann(window)
    powers: NDArray[np.float64] = np.abs(np.fft.rfft(frames(signal, window=window, hop=hop) * taper, axis=1)) ** 2
    powers[:, 1 : (window + 1) // 2] *= 2  # of a real signal, each of these occurs twice
    powers /= window * (taper**2).sum()
    return powers


def tapered_frames(signal: Array, *, window: int, hop: int) -> Values:
    """Return the complete frames [frames, window] of a signal [time], less their mean, times a Hann window."""
    pieces = frames(signal, window=window, hop=hop)
    tapered: Values = (pieces - pieces.mean(axis=1, keepdims=True)) * np.hanning(window)
    return tapered


def frame_pitches(pieces: Values, *, rate: Hertz, quietest: float) -> Values:
    """Return the fundamental frequency of each frame [frames] in hertz; 0 where a frame is not voiced.

    Key idea: the autocorrelation of a frame, divided by that of its window, is highest at the period; of several such
    lags, the first within 10 % of the highest is taken.

    Args:
        pieces: of `tapered_frames`, at least two periods of 60 Hz long.
        rate: of the signal, in hertz.
        quietest: energy (sum of squares) up to which a frame is not voiced.

    Reference: Boersma, Accurate short-term analysis of the fundamental frequency, IFA proceedings 17, 1993.

    """
    window = np.hanning(pieces.shape[1])
    shortest, longest = int(rate / HIGHEST), int(rate / LOWEST)
    correlations = _autocorrelation(pieces)
    energy = correlations[:, :1]
    relative = correlations[:, : longest + 1] / np.maximum(energy, 1e-30)
    relative /= _autocorrelation(window[None])[:, : longest + 1] / (window @ window)
    candidates = relative[:, shortest:]
    best = candidates.max(axis=1)
    voiced = (energy[:, 0] > quietest) & (best > VOICED)
    hertz = np.zeros(len(pieces))
    if voiced.any():
        rows = candidates[voiced]
        fits = rows >= NEAR * best[voiced, None]
        after = np.maximum.accumulate(fits, axis=1)
        run = fits & (np.cumsum(after & ~fits, axis=1) == 0)  # the first lags that fit, up to the first that does not
        hertz[voiced] = rate / (np.argmax(np.where(run, rows, -np.inf), axis=1) + shortest)
    return hertz


def _autocorrelation(pieces: Values) -> Values:
    """Return the autocorrelation of rows [pieces, time] at lags of 0 and more."""
    length = 2 * pieces.shape[1]
    found: Values = np.fft.irfft(np.abs(np.fft.rfft(pieces, n=length, axis=1)) ** 2, n=length, axis=1)
    return found
