"""A long recording on one page: the share of speech of each emotion, and a timeline of few lines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emotone.inference.result import Prediction
    from emotone.types import Seconds

MAX_LINES = 24
STEPS: tuple[Seconds, ...] = (5, 10, 15, 30, 60, 120, 180, 300, 600, 900, 1200, 1800, 3600, 7200, 14400, 28800, 86400)


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
