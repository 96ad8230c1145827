"""Logarithms of mel bands, the usual input of speech networks, and those that published networks were trained on.

log-mel          power in windows of 25 ms, every 10 ms
vggish-log-mel   magnitude in 64 bands every 10 ms at 16 kHz, the input of VGGish and YAMNet

Logarithms of mel-band power, the input of EfficientAT's MobileNets: 128 bands every 10 ms at 32 kHz.

The original centres its windows on multiples of the hop and mirrors the recording at both ends. Here a row depends on
its own samples only, as in every front end of this package, so the first window starts with the recording: rows are 400
samples, 12.5 ms, later than the original's, and there are two or three fewer. With `pads_end` there is a row wherever a
hop starts inside the recording, and the last rows include zeros after its end.

Whisper's front end: log10 of mel-band power, 80 bands every 10 ms at 16 kHz, with its dynamic range not yet limited.

Whisper limits the range of an input to 80 dB below its loudest value and scales it. Both depend on the whole input, so
they belong to the network (`emotone.nets.architectures.speech_encoders`): here a row depends on its own 25 ms only.
Whisper also centres its windows, which reads 12.5 ms before the first row; the rows here start with the signal. A
signal that is padded with 200 reflected samples on both sides therefore gives exactly Whisper's rows, and one more.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from emotone.errors import ConfigError
from emotone.features.spectra import RowPerHop, band_spectra, hann, mel_filterbank, padded_for_rows
from emotone.types import Hertz  # noqa: TC001  (settings are read from TOML by their types)

if TYPE_CHECKING:
    from emotone.types import Array, Seconds

FFT = 512  # the next power of two after a window
LOW, HIGH = 125.0, 7500.0  # hertz: edges of the first and the last band


@dataclass(frozen=True)
class LogMel:
    """ln(mel power + offset), one row per hop; without padding, so a row depends on its own window of samples only.

    Power spectra of periodic Hann windows are divided by the window's power gain, so that a full-scale sine is near 0
    for any window length. Bands are triangles on the HTK mel scale with peaks of 1.

    Attributes:
        rate: in hertz.
        window: samples per frame (400 = 25 ms at 16 kHz).
        hop: samples between frames (160 = 10 ms).
        fft: transform length, at least `window`.
        bands: number of mel bands.
        low: lower edge of the first band, in hertz.
        high: upper edge of the last band, in hertz.
        offset: added to the power before the logarithm; 1e-10 is below 16-bit quantisation noise.

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
        if not 0 < self.hop <= self.window <= self.fft or self.fft % 2:
            raise ConfigError(
                "log-mel needs 0 < hop <= window <= fft and an even fft; "
                f"given hop={self.hop}, window={self.window}, fft={self.fft}"
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
        """Return the number of frames: complete windows only, but at least one."""
        return 1 + max(0, samples - self.window) // self.hop

    def compute(self, signal: Array) -> Array:
        """Return [frames, bands] float32 of a signal [time]; one shorter than a window is padded with zeros."""
        if len(signal) < self.window:
            signal = np.pad(signal, (0, self.window - len(signal)))
        window, filterbank = _tables(self)
        sums = band_spectra(signal, hop=self.hop, window=window, filterbank=filterbank, power=True)
        rows: Array = np.log(sums + np.float32(self.offset))
        return rows


@lru_cache(maxsize=8)
def _tables(spec: LogMel) -> tuple[Array, Array]:
    """Return the window [window] and the filterbank [fft // 2 + 1, bands], float32."""
    window = hann(spec.window)
    window /= np.sum(window) / 2  # a full-scale sine has a spectral peak of 1
    filterbank = mel_filterbank(
        rate=spec.rate, fft=spec.fft, bands=spec.bands, low=spec.low, high=spec.high, kind="htk"
    )
    return window.astype(np.float32), filterbank.astype(np.float32)


@dataclass(frozen=True)
class VggishLogMel(RowPerHop):
    """ln(sum of |spectrum| under a band + offset), one row per hop: magnitudes, not their squares.

    Windows are periodic Hann windows of 25 ms, unscaled, of samples with a full scale of 1; bands are triangles on the
    mel scale with sides straight in mel. Zeros follow the recording's end, so that every multiple of the hop inside it
    has a row: one second has 100.

    Attributes:
        offset: added before the logarithm: 0.01 for VGGish, 0.001 for YAMNet.

    Raises:
        ConfigError: an offset of 0 or below.

    Example:
        >>> import numpy as np
        >>> VggishLogMel().compute(np.zeros(16000, np.float32)).shape
        (100, 64)

    References: Hershey et al., CNN architectures for large-scale audio classification, ICASSP 2017; the settings are
    those of the published VGGish (Apache-2.0).

    """

    version: ClassVar[int] = 1
    rate: ClassVar[Hertz] = 16000
    window: ClassVar[int] = 400  # 25 ms
    hop: ClassVar[int] = 160  # 10 ms
    dimension: ClassVar[int] = 64

    offset: float = 0.01

    def __post_init__(self) -> None:
        if not self.offset > 0:
            raise ConfigError(f"vggish-log-mel needs offset > 0; given {self.offset}")

    def compute(self, signal: Array) -> Array:
        """Return [frames, 64] float32 of a signal [time], with zeros after its end."""
        padded = padded_for_rows(signal, rows=self.frames(len(signal)), hop=self.hop, window=self.window)
        window, filterbank = _vggish_tables()
        sums = band_spectra(padded, hop=self.hop, window=window, filterbank=filterbank, power=False)
        rows: Array = np.log(sums + np.float32(self.offset))
        return rows


@lru_cache(maxsize=1)
def _vggish_tables() -> tuple[Array, Array]:
    """Return the window [400] and the filterbank [257, 64], float32."""
    spec = VggishLogMel
    filterbank = mel_filterbank(rate=spec.rate, fft=FFT, bands=spec.dimension, low=LOW, high=HIGH, kind="kaldi")
    return hann(spec.window).astype(np.float32), filterbank.astype(np.float32)


MN_WINDOW = 800  # samples: 25 ms
MN_FFT = 1024  # the next power of two
MN_LOW, MN_HIGH = 0.0, 15000.0  # hertz: edges of the first and the last band
MN_EMPHASIS = 0.97
MN_OFFSET = 1e-5  # added before the logarithm


@dataclass(frozen=True)
class MnLogMel:
    """ln(sum of |spectrum|^2 under a band + 1e-5) of the emphasised signal y[t] = x[t + 1] - 0.97 x[t], a row per hop.

    Windows are symmetric Hann windows of 25 ms, unscaled, of samples with a full scale of 1; bands are triangles on the
    mel scale as in Kaldi.

    Attributes:
        pads_end: whether zeros follow the recording's end, so that every multiple of the hop inside it has a row (see
            `emotone.features.base.Feature`): one second has 100. Otherwise all rows are of complete windows.

    Example:
        >>> import numpy as np
        >>> MnLogMel().compute(np.zeros(32000, np.float32)).shape
        (98, 128)
        >>> MnLogMel(pads_end=True).compute(np.zeros(32000, np.float32)).shape
        (100, 128)

    Reference: Schmid, Koutini, Widmer, Efficient large-scale audio tagging via transformer-to-CNN knowledge
    distillation, ICASSP 2023; the settings are those of the published networks (MIT).

    """

    version: ClassVar[int] = 1
    rate: ClassVar[Hertz] = 32000
    window: ClassVar[int] = MN_WINDOW + 1  # the emphasis needs the next sample
    hop: ClassVar[int] = 320  # 10 ms
    dimension: ClassVar[int] = 128

    pads_end: bool = False

    @property
    def hop_seconds(self) -> Seconds:
        """Seconds between rows."""
        return self.hop / self.rate

    def frames(self, samples: int) -> int:
        """Return the number of rows: of complete windows, or of hops that start inside; at least one."""
        if self.pads_end:
            return max(1, -(-samples // self.hop))
        return 1 + max(0, samples - self.window) // self.hop

    def compute(self, signal: Array) -> Array:
        """Return [frames, 128] float32 of a signal [time]; missing samples are zeros."""
        signal = padded_for_rows(signal, rows=self.frames(len(signal)), hop=self.hop, window=self.window)
        return rows_of_emphasised(signal[1:] - np.float32(MN_EMPHASIS) * signal[:-1])


def rows_of_emphasised(signal: Array) -> Array:
    """Return the rows [frames, 128] of an emphasised signal of at least 800 samples."""
    window, filterbank = mn_tables()
    sums = band_spectra(signal, hop=MnLogMel.hop, window=window, filterbank=filterbank, power=True)
    rows: Array = np.log(sums + np.float32(MN_OFFSET))
    return rows


@lru_cache(maxsize=1)
def mn_tables() -> tuple[Array, Array]:
    """Return the window [800] and the filterbank [513, 128], float32."""
    filterbank = mel_filterbank(
        rate=MnLogMel.rate, fft=MN_FFT, bands=MnLogMel.dimension, low=MN_LOW, high=MN_HIGH, kind="kaldi"
    )
    return hann(MN_WINDOW, periodic=False).astype(np.float32), filterbank.astype(np.float32)


SMALLEST = 1e-10  # power below this counts as silence


@dataclass(frozen=True)
class WhisperLogMel(RowPerHop):
    """log10 of mel-band power, not below -10: one row of 80 bands every 10 ms.

    Spectra are of periodic Hann windows of 25 ms. Bands are Slaney's: triangles of equal area, from 0 to 8 kHz, linear
    below 1 kHz and logarithmic above. Zeros are appended to the recording, so that every multiple of the hop inside it
    has a row: one second has 100.

    Example:
        >>> import numpy as np
        >>> WhisperLogMel().compute(np.zeros(16000, np.float32)).shape
        (100, 80)

    Reference: Radford et al., Robust speech recognition via large-scale weak supervision, 2022; the settings are those
    of the published code (OpenAI, MIT).

    """

    version: ClassVar[int] = 1
    rate: ClassVar[Hertz] = 16000
    window: ClassVar[int] = 400  # 25 ms
    hop: ClassVar[int] = 160  # 10 ms
    dimension: ClassVar[int] = 80

    def compute(self, signal: Array) -> Array:
        """Return [frames, 80] float32 of a signal [time], with zeros after its end."""
        padded = padded_for_rows(signal, rows=self.frames(len(signal)), hop=self.hop, window=self.window)
        window, filterbank = _whisper_tables()
        power = band_spectra(padded, hop=self.hop, window=window, filterbank=filterbank, power=True)
        rows: Array = np.log10(np.maximum(power, np.float32(SMALLEST)))
        return rows


@lru_cache(maxsize=1)
def _whisper_tables() -> tuple[Array, Array]:
    """Return the window [400] and the filterbank [201, 80], float32."""
    spec = WhisperLogMel
    filterbank = mel_filterbank(
        rate=spec.rate, fft=spec.window, bands=spec.dimension, low=0.0, high=spec.rate / 2, kind="slaney"
    )
    return hann(spec.window).astype(np.float32), filterbank.astype(np.float32)
