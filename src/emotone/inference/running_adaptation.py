"""Adaptation during a session: the statistics of a model's embeddings follow the utterances that were heard.

The embedding of an utterance is the mean over its windows. When an utterance ends, its embedding joins the statistics,
and the next utterance is classified with them. An utterance therefore never influences itself, no result waits for
later audio, and results do not depend on the pieces in which the audio arrives. No label is used.

The statistics are those of `EmbeddingHead.adapted`: few utterances change little. The most recent `UTTERANCES` count,
so that memory is bounded and a change of voice or room is followed.

Reference: Li, Wang, Shi, Liu, Hou, Revisiting batch normalization for practical domain adaptation, 2016 (statistics of
the target domain).
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import numpy as np

from emotone.bundles.head import MIN_RECORDINGS
from emotone.errors import UsageError

if TYPE_CHECKING:
    from emotone.bundles.bundle import Bundle
    from emotone.bundles.head import EmbeddingHead
    from emotone.types import Array

UTTERANCES = 100  # about ten minutes of conversation; 768 values of 100 utterances take 0.3 MB


def adaptable_head(bundle: Bundle) -> EmbeddingHead:
    """Return the head of a model that can be adapted without labels.

    Raises:
        UsageError: the model has no head, so it has no embeddings; or it is adapted already.

    """
    if bundle.head is None:
        raise UsageError(
            f"model {bundle.manifest.name} can't be adapted without labels, because its network returns no "
            "embeddings; pass a model of a recipe with an encoder (see emotone recipes list), or fine-tune it on "
            "labelled recordings with emotone train --from"
        )
    if bundle.manifest.adaptation is not None:
        raise UsageError(f"model {bundle.manifest.name} is adapted already; pass the model that it was made from")
    return bundle.head


class RunningAdaptation:
    """The head of the next utterance, from the utterances so far.

    Args:
        bundle: a model with a head.

    Attributes:
        head: the bundle's own until two utterances have ended, then an adapted one.

    Raises:
        UsageError: see `adaptable_head`.

    """

    def __init__(self, bundle: Bundle) -> None:
        self._own = adaptable_head(bundle)
        self._embeddings: deque[Array] = deque(maxlen=UTTERANCES)
        self.head = self._own

    def add(self, embedding: Array) -> None:
        """Add an utterance, by its embedding [values]."""
        self._embeddings.append(embedding)
        if len(self._embeddings) >= MIN_RECORDINGS:
            self.head = self._own.adapted(np.stack(self._embeddings))
