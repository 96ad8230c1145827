"""Events of a session: where speech begins and ends, and the result of each window and each utterance.

Interim results, while an utterance lasts and when speech pauses, are optional.

Times are in seconds from the first sample of the session, rounded to the millisecond. `to_dict` returns the JSON
object, whose `type` names the kind of event. Every event states the channel that it is about, counted from 0, or "mix"
for the mean of all; and whether the model was adapted to unlabelled audio: before the session, or during it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

from emotone.inference.segments import Segment

if TYPE_CHECKING:
    from emotone.inference.result import Channel
    from emotone.inference.segments import Clip, UtteranceSegment
    from emotone.types import Seconds


@dataclass(frozen=True, slots=True)
class Measurement(Segment):
    """The result of one window: the segment that the prediction of the whole recording has at this place.

    Attributes:
        channel: counted from 0, or "mix".
        adapted: whether the model is adapted, or adapts itself during the session.

    """

    type: ClassVar[Literal["measurement"]] = "measurement"

    channel: Channel = "mix"
    adapted: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object."""
        found = {"type": self.type, **Segment.to_dict(self)}
        return found | {name: found.pop(name) for name in ("channel", "adapted")}  # after the fields of a segment


@dataclass(frozen=True, slots=True)
class UtteranceStart:
    """Speech begins.

    Attributes:
        time: seconds. The event is emitted later than this by the look-ahead of the activity detector.
        channel: counted from 0, or "mix".
        adapted: whether the model is adapted, or adapts itself during the session.

    """

    type: ClassVar[Literal["utterance.start"]] = "utterance.start"

    time: Seconds
    channel: Channel = "mix"
    adapted: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object."""
        return {"type": self.type, "time": self.time, "channel": self.channel, "adapted": self.adapted}


@dataclass(frozen=True, slots=True)
class UtteranceInterim:
    """The result so far of the utterance that began at `start`; later results replace it.

    Attributes:
        time: seconds. While somebody speaks, a whole number of them after the start, and the utterance continues at
            least until then; in a pause, the end of the speech so far.
        start: seconds, the `time` of its start.
        clip: while somebody speaks, the combination of all complete windows so far, which is not divided where the
            emotion changes; before the first window is complete, the result of what there is of it. In a pause, the
            clip that `UtteranceEnd` will have if the utterance ends with this pause.
        paused: whether speech has paused for 0.2 s.
        channel: counted from 0, or "mix".
        adapted: whether the model is adapted, or adapts itself during the session.

    """

    type: ClassVar[Literal["utterance.interim"]] = "utterance.interim"

    time: Seconds
    start: Seconds
    clip: Clip
    paused: bool = False
    channel: Channel = "mix"
    adapted: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object."""
        return {
            "type": self.type,
            "time": self.time,
            "start": self.start,
            "clip": self.clip.to_dict(),
            "paused": self.paused,
            "channel": self.channel,
            "adapted": self.adapted,
        }


@dataclass(frozen=True, slots=True)
class UtteranceEnd:
    """The utterance that began at `start` has ended.

    Attributes:
        time: seconds, end of the last speech. The event is emitted when the following pause has lasted 0.5 s.
        start: seconds, the `time` of its start.
        clip: the result of the whole utterance.
        parts: the utterance with one emotion each: itself, or its sections where the emotion changes within it.
        channel: counted from 0, or "mix".
        adapted: whether the model is adapted, or adapts itself during the session.

    """

    type: ClassVar[Literal["utterance.end"]] = "utterance.end"

    time: Seconds
    start: Seconds
    clip: Clip
    parts: tuple[UtteranceSegment, ...]
    channel: Channel = "mix"
    adapted: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object."""
        return {
            "type": self.type,
            "time": self.time,
            "start": self.start,
            "clip": self.clip.to_dict(),
            "parts": [part.to_dict() for part in self.parts],
            "channel": self.channel,
            "adapted": self.adapted,
        }


Event: TypeAlias = Measurement | UtteranceStart | UtteranceInterim | UtteranceEnd
