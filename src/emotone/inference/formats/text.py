"""Text for people: a timeline with a bar per utterance, then the clip's probabilities as bars.

A recording with more than 40 utterances has a summary instead: the share of speech of each emotion, and a timeline in
which a line is a stretch of time.

Colour is optional: every line states its label, its probability and whether the emotion changed in words.
"""

from __future__ import annotations

from typing import IO, TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from emotone.inference.display import clock, colour, printable
from emotone.inference.result import Failure
from emotone.inference.saving import Format
from emotone.inference.summary import speech_shares, timeline_lines, timeline_step

if TYPE_CHECKING:
    from emotone.inference.rendering import Result
    from emotone.inference.result import Prediction
    from emotone.inference.saving import Page
    from emotone.inference.segments import UtteranceSegment
    from emotone.types import Seconds

NARROWEST_BAR, WIDEST_BAR = 10, 48
NO_SPEECH, CHANGED, UNSURE = "no speech", "changed", "unsure"
MAX_UTTERANCES = 40  # with more of them, a summary is printed instead
SHOWN_SHARE = 0.1  # emotions with less of the speech of a line of the timeline are not named
MOST_NAMED = 2  # emotions per line of the timeline


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
