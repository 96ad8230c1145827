"""What the training loop needs to know about a task: batches, a loss, and an evaluation after each epoch.

Conventions: epochs are numbered from 1. An objective reads nothing from global random state: its batches are a
function of the seed and the epoch number, so that a resumed run sees the same batches.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor, nn

    from emotone.types import Array


class NetworkInputs(Protocol):
    """The part of a batch that the loop passes to the network; everything else belongs to the objective."""

    @property
    def inputs(self) -> Array:
        """Return the inputs [batch, time, dimension]."""

    @property
    def lengths(self) -> NDArray[np.int64] | None:
        """Return the valid time steps [batch]; None if every step is valid."""


BatchT = TypeVar("BatchT", bound=NetworkInputs)


@dataclass(frozen=True, eq=False)
class Loss:
    """The loss of a batch.

    Attributes:
        mean: scalar tensor to differentiate, the mean over the counted items.
        count: items that the mean is over (examples, frames or tokens): the weight of the batch in the epoch's loss.

    """

    mean: Tensor
    count: int


@dataclass(frozen=True)
class Evaluation:
    """The result of evaluating a network after an epoch.

    Attributes:
        score: selects the epoch, higher is better; None if there is nothing to select by.
        metrics: other measurements by name, stored in the history.

    """

    score: float | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)


class Objective(Protocol[BatchT]):
    """A training task."""

    @property
    def steps(self) -> tuple[int, ...]:
        """Return the number of batches of each epoch; its length is the maximum number of epochs."""

    def batches(self, epoch: int) -> Iterable[BatchT]:
        """Return the batches of an epoch, computed lazily."""

    def loss(self, output: Any, batch: BatchT) -> Loss:
        """Return the loss of the network's output for a batch."""

    def evaluate(self, net: nn.Module, epoch: int) -> Evaluation:
        """Return the evaluation of a network, which may be put in eval mode but must not be changed otherwise."""
