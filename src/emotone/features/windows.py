"""Windows of a recording: the `[windows]` table of a recipe, and the frames of each window.

How a recording is divided, and how the scores of its windows are combined. One rule for training, evaluation and
prediction decides which frames make a window.
"""

from __future__ import annotations

import math
from collections.abc import Mapping  # noqa: TC003 - evaluated with the annotation of COMBINED
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

import numpy as np

from emotone.errors import ConfigError, unknown_name
from emotone.types import Seconds  # noqa: TC001 - read at run time by emotone.config

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emotone.features.base import Feature

Combine: TypeAlias = Literal["mean-probability", "mean-logit", "vote", "max-probability"]
COMBINED: Mapping[str, str] = {
    "mean-probability": "the mean probability of",
    "mean-logit": "the softmax of the mean logits of",
    "vote": "the majority vote of",
    "max-probability": "the highest probability in any of",
}
"""Description of each combination, for model cards; `emotone.inference.pooling` computes it."""
MAX_CONTEXT = 100  # windows

MIN_SPEECH_FRAMES = 20  # of 10 ms each: a window with 0.2 s of speech activity has speech
SHORT_RECORDING = 60  # frames: recordings below 0.6 s need activity in a third of their frames instead


@dataclass(frozen=True)
class Windows:
    """Window length, hop and combination, in seconds.

    Attributes:
        seconds: length of a window.
        hop: time between the starts of two windows.
        min_seconds: minimum sound in a window. Above 0, windows start at multiples of the hop only, the last ones may
            end with the recording, and a shorter recording is refused; 0 aligns one more window to the recording's end
            (see `emotone.features.windows`).
        speech_only: exclude windows without speech: they get equal probabilities and do not count towards the clip.
            False scores them like all others.
        combine: how window scores become the score of an utterance or a clip (see `emotone.inference.pooling`).
        context: number of windows pooled for a segment, the window itself and those before it (see
            `emotone.inference.pooling`); 1 scores each window alone. Utterances and clips pool single windows.

    Raises:
        ConfigError: a number out of range, or an unknown combination.

    """

    seconds: Seconds
    hop: Seconds
    min_seconds: Seconds = 0.0
    speech_only: bool = True
    combine: Combine = "mean-probability"
    context: int = 1

    def __post_init__(self) -> None:
        if not 0 < self.hop <= self.seconds < math.inf:
            raise ConfigError(f"windows need 0 < hop <= seconds; given {self.hop} and {self.seconds}")
        if not 0 <= self.min_seconds <= self.seconds:
            raise ConfigError(f"windows need 0 <= min_seconds <= seconds; given {self.min_seconds} and {self.seconds}")
        if self.combine not in get_args(Combine):
            raise ConfigError(f"windows: {unknown_name('combination', self.combine, get_args(Combine))}")
        if not 1 <= self.context <= MAX_CONTEXT:
            raise ConfigError(f"windows: context must be from 1 to {MAX_CONTEXT} windows; given {self.context}")

    def __str__(self) -> str:
        minimum = f", at least {self.min_seconds:g} s of sound in each" if self.min_seconds else ""
        silent = "" if self.speech_only else ", including those without speech"
        context = f", each pooled with up to {self.context - 1} preceding ones" if self.context > 1 else ""
        return f"{self.seconds:g} s every {self.hop:g} s{minimum}{silent}{context}"

    @property
    def clip_score(self) -> str:
        """How windows become the score of a clip, in words."""
        return f"{COMBINED[self.combine]} its windows{' with speech' if self.speech_only else ''}"

    def frames(self, feature: Feature) -> tuple[int, int]:
        """Return the number of feature rows in a window, and between the starts of two windows.

        Raises:
            ConfigError: the hop exceeds the window, so that rows between two windows would be skipped.

        """
        window, hop = feature.frames(round(self.seconds * feature.rate)), max(1, round(self.hop / feature.hop_seconds))
        if hop > window:
            raise ConfigError(
                f"windows: {self.seconds:g} s are {window} rows of the front end, but windows start every {hop} rows; "
                f"set hop to at most {window * feature.hop_seconds:g}, or pads_end = true if the front end has it"
            )
        return window, hop

    def min_frames(self, feature: Feature) -> int:
        """Return the minimum number of feature rows in a window; 0 without a minimum."""
        return feature.frames(round(self.min_seconds * feature.rate)) if self.min_seconds else 0


def window_starts(frames: int, *, window: int, hop: int, min_frames: int = 0) -> NDArray[np.int64]:
    """Return the first frame of each window.

    Windows start at 0, hop, 2 hop ... while they fit. Frames that remain after the last window get one more complete
    window, aligned to the end. A recording shorter than a window is one window of its own length.

    With `min_frames`, windows start at 0, hop, 2 hop ... wherever at least that many frames remain; the last ones may
    end with the recording before they are complete, and a shorter recording has none. The start of a window then does
    not depend on the end of the recording, so live audio has the same windows as its recording.

    Args:
        frames: of the whole recording, at least 1.
        window: frames of a window.
        hop: frames between windows, at most `window`, so that no frame is skipped.
        min_frames: minimum number of the recording's frames in a window, at most `window`; 0 aligns the last window to
            the end instead.

    Example:
        >>> window_starts(100, window=40, hop=25).tolist()
        [0, 25, 50, 60]
        >>> window_starts(100, window=40, hop=25, min_frames=30).tolist()
        [0, 25, 50]

    Reference: ElShaer, Wisdom, Mishra, Transfer learning from sound representations for anger detection in speech,
    2019 (windows of 1.2 s every 0.6 s with at least 1 s of sound).

    """
    if not (0 < hop <= window and 0 <= min_frames <= window):
        given = f"{hop=}, {window=}, {min_frames=}"
        raise ValueError(f"windows need 0 < hop <= window and min_frames <= window; given {given}")
    if min_frames:
        return np.arange(0, max(0, frames - min_frames + 1), hop, dtype=np.int64)
    if frames <= window:
        return np.zeros(1, np.int64)
    starts = np.arange(0, frames - window + 1, hop, dtype=np.int64)
    if starts[-1] + window < frames:
        starts = np.append(starts, frames - window)
    return starts


def has_speech(active: NDArray[np.bool_], *, whole: int, first: bool) -> bool:
    """Return whether a window has speech: 0.2 s of activity, or in a third of the frames of a recording below 0.6 s.

    Args:
        active: the decisions of `emotone.audio.activity` for the window's frames, as many as the recording has.
        whole: frames of a complete window.
        first: whether the window starts with the recording.

    Example:
        >>> has_speech(np.arange(100) < 20, whole=100, first=False)
        True
        >>> has_speech(np.arange(50) < 17, whole=100, first=True)
        True

    """
    count = int(np.count_nonzero(active))
    if first and len(active) < min(SHORT_RECORDING, whole):
        return 3 * count >= len(active)
    return count >= MIN_SPEECH_FRAMES


def pads_end(feature: Feature) -> bool:
    """Return whether the last rows of a front end include zeros after the signal's end."""
    return bool(getattr(feature, "pads_end", False))
