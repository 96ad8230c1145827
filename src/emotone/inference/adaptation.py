"""Adaptation without labels: the statistics of a model's embeddings are replaced by those of a user's recordings.

The embedding of a recording is the mean over its windows with speech. Their mean and deviation over the recordings
describe voices, language, room and channel; standardising by them removes what all recordings have in common. Nothing
is trained, and no label is used.

Reference: Li, Wang, Shi, Liu, Hou, Revisiting batch normalization for practical domain adaptation, 2016 (statistics of
the target domain).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from emotone.bundles.bundle import with_adaptation
from emotone.bundles.manifest import AdaptationData
from emotone.errors import UsageError
from emotone.inference.result import Failure

if TYPE_CHECKING:
    from collections.abc import Iterable

    from emotone.bundles.bundle import Bundle
    from emotone.inference.engine import Analysis
    from emotone.types import Array, Seconds

FEW_RECORDINGS = 10  # below, adaptation changes little and may harm


@dataclass(frozen=True)
class AdaptedBundle:
    """An adapted bundle, and what the user should know about it.

    Attributes:
        bundle: the adapted bundle.
        notes: warnings, one sentence each.
        failures: recordings that could not be read.

    """

    bundle: Bundle
    notes: tuple[str, ...]
    failures: tuple[Failure, ...]


class EmbeddingStatistics:
    """Collects the embeddings of recordings for an adaptation.

    Args:
        bundle: a model with a head.

    Raises:
        UsageError: the model has no head, so it has no embeddings.

    """

    def __init__(self, bundle: Bundle) -> None:
        if bundle.head is None:
            raise UsageError(
                f"model {bundle.manifest.name} cannot be adapted without labels: its network returns no embeddings"
            )
        self._bundle = bundle
        self._embeddings: list[Array] = []
        self._silent = 0
        self._seconds: Seconds = 0.0

    def add(self, analysis: Analysis) -> None:
        """Add a recording; one without speech only counts for the notes."""
        if not len(analysis.segments):
            self._silent += 1
            return
        self._embeddings.append(analysis.segments.outputs.mean(axis=0))
        self._seconds += sum(one.end - one.start for one in analysis.utterances)

    def adapted(self, *, failures: Iterable[Failure] = ()) -> AdaptedBundle:
        """Return the adapted bundle.

        Raises:
            UsageError: fewer than two recordings with speech.

        """
        head = self._bundle.head
        assert head is not None  # noqa: S101 - checked in __init__
        count = len(self._embeddings)
        values = np.stack(self._embeddings) if count else np.zeros((0, head.values), np.float32)
        adapted = head.adapted(values)
        manifest = self._bundle.manifest
        origin = f"{manifest.name} {manifest.version}"
        data = AdaptationData(recordings=count, seconds=round(self._seconds, 1), model=origin)
        notes = []
        if count < FEW_RECORDINGS:
            notes.append(
                f"adapted to {count} recordings only; {FEW_RECORDINGS} or more, with several emotions, work better"
            )
        if self._silent:
            notes.append(f"{self._silent} recordings contain no speech and were not used for the adaptation")
        return AdaptedBundle(with_adaptation(self._bundle, adapted, data), tuple(notes), tuple(failures))
