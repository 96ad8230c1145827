"""The epochs of a distillation: the batches between two checkpoints or evaluations."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True)
class Stages:
    """A training of a number of steps, divided where a checkpoint is written or the student is evaluated.

    Attributes:
        ends: step at which each epoch ends, after a first 0; ascending.
        evaluated: the ends after which the student is evaluated.

    Example:
        >>> stages = Stages.of(5, evaluate_every=3, checkpoint_every=2)
        >>> stages.ends, sorted(stages.evaluated), stages.lengths
        ((0, 2, 3, 4, 5), [3, 5], (2, 1, 1, 1))

    """

    ends: tuple[int, ...]
    evaluated: frozenset[int]

    @classmethod
    def of(cls, steps: int, *, evaluate_every: int, checkpoint_every: int) -> Stages:
        """Return the stages of so many steps; the last one is evaluated too."""
        evaluated = {*range(0, steps, evaluate_every), steps} - {0}
        return cls(tuple(sorted(evaluated | {*range(0, steps, checkpoint_every)})), frozenset(evaluated))

    @property
    def lengths(self) -> tuple[int, ...]:
        """Number of steps of each epoch, which the training loop calls its batches."""
        return tuple(end - start for start, end in pairwise(self.ends))

    def steps_of(self, epoch: int) -> range:
        """Return the steps of an epoch, counted from 1."""
        return range(self.ends[epoch - 1], self.ends[epoch])

    def is_evaluated(self, epoch: int) -> bool:
        """Return whether the student is evaluated after an epoch."""
        return self.ends[epoch] in self.evaluated
