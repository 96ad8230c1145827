"""Live audio in the terminal, for `emotone listen`.

Inputs of `emotone listen`: a microphone, a recording, or raw samples on standard input, in small pieces.

The terminal view of live audio: level, probabilities, a timeline and the latest utterances.
"""

from __future__ import annotations

import contextlib
import math
import queue
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from rich.console import Group
from rich.text import Text

from emotone.audio.read import probe, stream, stream_channels
from emotone.audio.samples import check_channels, check_rate
from emotone.errors import AudioError, UsageError, missing_extra
from emotone.inference.display import clock, colour, printable
from emotone.inference.events import Measurement, UtteranceEnd, UtteranceInterim, UtteranceStart

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from emotone.audio.source import Track
    from emotone.inference.events import Event
    from emotone.inference.segments import UtteranceSegment
    from emotone.types import Array, Hertz, Seconds

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


PLEDGE = "A label is a guess about a voice, not a fact about a person."
TIMELINE_SECONDS = 60
SHOWN_UTTERANCES = 8
LOWEST_DECIBELS = -60.0
NARROWEST, WIDEST = 10, 60  # characters of a bar


class LiveView:
    """What a terminal shows of a session. Rich renders it whenever it is refreshed.

    Args:
        labels: of the model.
        rate: hertz of the audio.
        name: of the input.
        width: characters of the terminal.
        channels: number of channels that are shown one below the other; None for all together.

    """

    def __init__(
        self, labels: tuple[str, ...], *, rate: Hertz, name: str, width: int, channels: int | None = None
    ) -> None:
        titles = [name] if channels is None else [f"{name}, channel {number}" for number in range(channels)]
        self._each = channels is not None
        self._views = [_ChannelView(labels, rate=rate, title=title, width=width) for title in titles]

    @property
    def seconds(self) -> Seconds:
        """Duration of the audio so far."""
        return self._views[0].seconds

    def update(self, samples: Array, events: Iterable[Event]) -> None:
        """Show samples [channels, time] and the events that they completed."""
        found = list(events)
        if not self._each:
            self._views[0].update(samples, found)
            return
        for number, view in enumerate(self._views):
            view.update(samples[number : number + 1], [event for event in found if event.channel == number])

    def __rich__(self) -> Group:
        """Return what is shown now."""
        lines = (line for view in self._views for line in view.lines())
        return Group(*lines, Text(PLEDGE, style="dim"))


class _ChannelView:
    """One channel, or all channels together."""

    def __init__(self, labels: tuple[str, ...], *, rate: Hertz, title: str, width: int) -> None:
        self._labels = labels
        self._rate = rate
        self._name = printable(title)
        self._label_width = max(map(len, labels))
        self._bar = max(NARROWEST, min(WIDEST, width - self._label_width - 10))
        self._decibels = LOWEST_DECIBELS
        self._samples = 0
        self._speech = False
        self._probabilities: dict[str, float] = dict.fromkeys(labels, 0.0)
        self._utterances: deque[UtteranceSegment] = deque(maxlen=4 * TIMELINE_SECONDS)
        self._interim: UtteranceInterim | None = None  # of the utterance that lasts

    @property
    def seconds(self) -> Seconds:
        return self._samples / self._rate

    def update(self, samples: Array, events: Iterable[Event]) -> None:
        self._samples += samples.shape[1]
        if samples.size:
            power = float(np.mean(np.square(samples, dtype=np.float64)))
            self._decibels = max(LOWEST_DECIBELS, 10 * math.log10(power)) if power > 0 else LOWEST_DECIBELS
        for event in events:
            if isinstance(event, UtteranceStart):
                self._speech = True
            elif isinstance(event, Measurement):
                self._probabilities = dict(event.probabilities)
            elif isinstance(event, UtteranceInterim):
                self._interim = event
                if event.paused:
                    self._probabilities = dict(event.clip.probabilities)
            elif isinstance(event, UtteranceEnd):
                self._speech = False
                self._interim = None
                self._probabilities = dict(event.clip.probabilities)
                self._utterances.extend(event.parts)

    def lines(self) -> list[Text]:
        return [
            self._header(),
            *(self._probability(label) for label in self._labels),
            self._timeline(),
            *(utterance_line(one, labels=self._labels) for one in list(self._utterances)[-SHOWN_UTTERANCES:]),
            *([] if self._interim is None else [interim_line(self._interim, labels=self._labels)]),
        ]

    def _header(self) -> Text:
        share = 1 - self._decibels / LOWEST_DECIBELS
        filled = round(20 * min(1.0, share))
        line = Text(f"{clock(self.seconds):>9}  ", no_wrap=True, overflow="ellipsis")
        line.append("level ").append("▮" * filled, style="green").append("▯" * (20 - filled), style="bright_black")
        line.append(f" {self._decibels:4.0f} dB  ").append("speech" if self._speech else "pause ", style="bold")
        return line.append(f"  {self._name}", style="dim")

    def _probability(self, label: str) -> Text:
        probability = self._probabilities[label]
        filled = round(probability * self._bar)
        line = Text(f"{label:>{self._label_width}}  ")
        line.append("█" * filled, style=colour(label, labels=self._labels))
        line.append("·" * (self._bar - filled), style="bright_black")
        return line.append(f" {round(100 * probability):3} %")

    def _timeline(self) -> Text:
        """Return the last minute as one line; each character is the utterance at its middle."""
        first = max(0.0, self.seconds - TIMELINE_SECONDS)
        line = Text(" " * (self._label_width - 4) + "time  ")
        for index in range(self._bar):
            time = first + (index + 0.5) * TIMELINE_SECONDS / self._bar
            labels = [one.label for one in self._utterances if one.start <= time < one.end]
            if labels:
                line.append("█", style=colour(labels[0], labels=self._labels))
            else:
                line.append("·", style="bright_black")
        return line.append(f" {TIMELINE_SECONDS:3} s")


def utterance_line(one: UtteranceSegment, *, labels: tuple[str, ...]) -> Text:
    """Return an utterance as one line: its times, its emotion, and remarks."""
    line = Text(f"{clock(one.start):>9} {clock(one.end):>9}  ")
    line.append(one.label, style=colour(one.label, labels=labels)).append(f" {round(100 * one.confidence)} %")
    line.append("  unsure" if one.unsure else "", style="dim")
    return line.append("  changed" if one.changed else "", style="bold")


def interim_line(event: UtteranceInterim, *, labels: tuple[str, ...]) -> Text:
    """Return an interim result as one line."""
    label, confidence = str(event.clip.label), event.clip.confidence or 0.0
    line = Text(f"{clock(event.start):>9} {clock(event.time):>9}  ")
    line.append(label, style=colour(label, labels=labels)).append(f" {round(100 * confidence)} %")
    remarks = [*(["unsure"] if event.clip.unsure else []), "so far", *(["pause"] if event.paused else [])]
    return line.append("  " + ", ".join(remarks), style="dim")
