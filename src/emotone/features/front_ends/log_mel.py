"""Logarithms of mel-band power: 25 ms windows every 10 ms, as nearly every speech network sees sound."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from emotone.errors import ConfigError
from emotone.types import Hertz  # noqa: TC001  (settings are read from TOML by their types)

if TYPE_CHECKING:
    from emotone.types import Array, Seconds

BLOCK = 128  # frames transformed at a time: the work stays in the processor's cache
GROUP = 8  # frames per matrix product: too small for BLAS to wake threads, which cost more than they save here


@dataclass(frozen=True)
class LogMel:
    """ln(mel power + offset), one row per hop; no padding, so a row needs only its own window of samples.

    Power spectra of periodic-Hann windows are divided by the window's power gain, so that a full-scale sine
    lies near 0 whatever the window's length. Bands are triangles on the HTK mel scale with unit peaks.

    Attributes:
        rate: hertz.
        window: samples per frame (400 = 25 ms at 16 kHz).
        hop: samples between frames (160 = 10 ms).
        fft: transform length, at least `window`.
        bands: number of mel bands.
        low: lower edge of the first band, hertz.
        high: upper edge of the last band, hertz.
        offset: added to the power before the logarithm; 1e-10 lies below 16-bit quantisation noise.

    Raises:
        ConfigError: settings that contradict each other.

    Example:
        >>> import numpy as np
        >>> LogMel().compute(np.zeros(16000, np.float32)).shape
        (98, 64)

    """

    version: ClassVar[int] = 2

    rate: Hertz = 16000
    window: int = 400
    hop: int = 160
    fft: int = 512
    bands: int = 64
    low: float = 60.0
    high: float = 7800.0
    offset: float = 1e-10

    def __post_init__(self) -> None:
        if not 0 < self.hop <= self.window <= self.fft:
            raise ConfigError(
                f"log-mel needs 0 < hop <= window <= fft; given hop={self.hop}, window={self.window}, fft={self.fft}"
            )
        if not 0 <= self.low < self.high <= self.rate / 2:
            raise ConfigError(
                f"log-mel needs 0 <= low < high <= rate / 2; given low={self.low}, high={self.high}, rate={self.rate}"
            )
        if self.bands < 1 or self.offset <= 0:
            raise ConfigError(f"log-mel needs bands >= 1 and offset > 0; given {self.bands} and {self.offset}")

    @property
    def dimension(self) -> int:
        """Values per frame: the number of bands."""
        return self.bands

    @property
    def hop_seconds(self) -> Seconds:
        """Seconds between frames."""
        return self.hop / self.rate

    def frames(self, samples: int) -> int:
        """Return the number of frames: full windows only, but at least one."""
        return 1 + max(0, samples - self.window) // self.hop

    def compute(self, signal: Array) -> Array:
        """Return [frames, bands] float32 of a signal [time]; one shorter than a window is padded with zeros."""
        if signal.shape[0] < self.window:
            signal = np.pad(signal, (0, self.window - signal.shape[0]))
        count = self.frames(signal.shape[0])
        taper, matrix = _tables(self)
        windows = np.lib.stride_tricks.sliding_window_view(signal, self.window)[:: self.hop]
        result = np.empty((count, self.bands), np.float32)
        for start in range(0, count, BLOCK):
            spectrum = np.fft.rfft(windows[start : start + BLOCK] * taper, n=self.fft, axis=1)
            rows = len(spectrum)
            power = np.zeros((-(-rows // GROUP) * GROUP, spectrum.shape[1]), np.float32)
            power[:rows] = spectrum.real**2 + spectrum.imag**2
            bands = np.matmul(power.reshape(-1, GROUP, power.shape[1]), matrix).reshape(-1, self.bands)
            result[start : start + rows] = np.log(bands[:rows] + np.float32(self.offset))
        return result


@lru_cache(maxsize=8)
def _tables(spec: LogMel) -> tuple[Array, Array]:
    """Return the window [window] and the mel matrix [fft // 2 + 1, bands], float32."""
    taper = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(spec.window) / spec.window)
    taper /= np.sum(taper) / 2  # a full-scale sine has a spectral peak of 1
    return taper.astype(np.float32), mel_matrix(spec).astype(np.float32)


def mel_matrix(spec: LogMel) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Return triangles [fft // 2 + 1, bands] with unit peaks, equally spaced on the HTK mel scale.

    Reference: mel(f) = 2595 log10(1 + f / 700), Young et al., The HTK Book, 2006, section 5.4.
    """
    edges_mel = np.linspace(_mel(spec.low), _mel(spec.high), spec.bands + 2)
    edges = 700 * (10 ** (edges_mel / 2595) - 1)
    bins = np.arange(spec.fft // 2 + 1)[:, None] * spec.rate / spec.fft
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    return np.maximum(0.0, np.minimum(rising, falling))


def _mel(hertz: float) -> float:
    return float(2595 * np.log10(1 + hertz / 700))


FEATURE = LogMel
