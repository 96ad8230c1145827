"""The statistics that a network's input is cleaned with, fitted to the training part."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from emotone.files import atomic_write
from emotone.training.batches import Examples

if TYPE_CHECKING:
    from pathlib import Path

    from emotone.nets.blocks.base import Network
    from emotone.training.batches import Task

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
