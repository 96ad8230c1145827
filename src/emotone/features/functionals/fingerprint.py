"""A fingerprint of a take: copies of a recording share it, other takes of the same words do not.

Key idea: the energy of each of twelve bands over time is a curve, whose timing no speaker repeats to a few hundredths
of a second. Let X_b(f) be the Fourier transform of band b's curve. Removing or adding silence at the start delays all
curves by the same time s, which multiplies X_b(f) with exp(-2 pi i f s). In

    C_b(f) = X_b(f) conj(X_{b+1}(f))

the delay cancels, and the timing of a band relative to its neighbour remains. The curves are logarithms of energy
relative to the recording's mean, above a threshold, so the level cancels, and silence and light noise have no effect.
Only the telephone band is used, so band limitation has no effect either. The phase of samples, such as an inverted
polarity or the artefacts of a codec, is never used.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from emotone.errors import TooShortError
from emotone.features.spectra import SILENCE, power_spectra
from emotone.features.store import FeatureStore

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from emotone.types import Array, Hertz, Utterance

WINDOW, HOP = 512, 160  # 32 ms every 10 ms at 16 kHz: the shift of frames after a cut of any length is negligible
BANDS = 12
LOW, HIGH = 250.0, 3500.0  # Hz: inside the telephone band (8 kHz)
THRESHOLD = 0.03  # of the mean energy of a band: 15 dB below it is silence
SLOWEST, FASTEST, STEP = 1.0, 14.0, 0.25  # Hz: from words to the onsets of sounds
SHORTEST = 0.5  # seconds: shorter signals have too little timing to distinguish takes

NEAR_DUPLICATE = 0.92
"""Cosine from which two fingerprints are of one take: half-way between the measured values of both cases.

Other takes: of the 11.5 million pairs of clips within Emo-DB, EMOVO, SAVEE, RAVDESS and nEMO, the nearest two takes
have 0.885 (RAVDESS, an actor repeating a sentence in one emotion); Emo-DB's versions a and b stay below 0.85. Two
pairs are above the threshold, and both are copies: RAVDESS's 03-01-03-01-02-01-07 and -02-07, which are equal byte by
byte, and EMOVO's tri-f3-n1 and tri-f3-n2, whose samples correlate by 0.98 when one is shifted by 0.107 s.

Copies: of 200 clips of the five corpora, all modified copies are above it: Vorbis at any quality, Opus, MP3 (0.978),
telephone bandwidth with mu-law (0.956), 20 dB quieter in 16 bit (0.986), noise 30 dB below (0.989), 50 ms cut from both
ends (0.992), half a second of silence added (0.987), and telephone bandwidth, cut, noise and Vorbis combined (0.975).

Missed: a few copies in MP3 at its worst quality (3 of 200) or in noise 20 dB below (1 of 200), and about a third
of those whose speed is changed by 1 %.
"""


@dataclass(frozen=True)
class Fingerprint:
    """A vector of length 1; the cosine of two is near 1 where recordings are copies, even modified ones.

    The copy may be re-encoded (FLAC, Vorbis, Opus, MP3), amplified or attenuated, limited to telephone bandwidth,
    inverted, cut by some hundredths of a second at either end, padded, or have light noise added.
    Cosines of `NEAR_DUPLICATE` and above mean the same take. All silent recordings have the same fingerprint.
    """

    version: ClassVar[int] = 1

    @property
    def rate(self) -> Hertz:
        """Required sampling rate of the signal, in hertz."""
        return 16000

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each value: real and imaginary part, by modulation frequency and pair of neighbouring bands."""
        pairs = [f"{hertz:g} Hz {band}x{band + 1}" for hertz in _frequencies() for band in range(BANDS - 1)]
        return tuple(f"{part} {pair}" for part in ("real", "imaginary") for pair in pairs)

    def compute(self, signal: Array) -> Array:
        """Return the vector [values] float32 of a signal [time], of length 1.

        Raises:
            TooShortError: the signal is shorter than half a second.

        """
        seconds = len(signal) / self.rate
        if seconds < SHORTEST:
            raise TooShortError(f"too short for a fingerprint: {seconds:.3f} s; it needs {SHORTEST} s")
        energy = power_spectra(signal, window=WINDOW, hop=HOP) @ _bands()
        mean = energy.mean()
        curves = np.log1p(energy / (THRESHOLD * mean)) if mean > SILENCE else np.zeros_like(energy)
        time = np.arange(len(curves)) * (HOP / self.rate)
        frequencies = _frequencies()
        spectra = np.exp(-2j * np.pi * np.outer(frequencies, time)) @ curves
        pairs = spectra[:, :-1] * np.conj(spectra[:, 1:]) * frequencies[:, None]  # slow modulations are the largest
        sizes = np.abs(pairs)
        pairs /= np.sqrt(np.where(sizes > 0, sizes, 1.0))
        values = np.concatenate([pairs.real.ravel(), pairs.imag.ravel()])
        if not values.any():
            values[0] = 1.0
        unit: Array = (values / np.linalg.norm(values)).astype(np.float32)
        return unit


def fingerprints(
    utterances: Sequence[Utterance], *, workers: int = 1, progress: Callable[[int], None] | None = None
) -> dict[str, NDArray[np.floating]]:
    """Return the fingerprint of each utterance by `Utterance.key`, from the feature store, for `protocols.audit`.

    Utterances that cannot be read, or are shorter than half a second, have none.

    Args:
        utterances: keys must be unique.
        workers: processes; 1 stays in this one.
        progress: called with the number of utterances done since the last call.

    Example:
        >>> leakage = audit(
        ...     folds, utterances, fingerprints=fingerprints(utterances), near_duplicate=NEAR_DUPLICATE
        ... )  # doctest: +SKIP

    """
    store = FeatureStore("fingerprint", Fingerprint())
    return dict(store.extract(utterances, workers=workers, progress=progress).features)


@lru_cache(maxsize=1)
def _bands() -> NDArray[np.float64]:
    """Return weights [bins, bands]: 1 per kHz inside a band, since speech falls by about as much."""
    hertz = np.fft.rfftfreq(WINDOW, 1 / Fingerprint().rate)
    edges = np.geomspace(LOW, HIGH, BANDS + 1)
    inside = (hertz[:, None] >= edges[:-1]) & (hertz[:, None] < edges[1:])
    weights: NDArray[np.float64] = inside * hertz[:, None] / 1000
    return weights


def _frequencies() -> NDArray[np.float64]:
    return np.arange(SLOWEST, FASTEST, STEP)


FUNCTIONALS = Fingerprint
