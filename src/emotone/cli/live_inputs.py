"""Inputs of `emotone listen`: a microphone, a recording, or raw samples on standard input, in small pieces."""

from __future__ import annotations

import contextlib
import queue
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from emotone.audio.read import probe, stream
from emotone.audio.samples import check_rate
from emotone.errors import AudioError, UsageError, missing_extra

if TYPE_CHECKING:
    from collections.abc import Iterator

    from emotone.types import Array, Hertz

PIECES_PER_SECOND = 50  # 20 ms
LATE_SECONDS = 10  # of audio from a microphone that may wait to be analysed; later audio is lost
STALL_SECONDS = 5  # without audio from a microphone
FULL_SCALE = 32768


@dataclass(frozen=True)
class LiveInput:
    """Audio that is arriving.

    Attributes:
        name: for people.
        rate: hertz.
        pieces: of samples [time], float32, about 20 ms each.
        live: whether the audio arrives in real time.

    """

    name: str
    rate: Hertz
    pieces: Iterator[Array]
    live: bool


@contextlib.contextmanager
def recording_input(path: str) -> Iterator[LiveInput]:
    """Yield a recording in pieces of 20 ms at its own rate.

    Raises:
        AudioError: the recording can't be used; some errors are raised by the pieces.

    """
    rate = probe(path).rate
    with stream(path, rate=rate) as blocks:
        yield LiveInput(path, rate, _divided(blocks, size=rate // PIECES_PER_SECOND), live=False)


def raw_input(stdin: BinaryIO, *, rate: Hertz) -> LiveInput:
    """Return the samples of a stream, signed 16-bit little-endian and mono, as they arrive.

    Raises:
        RateError: a rate outside the allowed range.

    """
    return LiveInput("standard input", check_rate(rate, name="standard input"), _decoded(stdin, rate=rate), live=True)


@contextlib.contextmanager
def microphone_input(*, device: str | None, rate: Hertz | None) -> Iterator[LiveInput]:
    """Yield the audio of a microphone.

    Args:
        device: number or part of the name; None for the default device.
        rate: hertz; None for the rate of the device.

    Raises:
        MissingExtraError: sounddevice is not installed.
        UsageError: the audio library of the system is missing, or the device can't be used.

    """
    sounddevice = _sounddevice()
    chosen = int(device) if device is not None and device.isdecimal() else device
    waiting: queue.Queue[Array] = queue.Queue(maxsize=LATE_SECONDS * PIECES_PER_SECOND)

    def receive(data: Any, _frames: int, _time: Any, _status: Any) -> None:
        with contextlib.suppress(queue.Full):  # the session continues with later audio
            waiting.put_nowait(np.frombuffer(bytes(data), np.float32))

    try:
        found = sounddevice.query_devices(chosen, "input")
        used = int(found["default_samplerate"]) if rate is None else rate
        check_rate(used, name="microphone")
        microphone = sounddevice.RawInputStream(
            samplerate=used,
            blocksize=used // PIECES_PER_SECOND,
            device=chosen,
            channels=1,
            dtype="float32",
            callback=receive,
        )
    except (sounddevice.PortAudioError, ValueError) as error:
        raise UsageError(f"the microphone can't be used: {error}; see: emotone listen --devices") from error
    with microphone:
        yield LiveInput(str(found["name"]), used, _arriving(waiting), live=True)


def microphones() -> list[str]:
    """Return the number and name of each microphone.

    Raises:
        MissingExtraError: sounddevice is not installed.
        UsageError: the audio library of the system is missing.

    """
    devices = _sounddevice().query_devices()
    return [f"{index}  {one['name']}" for index, one in enumerate(devices) if one["max_input_channels"] > 0]


def _sounddevice() -> Any:
    try:
        import sounddevice
    except ImportError:
        raise missing_extra("sounddevice", "listen", "a microphone") from None
    except OSError as error:
        raise UsageError(
            f"a microphone needs the library PortAudio ({error}); install it, e.g.: apt install libportaudio2"
        ) from error
    return sounddevice


def _divided(blocks: Iterator[Array], *, size: int) -> Iterator[Array]:
    return (block[at : at + size] for block in blocks for at in range(0, len(block), size))


def _decoded(stdin: BinaryIO, *, rate: Hertz) -> Iterator[Array]:
    """Yield what has arrived; half a sample waits for its other byte."""
    rest = b""
    read = getattr(stdin, "read1", stdin.read)  # does not wait for a full buffer
    while content := read(2 * rate // PIECES_PER_SECOND):
        content = rest + content
        whole = len(content) // 2 * 2
        rest = content[whole:]
        yield np.frombuffer(content[:whole], "<i2").astype(np.float32) / np.float32(FULL_SCALE)


def _arriving(waiting: queue.Queue[Array]) -> Iterator[Array]:
    while True:
        try:
            yield waiting.get(timeout=STALL_SECONDS)
        except queue.Empty:
            raise AudioError(f"the microphone sent nothing for {STALL_SECONDS} s; is it still connected?") from None
