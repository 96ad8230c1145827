"""What is around and behind a speaker: noise, other people and music; a room, a telephone line, and lossy coding."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from emotone.audio.read import read
from emotone.augment.perturbation import Perturbation, Scene, add_at_snr, speech_power

if TYPE_CHECKING:
    from emotone.types import Array, Hertz, Seconds

TALKERS = 3  # fewer are understood word by word

CHORD_SECONDS: Seconds = 0.75
DECAY_SECONDS: Seconds = 0.5  # time constant of a plucked note
LOWEST = 48  # MIDI number of the lowest root: C3, 131 Hz
# Semitones above the root of a major key: I, V, vi, IV, the most common progression of popular music.
PROGRESSION = ((0, 4, 7, 12), (7, 11, 14, 19), (9, 12, 16, 21), (5, 9, 12, 17))
HARMONICS = 6


def add_white_noise(signal: Array, snr: float, scene: Scene) -> Array:
    """Return the signal [time] with Gaussian noise at `snr` decibels below the speech."""
    return add_at_snr(signal, scene.rng.standard_normal(len(signal), np.float32), snr=snr, rate=scene.rate)


WHITE_NOISE = Perturbation(
    title="white noise",
    bound=0.25,
    settings={"20-db": 20.0, "10-db": 10.0},
    function=add_white_noise,
    bounds={"20-db": 0.12},
)


def add_babble(signal: Array, snr: float, scene: Scene) -> Array:
    """Return the signal [time] with all other recordings at `snr` decibels below the speech.

    Each is repeated from a random place and has the same speech level.
    """
    babble = np.zeros(len(signal), np.float32)
    for other in scene.others:
        power = speech_power(other, scene.rate)
        if power > 0:
            start = int(scene.rng.integers(len(other)))
            babble += np.resize(np.roll(other, -start), len(signal)) / np.float32(np.sqrt(power))
    return add_at_snr(signal, babble, snr=snr, rate=scene.rate)


BABBLE = Perturbation(
    title="other people talking (recordings of other speakers)",
    bound=0.25,
    settings={"20-db": 20.0, "10-db": 10.0},
    function=add_babble,
    bounds={"20-db": 0.12},
    min_others=TALKERS,
)


def chords(samples: int, *, rate: Hertz, rng: np.random.Generator) -> Array:
    """Return music [samples]: a progression of plucked chords in a random key, from a random place in it."""
    root, first = LOWEST + int(rng.integers(12)), int(rng.integers(len(PROGRESSION)))
    length = round(CHORD_SECONDS * rate)
    time = np.arange(length) / rate
    envelope = np.exp(-time / DECAY_SECONDS) * np.minimum(1, time / 0.005)  # 5 ms of attack: no click
    parts = []
    for number in range(-(-samples // length)):
        chord = np.zeros(length)
        for note in PROGRESSION[(first + number) % len(PROGRESSION)]:
            pitch = 440.0 * 2 ** ((root + note - 69) / 12)
            orders = [order for order in range(1, HARMONICS + 1) if order * pitch < rate / 2]
            chord += sum(np.sin(2 * np.pi * order * pitch * time) / order for order in orders)
        parts.append((envelope * chord).astype(np.float32))
    return np.concatenate([*parts, np.zeros(0, np.float32)])[:samples]


def add_music(signal: Array, snr: float, scene: Scene) -> Array:
    """Return the signal [time] with music at `snr` decibels below the speech."""
    return add_at_snr(signal, chords(len(signal), rate=scene.rate, rng=scene.rng), snr=snr, rate=scene.rate)


MUSIC = Perturbation(
    title="music (synthesised chords)",
    bound=0.25,
    settings={"20-db": 20.0, "10-db": 10.0},
    function=add_music,
    bounds={"20-db": 0.12},
)


PRE_DELAY: Seconds = 0.005  # of the first reflection: a wall at 1 m
DECAY = np.log(10.0**6)  # reverberation time is that of a decay of the power by 60 dB

LINE_RATE: Hertz = 8000
LOW, HIGH = 300.0, 3400.0  # hertz: the band of ITU-T G.712


@dataclass(frozen=True)
class Room:
    """Reverberation time in seconds, and power of the direct sound relative to the reverberation in decibels."""

    seconds: Seconds
    direct: float


def impulse_response(room: Room, *, rate: Hertz, rng: np.random.Generator) -> Array:
    """Return the impulse response [time] of a room: h(t) = direct sound + n(t) exp(-DECAY t / (2 T)), n white noise.

    Reference: Polack: La transmission de l'energie sonore dans les salles. Thesis, Universite du Maine, 1988 (the
    statistical model of late reverberation).

    """
    time = np.arange(round(room.seconds * rate)) / rate
    tail = rng.standard_normal(len(time)) * np.exp(-DECAY * time / (2 * room.seconds))
    tail *= np.sqrt(10 ** (-room.direct / 10) / np.sum(tail**2))
    return np.concatenate([[1.0], np.zeros(round(PRE_DELAY * rate)), tail]).astype(np.float32)


def reverberate(signal: Array, room: Room, scene: Scene) -> Array:
    """Return the signal [time] in a room, with the decay after its end, and with the same power."""
    response = impulse_response(room, rate=scene.rate, rng=scene.rng)
    count = len(signal) + len(response) - 1
    size = 1 << (count - 1).bit_length()
    wet = np.fft.irfft(np.fft.rfft(signal, size) * np.fft.rfft(response, size), size)[:count]
    energy, before = float(np.sum(wet**2)), float(np.sum(signal.astype(np.float64) ** 2))
    gain = np.sqrt(before / energy) if energy > 0 else 1.0
    return (gain * wet).astype(np.float32)


REVERBERATION = Perturbation(
    title="a room with a reverberation time of 0.3 or 0.6 s (synthesised)",
    bound=0.20,
    settings={"0.3s": Room(0.3, 3.0), "0.6s": Room(0.6, 0.0)},
    function=reverberate,
)


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


TELEPHONE = Perturbation(
    title="telephone line: 300 to 3400 Hz, 8 kHz, mu-law",
    bound=0.15,
    settings={"mu-law": (LOW, HIGH)},
    function=telephone,
)


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


CODEC = Perturbation(
    title="lossy coding at 32 kbit/s",
    bound=0.08,
    settings={
        # libsndfile: bit rate = 160 - 152 c kbit/s (MPEG-2), of which LAME takes the nearest allowed one.
        "mp3-32k": Codec("MP3", "MPEG_LAYER_III", (16000, 22050, 24000), 0.842, (("bitrate_mode", "CONSTANT"),)),
        "opus-32k": Codec("OGG", "OPUS", (8000, 12000, 16000, 24000, 48000), 0.89),
    },
    function=transcode,
)
