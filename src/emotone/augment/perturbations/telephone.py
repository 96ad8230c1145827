"""A telephone line: 300 to 3400 Hz, sampled at 8 kHz and coded by the mu-law."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np

from emotone.augment.perturbation import Perturbation, Scene

if TYPE_CHECKING:
    from emotone.types import Array, Hertz

LINE_RATE: Hertz = 8000
LOW, HIGH = 300.0, 3400.0  # hertz: the band of ITU-T G.712


def telephone(signal: Array, band: tuple[float, float], scene: Scene) -> Array:
    """Return the signal [time] after a telephone line, at its own rate.

    Reference: ITU-T G.711 (mu-law), G.712 (band).

    """
    import soundfile
    import soxr

    line = soxr.resample(signal, scene.rate, LINE_RATE)
    spectrum = np.fft.rfft(line)
    frequencies = np.fft.rfftfreq(len(line), 1 / LINE_RATE)
    spectrum[(frequencies < band[0]) | (frequencies > band[1])] = 0
    coded = io.BytesIO()
    soundfile.write(coded, np.fft.irfft(spectrum, len(line)), LINE_RATE, format="WAV", subtype="ULAW")
    coded.seek(0)
    received, _ = soundfile.read(coded, dtype="float32")
    returned: Array = soxr.resample(received, LINE_RATE, scene.rate)
    return returned


PERTURBATION = Perturbation(
    title="telephone line: 300 to 3400 Hz, 8 kHz, mu-law",
    bound=0.15,
    settings={"mu-law": (LOW, HIGH)},
    function=telephone,
)
