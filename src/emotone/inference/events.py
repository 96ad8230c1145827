"""What a live session tells: what was heard in a window, and where speech begins and ends.

Conventions: times in seconds from the session's first sample, to the millisecond; `to_dict` gives the JSON object,
whose `type` names the kind of event.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

from emotone.inference.result import Segment

if TYPE_CHECKING:
    from emotone.inference.result import Clip, Spoken
    from emotone.types import Seconds


@dataclass(frozen=True, slots=True)
class Measurement(Segment):
    """What was heard in one window: the segment that a prediction of the whole recording has there."""

    type: ClassVar[Literal["measurement"]] = "measurement"

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object."""
        return {"type": self.type, **Segment.to_dict(self)}


@dataclass(frozen=True, slots=True)
class UtteranceStart:
    """Somebody begins to speak.

    Attributes:
        time: seconds; known later than that, as far as the detector of speech looks ahead.

    """

    type: ClassVar[Literal["utterance.start"]] = "utterance.start"

    time: Seconds

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object."""
        return {"type": self.type, "time": self.time}


@dataclass(frozen=True, slots=True)
class UtteranceEnd:
    """The speech that began at `start` is over.

    Attributes:
        time: seconds, where the silence begins that ended it; known once the silence has been long enough.
        start: seconds, the `time` of its start.
        clip: what the utterance as a whole sounds like.
        parts: the utterance with one emotion each: itself, or its parts where the emotion changes in it.

    """

    type: ClassVar[Literal["utterance.end"]] = "utterance.end"

    time: Seconds
    start: Seconds
    clip: Clip
    parts: tuple[Spoken, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object."""
        return {
            "type": self.type,
            "time": self.time,
            "start": self.start,
            "clip": self.clip.to_dict(),
            "parts": [part.to_dict() for part in self.parts],
        }


Event: TypeAlias = Measurement | UtteranceStart | UtteranceEnd
