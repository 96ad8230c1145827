"""Whisper's front end: log10 of mel-band power, 80 bands every 10 ms at 16 kHz, with its dynamic range not yet limited.

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

from emotone.features.spectra import band_spectra, hann, mel_filterbank, padded_for_rows
from emotone.types import Hertz  # noqa: TC001  (settings are read from TOML by their types)

if TYPE_CHECKING:
    from emotone.types import Array, Seconds

SMALLEST = 1e-10  # power below this counts as silence


@dataclass(frozen=True)
class WhisperLogMel:
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
    pads_end: ClassVar[bool] = True
    rate: ClassVar[Hertz] = 16000
    window: ClassVar[int] = 400  # 25 ms
    hop: ClassVar[int] = 160  # 10 ms
    dimension: ClassVar[int] = 80

    @property
    def hop_seconds(self) -> Seconds:
        """Seconds between rows."""
        return self.hop / self.rate

    def frames(self, samples: int) -> int:
        """Return the number of rows: one for each hop that starts inside the signal, but at least one."""
        return max(1, -(-samples // self.hop))

    def compute(self, signal: Array) -> Array:
        """Return [frames, 80] float32 of a signal [time], with zeros after its end."""
        padded = padded_for_rows(signal, rows=self.frames(len(signal)), hop=self.hop, window=self.window)
        window, filterbank = _tables()
        power = band_spectra(padded, hop=self.hop, window=window, filterbank=filterbank, power=True)
        rows: Array = np.log10(np.maximum(power, np.float32(SMALLEST)))
        return rows


@lru_cache(maxsize=1)
def _tables() -> tuple[Array, Array]:
    """Return the window [400] and the filterbank [201, 80], float32."""
    spec = WhisperLogMel
    filterbank = mel_filterbank(
        rate=spec.rate, fft=spec.window, bands=spec.dimension, low=0.0, high=spec.rate / 2, kind="slaney"
    )
    return hann(spec.window).astype(np.float32), filterbank.astype(np.float32)


FEATURE = WhisperLogMel
