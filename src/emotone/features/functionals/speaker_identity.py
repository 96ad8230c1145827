"""The speaker of an utterance, and nothing else: a baseline that ignores the audio."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from emotone.errors import RunError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emotone.types import Array, Utterance


@dataclass(frozen=True)
class SpeakerIdentity:
    """A one-hot vector of the utterance's speaker, in the order of `speaker_key`."""

    version: ClassVar[int] = 1

    def of(self, utterances: Sequence[Utterance]) -> dict[str, Array]:
        """Return the vector [speakers] float32 of each utterance by its key.

        Raises:
            RunError: an utterance without a speaker.

        """
        nameless = [utterance.key for utterance in utterances if not utterance.speaker]
        if nameless:
            raise RunError(
                f"{len(nameless)} utterances have no speaker (first: {nameless[0]}), which speaker-identity needs; "
                "fill the column 'speaker'"
            )
        speakers = sorted({utterance.speaker_key for utterance in utterances})
        places = dict(zip(speakers, np.eye(len(speakers), dtype=np.float32), strict=True))
        return {utterance.key: places[utterance.speaker_key].copy() for utterance in utterances}


FUNCTIONALS = SpeakerIdentity
