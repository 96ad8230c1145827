"""Inputs of `emotone listen`: a microphone, a recording, or raw samples on standard input, in small pieces."""

from __future__ import annotations

import contextlib
import queue
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from emotone.audio.read import probe, stream, stream_channels
from emotone.audio.samples import check_channels, check_rate
from emotone.errors import AudioError, UsageError, missing_extra

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from emotone.audio.source import Track
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
        pieces: of samples [channels, time], float32, about 20 ms each.
        live: whether the audio arrives in real time.
        channels: number of channels.
        notes: returns what is known, after the last piece, about how a recording was read.

    """

    name: str
    rate: Hertz
    pieces: Iterator[Array]
    live: bool
    channels: int = 1
    notes: Callable[[], Sequence[str]] = tuple


@contextlib.contextmanager
def recording_input(path: str, *, mix: bool, track: Track = "default") -> Iterator[LiveInput]:
    """Yield a recording in pieces of 20 ms at its own rate: the mix of a track's channels as one, or all channels.

    Raises:
        AudioError: the recording can't be used; some errors are raised by the pieces.

    """
    rate = probe(path, track=track).rate
    size = rate // PIECES_PER_SECOND
    if mix:
        with stream(path, rate=rate, track=track) as mixed:
            pieces = _divided((block[np.newaxis] for block in mixed), size=size)
            yield LiveInput(path, rate, pieces, live=False, notes=lambda: mixed.notes)
        return
    with stream_channels(path, rate=rate, track=track) as blocks:
        pieces = _divided(blocks, size=size)
        yield LiveInput(path, rate, pieces, live=False, channels=blocks.channels, notes=lambda: blocks.notes)


def raw_input(stdin: BinaryIO, *, rate: Hertz, channels: int) -> LiveInput:
    """Return the samples of a stream, signed 16-bit little-endian and interleaved, as they arrive.

    Raises:
        RateError: a rate or a number of channels outside the allowed range.

    """
    name = "standard input"
    check_channels(channels, name=name)
    pieces = _decoded(stdin, rate=check_rate(rate, name=name), channels=channels)
    return LiveInput(name, rate, pieces, live=True, channels=channels)


@contextlib.contextmanager
def microphone_input(*, device: str | None, rate: Hertz | None, channels: int) -> Iterator[LiveInput]:
    """Yield the audio of a microphone.

    Args:
        device: number or part of the name; None for the default device.
        rate: hertz; None for the rate of the device.
        channels: number of channels.

    Raises:
        MissingExtraError: sounddevice is not installed.
        UsageError: the audio library of the system is missing, or the device can't be used.

    """
    sounddevice = _sounddevice()
    chosen = int(device) if device is not None and device.isdecimal() else device
    waiting: queue.Queue[Array] = queue.Queue(maxsize=LATE_SECONDS * PIECES_PER_SECOND)

    def receive(data: Any, _frames: int, _time: Any, _status: Any) -> None:
        with contextlib.suppress(queue.Full):  # the session continues with later audio
            waiting.put_nowait(np.frombuffer(bytes(data), np.float32).reshape(-1, channels).T)

    try:
        found = sounddevice.query_devices(chosen, "input")
        used = int(found["default_samplerate"]) if rate is None else rate
        check_rate(used, name="microphone")
        microphone = sounddevice.RawInputStream(
            samplerate=used,
            blocksize=used // PIECES_PER_SECOND,
            device=chosen,
            channels=check_channels(channels, name="microphone"),
            dtype="float32",
            callback=receive,
        )
    except (sounddevice.PortAudioError, ValueError) as error:
        raise UsageError(f"the microphone can't be used: {error}; see: emotone listen --devices") from error
    with microphone:
        yield LiveInput(str(found["name"]), used, _arriving(waiting), live=True, channels=channels)


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
    return (block[:, at : at + size] for block in blocks for at in range(0, block.shape[1], size))


def _decoded(stdin: BinaryIO, *, rate: Hertz, channels: int) -> Iterator[Array]:
    """Yield what has arrived; a part of a sample waits for its other bytes."""
    rest = b""
    frame = 2 * channels
    read = getattr(stdin, "read1", stdin.read)  # does not wait for a full buffer
    while content := read(frame * rate // PIECES_PER_SECOND):
        content = rest + content
        whole = len(content) // frame * frame
        rest = content[whole:]
        samples = np.frombuffer(content[:whole], "<i2").reshape(-1, channels).T
        yield samples.astype(np.float32) / np.float32(FULL_SCALE)


def _arriving(waiting: queue.Queue[Array]) -> Iterator[Array]:
    while True:
        try:
            yield waiting.get(timeout=STALL_SECONDS)
        except queue.Empty:
            raise AudioError(f"the microphone sent nothing for {STALL_SECONDS} s; is it still connected?") from None
