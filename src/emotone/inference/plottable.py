"""What a picture needs of a prediction; `emotone.inference.result.Prediction` has all of it.

Pictures depend on these protocols and not on predictions, because a prediction draws itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from emotone.inference.envelope import Envelope
    from emotone.types import Seconds


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
