"""`emotone listen`: the emotions in live audio."""

from __future__ import annotations

import contextlib
import json
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import click

from emotone.cli import console
from emotone.cli.options import channel_option, model_option, track_option
from emotone.errors import EmptyAudioError, OutputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from emotone.audio.source import Track
    from emotone.cli.live import LiveInput
    from emotone.inference.events import Event
    from emotone.inference.result import Selection
    from emotone.inference.session import Session
    from emotone.types import Array, Hertz

REFRESHES_PER_SECOND = 10
RAW_RATE = 16000


class Output(Protocol):
    """Shows what happens in a session."""

    def update(self, samples: Array, events: tuple[Event, ...]) -> None:
        """Show samples [channels, time] and the events that they completed."""
        ...


@click.command(
    epilog="""\b
Examples:
  emotone listen
  emotone listen --record talk.wav --format jsonl > talk.jsonl
  emotone listen call.wav
  emotone listen call.wav --channel each
  arecord -f S16_LE -r 16000 -t raw | emotone listen - --rate 16000

In a terminal, text is a live view with the level, the probabilities and a timeline, and a recording is analysed in real
time. Otherwise it is a line per utterance. jsonl is a JSON object per event. Ctrl+C ends the audio.
"""
)
@click.argument("source", required=False, metavar="[FILE|-]")
@model_option
@click.option("--device", metavar="N|NAME", help="Microphone, by its number or a part of its name.")
@click.option("--devices", is_flag=True, help="List the microphones.")
@click.option(
    "--rate",
    type=int,
    metavar="HZ",
    help="Sampling rate of standard input (16000 unless given), or of the microphone (its own unless given).",
)
@channel_option("each by itself")
@track_option
@click.option("--channels", type=int, metavar="N", help="Number of channels of standard input or of the microphone.")
@click.option(
    "--adapt",
    is_flag=True,
    help="Adapt the model to the utterances while they arrive, without labels; for models with an encoder.",
)
@click.option("--interim", is_flag=True, help="Also show the result so far, every second and when speech pauses.")
@click.option(
    "--record",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the audio to a new file: wav, flac or ogg.",
)
@click.option(
    "--format",
    "format_name",
    type=click.Choice(["text", "jsonl"]),
    default="text",
    show_default=True,
    help="Of the results.",
)
def command(
    *,
    source: str | None,
    model: str,
    device: str | None,
    devices: bool,
    rate: int | None,
    channel: Selection,
    track: Track,
    channels: int | None,
    adapt: bool,
    interim: bool,
    record: Path | None,
    format_name: str,
) -> int:
    """Recognise emotions in live audio.

    The audio comes from a microphone, from a recording (FILE), or from standard input (-): raw samples, signed 16-bit
    little-endian, interleaved; mono unless --channels is given.
    """
    from emotone.cli.live import recording_input
    from emotone.inference.model import load

    if devices:
        from emotone.cli.live import microphones

        click.echo("\n".join(microphones()) or "no microphone was found")
        return 0
    if source is not None and device is not None:
        raise UsageError("--device selects a microphone, but a recording was given; omit one of them")
    if source not in {None, "-"} and rate is not None:
        raise UsageError("--rate was given with a recording, which contains its own rate; omit it")
    if source not in {None, "-"} and channels is not None:
        raise UsageError("--channels was given with a recording, which contains its own number; omit it")
    if source in {None, "-"} and track != "default":
        raise UsageError("--track is for recordings; a microphone and standard input have one track; omit it")
    loaded = load(model)
    with contextlib.ExitStack() as stack:
        if source in {None, "-"}:
            given = _open_live(source, stack, device=device, rate=rate, channels=channels or 1)
        else:
            given = stack.enter_context(recording_input(source, mix=channel == "mix", track=track))
        session = stack.enter_context(
            loaded.session(rate=given.rate, channel=channel, channels=given.channels, adapt=adapt, interim=interim)
        )
        recorder = None if record is None else stack.enter_context(_recorder(record, given))
        output = _output(format_name, stack, labels=loaded.labels, given=given, each=channel == "each")
        _relay(given, session, output, recorder)
        for note in given.notes():
            console.note(f"{given.name}: {note}")
    return 0


def _open_live(
    source: str | None, stack: contextlib.ExitStack, *, device: str | None, rate: Hertz | None, channels: int
) -> LiveInput:
    """Return the microphone, or raw samples on standard input where the source is "-"."""
    from emotone.cli.live import microphone_input, raw_input

    if source is None:
        return stack.enter_context(microphone_input(device=device, rate=rate, channels=channels))
    if sys.stdin.isatty():
        raise UsageError("- reads samples from standard input, which is a terminal; pipe audio into it")
    return raw_input(sys.stdin.buffer, rate=RAW_RATE if rate is None else rate, channels=channels)


