"""What a picture needs of a prediction, and what it draws: step functions with a bounded number of steps."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Protocol

import numpy as np

from emotone.inference.display import clock

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from emotone.inference.buffers import Envelope
    from emotone.types import Seconds

COLUMNS = 720  # steps of a step function over the whole recording
LOUD = 0.995  # share of points that are drawn in full: a single click does not make all others small
MAX_TICKS = 10
TICKS: tuple[Seconds, ...] = (
    0.1,
    0.2,
    0.5,
    1,
    2,
    5,
    10,
    15,
    30,
    60,
    120,
    300,
    600,
    900,
    1800,
    3600,
    7200,
    14400,
    28800,
)


class Part(Protocol):
    """A stretch of time with probabilities."""

    @property
    def start(self) -> Seconds: ...  # noqa: D102
    @property
    def end(self) -> Seconds: ...  # noqa: D102
    @property
    def probabilities(self) -> Mapping[str, float]: ...  # noqa: D102


class Utterance(Part, Protocol):
    """Speech with one emotion."""

    @property
    def label(self) -> str: ...  # noqa: D102
    @property
    def unsure(self) -> bool: ...  # noqa: D102
    @property
    def confidence(self) -> float: ...  # noqa: D102


class Whole(Protocol):
    """The result of a whole recording."""

    @property
    def label(self) -> str | None: ...  # noqa: D102
    @property
    def confidence(self) -> float | None: ...  # noqa: D102
    @property
    def unsure(self) -> bool: ...  # noqa: D102
    @property
    def speech(self) -> bool: ...  # noqa: D102
    @property
    def probabilities(self) -> Mapping[str, float]: ...  # noqa: D102


class NamedModel(Protocol):
    """The model that made a prediction."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def version(self) -> str: ...  # noqa: D102


