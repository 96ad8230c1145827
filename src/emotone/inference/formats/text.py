"""Text for people: a timeline with a bar per utterance, then the clip's probabilities as bars.

A recording with more than 40 utterances has a summary instead: the share of speech of each emotion, and a timeline in
which a line is a stretch of time.

Colour is optional: every line states its label, its probability and whether the emotion changed in words.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

import numpy as np
from rich.console import Console
from rich.text import Text

from emotone.inference.display import clock, colour, printable
from emotone.inference.result import Failure
from emotone.inference.saving import Format

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emotone.inference.rendering import Result
    from emotone.inference.result import Prediction
    from emotone.inference.saving import Page
    from emotone.inference.segments import UtteranceSegment
    from emotone.types import Seconds

MAX_LINES = 24
STEPS: tuple[Seconds, ...] = (5, 10, 15, 30, 60, 120, 180, 300, 600, 900, 1200, 1800, 3600, 7200, 14400, 28800, 86400)

NARROWEST_BAR, WIDEST_BAR = 10, 48
NO_SPEECH, CHANGED, UNSURE = "no speech", "changed", "unsure"
MAX_UTTERANCES = 40  # with more of them, a summary is printed instead
SHOWN_SHARE = 0.1  # emotions with less of the speech of a line of the timeline are not named
MOST_NAMED = 2  # emotions per line of the timeline


@dataclass(frozen=True)
class Share:
    """Speech with one emotion.

    Attributes:
        label: the emotion.
        seconds: duration.
        share: of the speech, from 0 to 1.

    """

    label: str
    seconds: Seconds
    share: float


@dataclass(frozen=True)
class TimelineLine:
    """A stretch of a recording.

    Attributes:
        start: seconds.
        cells: for each of equal parts, the emotion with the most speech in it; None without speech. Parts after the
            end of the recording are absent.
        shares: of the speech of the line, the largest first.

    """

    start: Seconds
    cells: tuple[str | None, ...]
    shares: tuple[Share, ...]


def speech_shares(prediction: Prediction) -> tuple[Share, ...]:
    """Return the share of each emotion in the speech of a recording, the largest first."""
    by_label = dict.fromkeys(prediction.labels, 0.0)
    for one in prediction.utterances:
        by_label[one.label] += one.end - one.start
    return _shares(by_label)


def timeline_step(duration: Seconds) -> Seconds:
    """Return the duration of a line for which a recording has at most 24 of them.

    Example:
        >>> timeline_step(4000)
        180

    """
    return next((step for step in STEPS if duration <= MAX_LINES * step), -(-duration // MAX_LINES))


def timeline_lines(prediction: Prediction, *, cells: int) -> list[TimelineLine]:
    """Return the lines of a recording, from its start to its end.

    Args:
        prediction: of the recording.
        cells: number of parts of a line.

    """
    step = timeline_step(prediction.duration)
    lines = max(1, int(-(-prediction.duration // step)))
    spoken = _seconds_by_cell(prediction, cell=step / cells, count=lines * cells)
    inside = int(-(-prediction.duration * cells // step))  # cells up to the end of the recording
    result = []
    for index in range(lines):
        part = spoken[index * cells : min((index + 1) * cells, inside)]
        winners = zip(part.argmax(axis=1).tolist(), (part.max(axis=1) > 0).tolist(), strict=True)
        names = [prediction.labels[winner] if speech else None for winner, speech in winners]
        totals = dict(zip(prediction.labels, part.sum(axis=0).tolist(), strict=True))
        result.append(TimelineLine(index * step, tuple(names), _shares(totals)))
    return result


def _seconds_by_cell(prediction: Prediction, *, cell: Seconds, count: int) -> NDArray[np.float64]:
    """Return the seconds of speech of each cell and label [count, labels]."""
    spoken = np.zeros((count, len(prediction.labels)))
    columns = {label: column for column, label in enumerate(prediction.labels)}
    for one in prediction.utterances:
        first, last = int(one.start / cell), min(count - 1, int(one.end / cell))
        edges = np.clip(cell * np.arange(first, last + 2), one.start, one.end)
        spoken[first : last + 1, columns[one.label]] += np.diff(edges)
    return spoken


def _shares(seconds: dict[str, Seconds]) -> tuple[Share, ...]:
    total = sum(seconds.values())
    found = [Share(label, value, value / total) for label, value in seconds.items() if value > 0]
    return tuple(sorted(found, key=lambda share: -share.seconds))


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
        self._page = page
        self._label_width = max(map(len, (*page.labels, NO_SPEECH)))
        self._written = 0
        self._bar = max(NARROWEST_BAR, min(WIDEST_BAR, page.width - self._label_width - 48))

    def write(self, result: Result) -> None:
        """Write a recording's block, preceded by an empty line except for the first."""
        if self._written:
            self._console.print()
        self._written += 1
        if isinstance(result, Failure):
            self._print(Text("failed: ", style="bold red").append(printable(result.message), style="default not bold"))
        else:
            self._write_prediction(result)
        self._stream.flush()

    def finish(self) -> None:
        """Do nothing: a page of text has no end."""

    def _write_prediction(self, prediction: Prediction) -> None:
        model = prediction.model
        channel = "" if prediction.channel == "mix" else f", channel {prediction.channel}"
        title = Text(printable(prediction.file or "samples"), style="bold")
        title.append(
            f"  {clock(prediction.duration)} at {prediction.rate} Hz{channel}, model {model.name} {model.version}",
            "dim",
        )
        self._print(title)
        if self._page.all_utterances or len(prediction.utterances) <= MAX_UTTERANCES:
            for utterance in prediction.utterances:
                self._write_utterance(utterance, prediction.duration)
        else:
            self._write_summary(prediction)
        for note in prediction.notes:
            self._print(Text(f"  note: {printable(note)}", style="dim"))
        clip = prediction.clip
        label = clip.label or NO_SPEECH
        verdict = Text("  whole recording: ").append(label, style=f"bold {self._colour(label)}")
        self._print(verdict.append(f" ({UNSURE})" if clip.speech and clip.unsure else "", style="dim"))
        if clip.speech:
            for name, probability in sorted(clip.probabilities.items(), key=lambda item: -item[1]):
                self._write_probability(name, probability, "")

    def _write_utterance(self, part: UtteranceSegment, duration: Seconds) -> None:
        label = part.label
        first = min(int(part.start / duration * self._bar), self._bar - 1)
        last = max(first + 1, round(part.end / duration * self._bar))
        line = Text(f"  {clock(part.start):>9} {clock(part.end):>9}  ")
        line.append(self._dot * first, style="bright_black").append(
            self._full * (last - first), style=self._colour(label)
        )
        line.append(self._dot * (self._bar - last), style="bright_black").append("  ")
        line.append(f"{label:<{self._label_width}}", style=self._colour(label))
        line.append(f" {percent(part.confidence)}")
        line.append(f"  {UNSURE}" if part.unsure else "", style="dim")
        self._print(line.append(f"  {CHANGED}" if part.changed else "", style="bold"))

    def _write_summary(self, prediction: Prediction) -> None:
        speech = sum(one.end - one.start for one in prediction.utterances)
        changes = sum(one.changed for one in prediction.utterances)
        self._print(
            Text(
                f"  speech: {clock(speech)} ({percent(speech / prediction.duration).strip()}) in "
                f"{len(prediction.utterances)} utterances; the emotion changes {changes} times"
            )
        )
        self._print(Text("  share of speech:"))
        for share in speech_shares(prediction):
            self._write_probability(share.label, share.share, f"  {clock(share.seconds):>9}")
        self._print(Text(f"  timeline, {clock(timeline_step(prediction.duration)).removesuffix('.0')} per line:"))
        for row in timeline_lines(prediction, cells=self._bar):
            line = Text(f"  {clock(row.start):>9}  ")
            for label in row.cells:
                style = "bright_black" if label is None else self._colour(label)
                line.append(self._dot if label is None else self._full, style=style)
            line.append(" " * (self._bar - len(row.cells)) + "  ")
            named = [share for share in row.shares if share.share >= SHOWN_SHARE][:MOST_NAMED]
            for number, share in enumerate(named):
                line.append(", " if number else "").append(share.label, style=self._colour(share.label))
                line.append(f" {percent(share.share).strip()}")
            self._print(line if named else line.append(NO_SPEECH, style="dim"))
        self._print(Text("  every utterance: --all-utterances, or another format such as csv", style="dim"))

    def _write_probability(self, label: str, probability: float, after: str) -> None:
        filled = round(probability * self._bar)
        line = Text(f"  {label:>19}  ").append(self._full * filled, style=self._colour(label))
        line.append(self._dot * (self._bar - filled), style="bright_black")
        self._print(line.append(f"  {percent(probability)}{after}"))

    def _colour(self, label: str) -> str:
        return "bright_black" if label == NO_SPEECH else colour(label, labels=self._page.labels)

    def _print(self, line: Text) -> None:
        line.rstrip()
        self._console.print(line)


def percent(probability: float) -> str:
    """Return whole per cent, four characters and the sign: ' 81 %'."""
    return f"{100 * probability:3.0f} %"


def _blocks(encoding: str | None) -> tuple[str, str]:
    """Return the marks for full and empty: blocks, or plain characters where the stream cannot encode blocks."""
    try:
        "█·".encode(encoding or "ascii")
    except UnicodeEncodeError:
        return "#", "."
    return "█", "·"


FORMAT = Format(suffix=".txt", summary="a timeline for people, in colour on a terminal", binary=False, open=TextPage)
