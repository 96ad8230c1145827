"""The terminal view of live audio: level, probabilities, a timeline and the latest utterances."""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Group
from rich.text import Text

from emotone.inference.display import clock, colour, printable
from emotone.inference.events import Measurement, UtteranceEnd, UtteranceInterim, UtteranceStart

if TYPE_CHECKING:
    from collections.abc import Iterable

    from emotone.inference.events import Event
    from emotone.inference.segments import UtteranceSegment
    from emotone.types import Array, Hertz, Seconds

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