class Plottable(Protocol):
    """What a picture needs of a prediction."""

    @property
    def file(self) -> str | None: ...  # noqa: D102
    @property
    def duration(self) -> Seconds: ...  # noqa: D102
    @property
    def labels(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def channel(self) -> int | str: ...  # noqa: D102
    @property
    def adapted(self) -> bool: ...  # noqa: D102
    @property
    def model(self) -> NamedModel: ...  # noqa: D102
    @property
    def clip(self) -> Whole: ...  # noqa: D102
    @property
    def utterances(self) -> Sequence[Utterance]: ...  # noqa: D102
    @property
    def segments(self) -> Sequence[Part]: ...  # noqa: D102
    @property
    def envelope(self) -> Envelope | None: ...  # noqa: D102


@dataclass(frozen=True, eq=False)
class Run:
    """Two step functions over the same stretch of time.

    Attributes:
        edges: seconds [steps + 1].
        outer: of the waveform: the peaks, full scale 1 [steps]; of probabilities: of the utterances
            [steps, labels].
        inner: of the waveform: root mean squares [steps]; of probabilities: of the windows [steps, labels].
        label: of the utterance, for the waveform; None outside utterances.

    """

    edges: NDArray[np.float64]
    outer: NDArray[np.float64]
    inner: NDArray[np.float64]
    label: str | None = None


def waveform_runs(prediction: Plottable) -> Iterator[Run]:
    """Yield the waveform, from one utterance or pause to the next; nothing without an envelope."""
    envelope = prediction.envelope
    if envelope is None or not len(envelope):
        return
    merged = -(-len(envelope) // COLUMNS)
    starts = np.arange(0, len(envelope), merged)
    counts = np.diff(starts, append=len(envelope))
    peak = np.maximum.reduceat(envelope.peak.astype(np.float64), starts)
    rms = np.sqrt(np.add.reduceat(np.square(envelope.rms, dtype=np.float64), starts) / counts)
    scale = 1 / max(1e-6, float(np.quantile(peak, LOUD)))
    peak, rms = np.minimum(1, scale * peak), np.minimum(1, scale * rms)
    edges = np.append(starts * envelope.step, prediction.duration)
    edges = np.minimum(edges, prediction.duration)
    owners = _owners((edges[:-1] + edges[1:]) / 2, prediction.utterances)
    changes = [0, *(np.flatnonzero(np.diff(owners)) + 1).tolist(), len(owners)]
    for first, last in pairwise(changes):
        owner = int(owners[first])
        label = None if owner < 0 else prediction.utterances[owner].label
        yield Run(edges[first : last + 1], peak[first:last], rms[first:last], label)


def probability_runs(prediction: Plottable) -> Iterator[Run]:
    """Yield the probabilities of each utterance: those of the utterance, and those of its windows."""
    utterances = prediction.utterances
    if not utterances:
        return
    arrays = _Windows(prediction)
    if len(arrays.centres) <= COLUMNS and len(utterances) <= COLUMNS // 4:
        for one in utterances:
            yield arrays.run(one)
        return
    runs = [arrays.run(one) for one in utterances]
    yield from _columns(runs, prediction.duration)


class _Windows:
    """The windows of a prediction as arrays, in the order of their centres."""

    def __init__(self, prediction: Plottable) -> None:
        self._labels = prediction.labels
        parts = list(prediction.segments)
        centres = np.array([(one.start + one.end) / 2 for one in parts])
        order = np.argsort(centres, kind="stable")
        self.centres = centres[order]
        self._values = np.array([list(one.probabilities.values()) for one in parts]).reshape(-1, len(self._labels))[
            order
        ]

    def run(self, utterance: Utterance) -> Run:
        """Return the run of an utterance."""
        first, last = np.searchsorted(self.centres, [utterance.start, utterance.end])
        whole = np.array(list(utterance.probabilities.values()))[None]
        centres, values = self.centres[first:last], self._values[first:last]
        if not len(centres):
            values = whole
        cuts = (centres[1:] + centres[:-1]) / 2
        edges = np.concatenate([[utterance.start], cuts, [utterance.end]])
        return Run(edges, np.repeat(whole, len(values), axis=0), values)


def _columns(runs: list[Run], duration: Seconds) -> Iterator[Run]:
    """Yield the same step functions in columns: means over the speech of each column."""
    grid = np.linspace(0, duration, COLUMNS + 1)
    edges = np.concatenate([run.edges for run in runs])

    def with_gaps(parts: list[NDArray[np.float64]]) -> NDArray[np.float64]:
        """Return values with a step of zeros from the last edge of a run to the first one of the next."""
        zero = np.zeros((1, parts[0].shape[1]))
        return np.concatenate([step for part in parts for step in (part, zero)])[:-1]

    spoken = _means(grid, edges, with_gaps([np.ones((len(run.outer), 1)) for run in runs]))
    outer = _means(grid, edges, with_gaps([run.outer for run in runs]))
    inner = _means(grid, edges, with_gaps([run.inner for run in runs]))
    used = spoken[:, 0] > 0.02
    bounds = [0, *(np.flatnonzero(np.diff(used)) + 1).tolist(), len(used)]
    for first, last in pairwise(bounds):
        if used[first]:
            share = spoken[first:last]
            yield Run(grid[first : last + 1], outer[first:last] / share, inner[first:last] / share)


def _means(grid: NDArray[np.float64], edges: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the means [columns, n] of a step function over the columns of a grid; it is zero outside its edges.

    Key idea: the mean over a column is the difference of the integral at its two ends, which is linear between edges.
    """
    steps = np.diff(edges)[:, None] * values
    integral = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(steps, axis=0)])
    at_grid = np.stack([np.interp(grid, edges, column) for column in integral.T], axis=1)
    means: NDArray[np.float64] = np.diff(at_grid, axis=0) / np.diff(grid)[:, None]
    return means


def _owners(times: NDArray[np.float64], utterances: Sequence[Utterance]) -> NDArray[np.int64]:
    """Return the index of the utterance at each time, or -1."""
    starts = np.array([one.start for one in utterances])
    ends = np.array([one.end for one in utterances])
    found = np.searchsorted(starts, times, side="right") - 1
    if not len(starts):
        return np.full(len(times), -1)
    inside = (found >= 0) & (times < ends[np.maximum(found, 0)])
    owners: NDArray[np.int64] = np.where(inside, found, -1)
    return owners


def ticks(duration: Seconds) -> tuple[list[Seconds], list[str]]:
    """Return at most ten times for an axis, and their names.

    Example:
        >>> ticks(4.2)
        ([0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0], ['0:00.0', ..., '0:04.0'])

    """
    step = next((one for one in TICKS if duration / one <= MAX_TICKS), TICKS[-1])
    places = [step * index for index in range(int(duration / step) + 1)]
    return places, [clock(place) if step < 1 else clock(place).removesuffix(".0") for place in places]
