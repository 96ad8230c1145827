"""Lossy coding at 32 kbit/s, as of MP3 files and voice messages."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from emotone.audio.read import read
from emotone.augment.perturbation import Perturbation, Scene

if TYPE_CHECKING:
    from emotone.types import Array, Hertz


@dataclass(frozen=True)
class Codec:
    """How libsndfile writes a coding.

    Attributes:
        format: container.
        subtype: coding.
        rates: allowed sampling rates in hertz, ascending.
        compression: level in [0, 1] that gives 32 kbit/s; libsndfile has no option for a bit rate.
        options: further options of `soundfile.write`.

    """

    format: str
    subtype: str
    rates: tuple[Hertz, ...]
    compression: float
    options: tuple[tuple[str, Any], ...] = ()

    def rate_for(self, rate: Hertz) -> Hertz:
        """Return the lowest allowed rate that keeps the band of `rate`, or the highest one."""
        return next((allowed for allowed in self.rates if allowed >= rate), self.rates[-1])

    def encoded(self, signal: Array, rate: Hertz) -> bytes:
        """Return the file of a signal [time] at one of the allowed rates."""
        import soundfile

        written = io.BytesIO()
        with soundfile.SoundFile(
            written,
            "w",
            samplerate=rate,
            channels=1,
            format=self.format,
            subtype=self.subtype,
            compression_level=self.compression,
            **dict(self.options),
        ) as stream:
            for start in range(0, len(signal), rate):  # some encoders keep a whole block on the stack
                stream.write(signal[start : start + rate])
        return written.getvalue()


def transcode(signal: Array, codec: Codec, scene: Scene) -> Array:
    """Return the signal [time] after coding and decoding, as it is read from a file, at its own rate."""
    import soxr

    rate = codec.rate_for(scene.rate)
    resampled = signal if rate == scene.rate else soxr.resample(signal, scene.rate, rate)
    peak = float(np.max(np.abs(resampled), initial=0.0))
    headroom = np.float32(max(1.0, peak))  # coders clip above full scale, which is not what is measured here
    decoded, _ = read(codec.encoded(resampled / headroom, rate), rate=scene.rate)
    return decoded * headroom


PERTURBATION = Perturbation(
    title="lossy coding at 32 kbit/s",
    bound=0.08,
    settings={
        # libsndfile: bit rate = 160 - 152 c kbit/s (MPEG-2), of which LAME takes the nearest allowed one.
        "mp3-32k": Codec("MP3", "MPEG_LAYER_III", (16000, 22050, 24000), 0.842, (("bitrate_mode", "CONSTANT"),)),
        "opus-32k": Codec("OGG", "OPUS", (8000, 12000, 16000, 24000, 48000), 0.89),
    },
    function=transcode,
)
