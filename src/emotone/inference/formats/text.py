"""Text for people: a timeline with a bar per segment, then the clip's probabilities as bars.

Colour is an addition: every line says its label and probability in words. A long recording's segments are merged into
runs of one label. A run ends halfway between the centres of the windows on both sides of the change.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from emotone.inference.formats.base import Format
from emotone.inference.printable import printable
from emotone.inference.result import Failure

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from emotone.inference.formats.base import Page, Result
    from emotone.inference.result import Prediction, Segment
    from emotone.types import Seconds

MOST_SEGMENTS = 20  # lines; with more, a timeline is merged into runs
NARROWEST_BAR, WIDEST_BAR = 10, 48
NO_SPEECH, UNDECIDED = "no speech", "undecided"
COLOURS = {
    "anger": "#d73027",
    "boredom": "#a6761d",
    "calm": "#66c2a5",
    "contempt": "#8c510a",
    "disgust": "#4daf4a",
    "excitement": "#ff7f00",
    "fear": "#984ea3",
    "frustration": "#e7298a",
    "happiness": "#f2c80f",
    "neutral": "#999999",
    "sadness": "#3b7fc4",
    "surprise": "#fd8d3c",
    NO_SPEECH: "bright_black",
}


@dataclass
class Run:
    """Neighbouring segments with one label; `total` is the sum of that label's probabilities."""

    start: Seconds
    end: Seconds
    label: str
    total: float
    count: int


class TextPage:
    """A block of lines per recording."""

    def __init__(self, stream: IO[str], page: Page) -> None:
        self._console = Console(
            file=stream,
            width=page.width,
            color_system="auto" if page.colour else None,
            force_terminal=page.colour,
            markup=False,
            highlight=False,
            emoji=False,
            soft_wrap=True,
        )
        self._stream = stream
        self._full, self._dot = _blocks(getattr(stream, "encoding", None))
        self._label_width = max(map(len, (*page.labels, NO_SPEECH)))
        self._written = 0
        self._bar = max(NARROWEST_BAR, min(WIDEST_BAR, page.width - self._label_width - 32))

    def write(self, result: Result) -> None:
        """Write a recording's block, with an empty line before all but the first."""
        if self._written:
            self._console.print()
        self._written += 1
        if isinstance(result, Failure):
            self._print(Text("failed: ", style="bold red").append(printable(result.message), style="default not bold"))
        else:
            self._write_prediction(result)
        self._stream.flush()

    def finish(self) -> None:
        """Nothing closes a page of text."""

    def _write_prediction(self, prediction: Prediction) -> None:
        model = prediction.model
        title = Text(printable(prediction.file or "samples"), style="bold")
        title.append(
            f"  {clock(prediction.duration)} at {prediction.rate} Hz, model {model.name} {model.version}", "dim"
        )
        self._print(title)
        merged = len(prediction.segments) > MOST_SEGMENTS
        for run in merge(prediction.segments) if merged else _single(prediction.segments):
            self._write_run(run, prediction.duration)
        clip = prediction.clip
        label = clip.label or (UNDECIDED if clip.speech else NO_SPEECH)
        verdict = Text("  the whole clip: ").append(label, style=f"bold {_colour(label)}")
        self._print(verdict)
        if clip.speech:
            for name, probability in sorted(clip.probabilities.items(), key=lambda item: -item[1]):
                self._write_probability(name, probability)

    def _write_run(self, run: Run, duration: Seconds) -> None:
        first = min(int(run.start / duration * self._bar), self._bar - 1)
        last = max(first + 1, round(run.end / duration * self._bar))
        mark = self._dot if run.label == NO_SPEECH else self._full
        line = Text(f"  {clock(run.start):>9} {clock(run.end):>9}  ")
        line.append(" " * first).append(mark * (last - first), style=_colour(run.label))
        line.append(" " * (self._bar - last) + "  ")
        line.append(f"{run.label:<{self._label_width}}", style=_colour(run.label))
        self._print(line.append("" if run.label == NO_SPEECH else f" {percent(run.total / run.count)}"))

    def _write_probability(self, label: str, probability: float) -> None:
        filled = round(probability * self._bar)
        line = Text(f"  {label:>19}  ").append(self._full * filled, style=_colour(label))
        line.append(self._dot * (self._bar - filled), style="bright_black")
        self._print(line.append(f"  {percent(probability)}"))

    def _print(self, line: Text) -> None:
        line.rstrip()
        self._console.print(line)


def merge(segments: Iterable[Segment]) -> Iterator[Run]:
    """Yield the runs of one label, which follow each other without gap or overlap."""
    current: Run | None = None
    centre = 0.0
    for one in _single(segments):
        here = (one.start + one.end) / 2
        if current is not None and current.label == one.label:
            current.total += one.total
            current.count += 1
            current.end = one.end
        else:
            if current is not None:
                current.end = one.start = (centre + here) / 2
                yield current
            current = one
        centre = here
    if current is not None:
        yield current


def clock(seconds: Seconds) -> str:
    """Return minutes, seconds and tenths, with hours where there are any.

    Example:
        >>> clock(3.51), clock(3725)
        ('0:03.5', '1:02:05.0')

    """
    tenths = round(seconds * 10)
    hours, minutes = divmod(tenths // 600, 60)
    rest = f"{tenths % 600 / 10:04.1f}"
    return f"{hours}:{minutes:02}:{rest}" if hours else f"{minutes}:{rest}"


def percent(probability: float) -> str:
    """Return whole per cent, four characters and the sign: ' 81 %'."""
    return f"{100 * probability:3.0f} %"


def _single(segments: Iterable[Segment]) -> Iterator[Run]:
    for part in segments:
        label = part.label or (UNDECIDED if part.speech else NO_SPEECH)
        probability = part.probabilities[part.label] if part.label else max(part.probabilities.values())
        yield Run(part.start, part.end, label, probability, 1)


def _colour(label: str) -> str:
    return COLOURS.get(label, "default")


def _blocks(encoding: str | None) -> tuple[str, str]:
    """Return the marks for full and empty: blocks, or plain characters where the stream can't write those."""
    try:
        "█·".encode(encoding or "ascii")
    except UnicodeEncodeError:
        return "#", "."
    return "█", "·"


FORMAT = Format(suffix=".txt", summary="a timeline for people, in colour on a terminal", binary=False, open=TextPage)
