"""Aliases for shapes and units, and the small frozen records that all packages share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Seconds: TypeAlias = float
Hertz: TypeAlias = int
Array: TypeAlias = NDArray[np.float32]
Waveform: TypeAlias = NDArray[np.float32]
"""Samples [channels, time] in [-1, 1]; one channel's signal is [time]."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """One labelled stretch of one recording.

    Attributes:
        id: unique within its corpus, and stable: derived from the file's name, not from its folder.
        corpus: registry name of the corpus.
        path: the recording.
        start: seconds from the start of the recording.
        end: seconds, or None for the end of the recording.
        speaker: unique within the corpus.
        session: a recording session shared by speakers, or the speaker if the corpus has no sessions.
        label: canonical emotion name (see `emotone.corpora.labels`).
        extras: other information from the corpus: sentence, intensity, gender ...
        channel: of the recording, from 0, or None for the mix of all channels.

    """

    id: str
    corpus: str
    path: Path
    start: Seconds
    end: Seconds | None
    speaker: str
    session: str
    label: str
    extras: Mapping[str, str] = field(default_factory=dict)
    channel: int | None = None

    @property
    def key(self) -> str:
        """Unique over corpora: `corpus/id`."""
        return f"{self.corpus}/{self.id}"

    @property
    def speaker_key(self) -> str:
        """Unique over corpora: `corpus/speaker`."""
        return f"{self.corpus}/{self.speaker}"


@dataclass(frozen=True, slots=True)
class Fold:
    """One split of utterances, by `Utterance.key`. `dev` may be empty; `train` and `test` are disjoint."""

    name: str
    train: tuple[str, ...]
    dev: tuple[str, ...]
    test: tuple[str, ...]
