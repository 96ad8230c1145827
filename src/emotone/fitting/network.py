"""Networks before they are bundles: transferred weights, output tensors, predictions, and statistics of their input."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from emotone.files import atomic_write
from emotone.training.batches import Examples
from emotone.transfer.apply import HeadSpec
from emotone.transfer.weights import inside_block

if TYPE_CHECKING:
    from pathlib import Path

    from emotone.fitting.resolve import ResolvedRecipe
    from emotone.nets.blocks.base import Network
    from emotone.recipes.recipe import Recipe
    from emotone.training.batches import Task
    from emotone.transfer.apply import TransferResult
    from emotone.types import Array


def load_transferred(resolved: ResolvedRecipe, net: Network, *, labels: tuple[str, ...]) -> list[TransferResult]:
    """Load and freeze layers of a newly built network, in place, as its recipe's plan says; [] without a transfer.

    Raises:
        ConfigError: the plan does not fit the weights' labels (see `emotone.transfer.apply`).
        SourceError: the weights can't be read any more, or do not fit the network.

    """
    recipe = resolved.recipe
    if recipe.transfer is None or resolved.plan is None or resolved.weights is None:
        return []
    from emotone.transfer.apply import transfer_into

    groups = recipe.net_spec.groups[-1] if recipe.transfer.plan else ()
    head = HeadSpec(labels, output_tensors(recipe, net, len(labels)), groups)
    weights = inside_block(resolved.weights.read(), getattr(recipe.net_spec, "source_block", ""))
    return [transfer_into(net, weights, resolved.plan, head=head)]


def output_tensors(recipe: Recipe, net: Network, labels: int) -> tuple[str, ...]:
    """Return the names of the tensors whose first dimension is the labels: their shape changes with one label more."""
    import torch

    # The meta device draws no random numbers: those of the generator belong to the network that is trained.
    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        wider = recipe.net_spec.build(recipe.feature.dimension, labels + 1).state_dict()
    return tuple(name for name, tensor in net.state_dict().items() if wider[name].shape != tensor.shape)


def clip_probabilities(recipe: Recipe, net: Network, features: Array) -> Array:
    """Return the probabilities [labels] of a clip, the mean over its windows, as on the development part.

    Args:
        recipe: settings of the windows.
        net: in eval mode.
        features: [time, dimension] of the clip.

    """
    from emotone.training.development import window_probabilities

    window, hop = recipe.windows.frames(recipe.feature)
    least = recipe.windows.min_frames(recipe.feature)
    mean: Array = window_probabilities(net, features, window=window, hop=hop, min_frames=least).mean(axis=0)
    return mean


CLEANING = "cleaning.json"
STREAM = 2  # separates the random draws of the statistics from those of batches and mixup


@dataclass(frozen=True)
class CleaningReport:
    """What the statistics of a network's input were fitted to.

    Attributes:
        recordings: number of training recordings.
        values: number of their values.
        replaced: how many of the values are anomalous, and were replaced by a median.

    """

    recordings: int
    values: int
    replaced: int

    def to_dict(self) -> dict[str, int]:
        """Return the numbers as a plain table, for JSON."""
        return asdict(self)

    def save(self, folder: Path) -> None:
        """Write the numbers to a training's folder."""
        with atomic_write(folder / CLEANING, text=True) as stream:
            json.dump(self.to_dict(), stream)


def fit_cleaning(net: Network, task: Task) -> CleaningReport | None:
    """Fit the blocks that clean a network's input to the training part, in place; None if it has no such block.

    Args:
        net: newly built; its blocks before the last fitted one keep rows as rows.
        task: only its training part is used.

    """
    from emotone.nets.blocks.cleaning import FittedBlock, Limits

    fitted = [block for block in net.blocks.values() if isinstance(block, FittedBlock)]
    if not fitted or not isinstance(task.train, Examples):
        return None
    rng = np.random.default_rng([task.seed, STREAM])
    rows = np.concatenate(task.train.features)
    replaced = 0
    for block in fitted:
        before, rows = rows, block.fit(rows, rng)
        if isinstance(block, Limits):
            replaced += int(np.count_nonzero(before != rows))
    return CleaningReport(len(task.train), rows.size, replaced)
