"""Several heads over one trunk: a clip is told from the labels of its own head, and the others' scores don't count.

Conventions: `heads` says of each score, in the order of the logits, which head it belongs to; () is a single head. An
example's head is that of its label.

Reference: Caruana, Multitask learning, Machine Learning 28, 1997.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import Tensor


def own_scores(labels: NDArray[np.int64], heads: Sequence[int]) -> NDArray[np.bool_] | None:
    """Return which scores [examples, scores] belong to each example's head; None where there is only one head.

    Example:
        >>> own_scores(np.array([0, 2]), (0, 0, 1)).tolist()
        [[True, True, False], [False, False, True]]

    """
    if not heads:
        return None
    numbers = np.array(heads)
    own: NDArray[np.bool_] = numbers[labels][:, None] == numbers
    return own


def cross_entropy(heads: Sequence[int], *, smoothing: float) -> nn.Module:
    """Return the loss of logits [batch, scores] and labels [batch], mean over the batch."""
    return OwnHeadLoss(heads, smoothing=smoothing) if heads else nn.CrossEntropyLoss(label_smoothing=smoothing)


class OwnHeadLoss(nn.Module):
    """The cross-entropy of each example over the scores of its own head, mean over the batch.

    With p the softmax over the K scores of the example's head, and y its label:
    -(1 - smoothing) ln p_y - smoothing / K * sum_k ln p_k. What other heads say of it has no gradient.

    Args:
        heads: of each score.
        smoothing: share of the label that is spread over all scores of the head.

    """

    def __init__(self, heads: Sequence[int], *, smoothing: float) -> None:
        super().__init__()
        self.heads = torch.tensor(list(heads))
        self.smoothing = smoothing

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the loss, a number."""
        others = self.heads[labels][:, None] != self.heads
        told = torch.log_softmax(logits.masked_fill(others, float("-inf")), dim=1)
        of_label = told.gather(1, labels[:, None])[:, 0]
        spread = told.masked_fill(others, 0.0).sum(dim=1) / (~others).sum(dim=1)
        return -((1 - self.smoothing) * of_label + self.smoothing * spread).mean()
