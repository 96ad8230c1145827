"""Adaptation without labels: the statistics of a model's embeddings are replaced by those of a user's recordings.

The embedding of a recording is the mean over its windows with speech. Their mean and deviation over the recordings
describe voices, language, room and channel; standardising by them removes what all recordings have in common. Nothing
is trained, and no label is used. A detector, which is fitted on windows, has the statistics of all windows instead.

Reference: Li, Wang, Shi, Liu, Hou, Revisiting batch normalization for practical domain adaptation, 2016 (statistics of
the target domain).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from emotone.bundles.bundle import with_adaptation
from emotone.bundles.contents import AdaptationData
from emotone.bundles.head import MIN_RECORDINGS, too_few_recordings
from emotone.inference.inputs import fetched
from emotone.inference.recordings import CAN_FAIL, analyse_file, failure_of
from emotone.inference.running_adaptation import adaptable_head
from emotone.inference.segments import positive_of

if TYPE_CHECKING:
    from pathlib import Path

    from emotone.audio.source import Track
    from emotone.bundles.bundle import Bundle
    from emotone.inference.engine import Analysis
    from emotone.inference.result import Failure, Selection
    from emotone.types import Array, Seconds

FEW_RECORDINGS = 10  # below, adaptation changes little and may harm


@dataclass(frozen=True)
class AdaptedBundle:
    """An adapted bundle, and what the user should know about it.

    Attributes:
        bundle: the adapted bundle.
        notes: warnings, one sentence each.

    """

    bundle: Bundle
    notes: tuple[str, ...]


class EmbeddingStatistics:
    """Collects the embeddings of recordings for an adaptation.

    Args:
        bundle: a model with a head.

    Raises:
        UsageError: the model has no head, so it has no embeddings; or it is adapted already.

    """

    def __init__(self, bundle: Bundle) -> None:
        self._head = adaptable_head(bundle)
        self._bundle = bundle
        self._by_window = positive_of(bundle.labels) is not None
        self._embeddings: list[Array] = []  # of each recording [rows, values]
        self._silent = 0
        self._seconds: Seconds = 0.0

    @property
    def count(self) -> int:
        """Recordings with speech so far."""
        return len(self._embeddings)

    def add(self, analysis: Analysis) -> None:
        """Add a recording, or a channel of one; without speech, it only counts for the notes."""
        if not len(analysis.segments):
            self._silent += 1
            return
        outputs = analysis.segments.outputs
        self._embeddings.append(outputs if self._by_window else outputs.mean(axis=0, keepdims=True))
        self._seconds += sum(one.end - one.start for one in analysis.utterances)

    def attempt(
        self, path: str | Path, *, channel: Selection = "mix", track: Track = "default", name: str | None = None
    ) -> Failure | None:
        """Add a file; return why it can't be used, or None. Arguments as for `Model.attempt`."""
        shown = name or os.fspath(path)
        try:
            with fetched(path, name=shown) as file:
                analyses = analyse_file(self._bundle, file, channel=channel, track=track, name=shown)
        except CAN_FAIL as error:
            return failure_of(error, path, shown)
        for analysis in analyses:
            self.add(analysis)
        return None

    def adapted(self) -> AdaptedBundle:
        """Return the adapted bundle.

        Raises:
            UsageError: fewer than two recordings with speech.

        """
        count = len(self._embeddings)
        if count < MIN_RECORDINGS:
            raise too_few_recordings(count)
        adapted = self._head.adapted(np.concatenate(self._embeddings))
        manifest = self._bundle.manifest
        origin = f"{manifest.name} {manifest.version}"
        data = AdaptationData(recordings=count, seconds=round(self._seconds, 1), model=origin)
        notes = []
        if count < FEW_RECORDINGS:
            notes.append(
                f"adapted to {count} recordings only; {FEW_RECORDINGS} or more, with several emotions, work better"
            )
        if self._silent:
            one = self._silent == 1
            notes.append(
                f"{self._silent} {'recording contains' if one else 'recordings contain'} no speech and "
                f"{'was' if one else 'were'} not used for the adaptation"
            )
        return AdaptedBundle(with_adaptation(self._bundle, adapted, data), tuple(notes))