def _relay(given: LiveInput, session: Session, output: Output, recorder: Any) -> None:
    """Analyse the audio until it ends or is interrupted, and show the last events."""
    import numpy as np

    count = 0
    with _Interrupts() as interrupts:
        while (piece := interrupts.wait_for(given.pieces)) is not None:
            count += piece.shape[1]
            if recorder is not None:
                recorder.write(piece.T)
            output.update(piece, session.push(piece.T))
    if not count:
        raise EmptyAudioError(f"{given.name}: ended without a sample")
    output.update(np.zeros((given.channels, 0), np.float32), session.end())


class _Interrupts:
    """Ctrl+C ends the audio between two pieces: in the middle of a piece it would damage the session."""

    def __init__(self) -> None:
        self._requested = False
        self._waiting = False

    def __enter__(self) -> _Interrupts:  # noqa: PYI034  (Self came with Python 3.11)
        self._previous = signal.signal(signal.SIGINT, self._on_signal)
        return self

    def __exit__(self, *error: object) -> None:
        signal.signal(signal.SIGINT, self._previous)

    def wait_for(self, pieces: Iterator[Array]) -> Array | None:
        """Return the next piece; None at the end, and after an interrupt."""
        try:
            self._waiting = True
            return None if self._requested else next(pieces, None)
        except KeyboardInterrupt:
            return None
        finally:
            self._waiting = False

    def _on_signal(self, _number: int, _frame: object) -> None:
        self._requested = True
        if self._waiting:
            raise KeyboardInterrupt


@contextlib.contextmanager
def _recorder(path: Path, given: LiveInput) -> Iterator[Any]:
    """Yield a new sound file that is written while audio arrives."""
    import soundfile

    if path.exists():
        raise OutputError(f"{path} exists; choose another name for --record")
    try:
        file = soundfile.SoundFile(path, "w", samplerate=given.rate, channels=given.channels)
    except (soundfile.LibsndfileError, TypeError, ValueError) as error:
        raise OutputError(f"{path} can't be written: {error}; allowed suffixes: .wav, .flac, .ogg") from error
    with file:
        yield file


def _output(
    format_name: str, stack: contextlib.ExitStack, *, labels: tuple[str, ...], given: LiveInput, each: bool
) -> Output:
    if format_name == "jsonl":
        return _JsonLines()
    if sys.stdout.isatty():
        return stack.enter_context(_terminal(labels, given, each=each))
    return _TextLines(labels, each=each)


class _JsonLines:
    """One JSON object per event."""

    def update(self, samples: Array, events: tuple[Event, ...]) -> None:  # noqa: ARG002
        for event in events:
            click.echo(json.dumps(event.to_dict(), ensure_ascii=False, allow_nan=False))


class _TextLines:
    """One line per utterance and interim result."""

    def __init__(self, labels: tuple[str, ...], *, each: bool) -> None:
        self._labels = labels
        self._each = each

    def update(self, samples: Array, events: tuple[Event, ...]) -> None:  # noqa: ARG002
        from emotone.cli.live import interim_line, utterance_line
        from emotone.inference.events import UtteranceEnd, UtteranceInterim

        for event in events:
            where = f"channel {event.channel}  " if self._each else ""
            if isinstance(event, UtteranceEnd):
                for one in event.parts:
                    click.echo(where + utterance_line(one, labels=self._labels).plain)
            elif isinstance(event, UtteranceInterim):
                click.echo(where + interim_line(event, labels=self._labels).plain)


@contextlib.contextmanager
def _terminal(labels: tuple[str, ...], given: LiveInput, *, each: bool) -> Iterator[Output]:
    """Yield a live view, which is left on the terminal at the end."""
    from rich.console import Console
    from rich.live import Live

    from emotone.cli.live import LiveView

    console = Console()
    channels = given.channels if each else None
    view = LiveView(labels, rate=given.rate, name=given.name, width=console.width, channels=channels)
    with Live(view, console=console, refresh_per_second=REFRESHES_PER_SECOND) as live:
        yield _Paced(view) if not given.live else view
        live.refresh()


class _Paced:
    """Shows a recording in real time."""

    def __init__(self, view: Any) -> None:
        self._view = view
        self._begin = time.monotonic()

    def update(self, samples: Array, events: tuple[Event, ...]) -> None:
        self._view.update(samples, events)
        time.sleep(max(0.0, self._begin + self._view.seconds - time.monotonic()))
