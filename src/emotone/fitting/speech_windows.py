"""Windows with speech alone to learn from: those that count when a clip is judged, by the same rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from emotone.audio.activity import PER_SECOND, RATE, speech_activity
from emotone.audio.resample import resample
from emotone.errors import ConfigError
from emotone.features.store import FeatureStore
from emotone.features.windows import has_speech, window_starts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from emotone.bundles.manifest import Windows
    from emotone.recipes.recipe import Recipe
    from emotone.recipes.training import TrainingSettings
    from emotone.types import Array, Hertz, Utterance


@dataclass(frozen=True)
class Activity:
    """Where there is speech, heard as in judging: brought to the front end's rate first, and from there to 16 kHz.

    Attributes:
        rate: of the front end.

    """

    version: ClassVar[int] = 1

    rate: Hertz

    def compute(self, signal: Array) -> Array:
        """Return 1 where there is speech and 0 elsewhere, float32 for each 10 ms of a signal [time]."""
        return speech_activity(resample(signal, rate=self.rate, to=RATE)).astype(np.float32)


def check_spoken(windows: Windows, training: TrainingSettings) -> None:
    """Raise `ConfigError` where windows without speech are not learned from, and judged nevertheless."""
    if training.speech_only and not windows.speech_only:
        raise ConfigError(
            "training: speech_only leaves windows out that count when a clip is judged; "
            "set windows.speech_only = true; given false"
        )


def spoken_starts(
    recipe: Recipe, utterances: Iterable[Utterance], features: Mapping[str, Array]
) -> dict[str, NDArray[np.int64]] | None:
    """Return the first rows of each utterance's windows with speech, by key; an utterance with none has no entry.

    None comes back where the recipe learns from all windows. Decisions about speech are kept as features are.

    Raises:
        AudioError: a recording can't be read any more.

    """
    if not recipe.training.speech_only:
        return None
    front_end = recipe.feature
    window, hop = recipe.windows.frames(front_end)
    least = recipe.windows.least_frames(front_end)
    span = round(recipe.windows.seconds * PER_SECOND)
    store = FeatureStore("activity", Activity(front_end.rate))
    found = {}
    for utterance in utterances:
        active = store.get(utterance) > 0
        starts = window_starts(features[utterance.key].shape[0], window=window, hop=hop, least=least)
        places = [round(start * front_end.hop_seconds * PER_SECOND) for start in starts.tolist()]
        spoken = [has_speech(active[place : place + span], whole=span, first=place == 0) for place in places]
        if any(spoken):
            found[utterance.key] = starts[np.array(spoken)]
    return found
