"""What protocols share that are made around another one: who divides, and what that one promises."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from emotone.protocols.base import Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from emotone.types import Utterance


@dataclass(frozen=True)
class Around(Protocol):
    """A protocol that divides as another one does, and changes what is learned from.

    Attributes:
        inner: how utterances are divided.

    """

    inner: Protocol | None = None

    @property
    def speaker_independent(self) -> bool:
        """As the division: nobody joins a part whom it keeps apart."""
        return self._inner.speaker_independent

    @property
    def signature(self) -> tuple[str | int, ...]:
        """Name and version, and what the inner protocol has beside its name."""
        return (self.name, self.version, *self._inner.signature[1:])

    @property
    def _inner(self) -> Protocol:
        assert self.inner is not None  # noqa: S101 - whoever finds one by its name fills it in
        return self.inner

    def _divided(
        self, utterances: Sequence[Utterance], *, seed: int
    ) -> Iterator[tuple[str, list[Utterance], list[Utterance], list[Utterance]]]:
        """Yield name, train, dev and test part of each of the inner protocol's folds, as utterances."""
        by_key = {utterance.key: utterance for utterance in utterances}
        for fold in self._inner.folds(utterances, seed=seed):
            train, dev, test = ([by_key[key] for key in part] for part in (fold.train, fold.dev, fold.test))
            yield fold.name, train, dev, test
