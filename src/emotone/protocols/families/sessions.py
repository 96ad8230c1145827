"""The protocols that go by recording sessions.

What is here:
    leave-one-session-out               a fold per recording session of every corpus
    leave-one-speaker-out-session-dev   a fold per speaker; whoever shares the tested speaker's session is the dev part
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emotone.errors import RunError
from emotone.protocols.base import CoveringSpeakers, Family
from emotone.protocols.sampling import grouped, keys, named, session_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emotone.protocols.base import Protocol
    from emotone.protocols.sampling import TestParts
    from emotone.types import Utterance

VERSION = 1


@dataclass(frozen=True)
class LeaveOneSessionOut(CoveringSpeakers):
    """A fold per session. A speaker who is in two sessions would be on both sides: that is an error here."""

    @property
    def description(self) -> str:
        """What is dealt."""
        return "one fold per recording session, of which nothing was trained or chosen on"

    def _test_parts(self, utterances: Sequence[Utterance], *, seed: int) -> TestParts:  # noqa: ARG002 - nothing is drawn
        sessions = _sessions(self, utterances, needed="test on speakers it trained on")
        return named(list(sessions.values()), [(part[0].corpus, part[0].session) for part in sessions.values()])


@dataclass(frozen=True)
class SessionDev(CoveringSpeakers):
    """A fold per speaker, trained on the other sessions; the others of the tested speaker's session are the dev part.

    With two speakers a session, as in IEMOCAP, the dev part is the other one. Of a session with more, all the others
    are, so that a tested session is never trained on; a session with one speaker has no dev part, and where all
    sessions are like that, the protocol is refused.
    """

    @property
    def description(self) -> str:
        """What is dealt."""
        return "one fold per speaker, trained on the other sessions; the session's other speaker is the dev part"

    def notes(self, utterances: Sequence[Utterance]) -> tuple[str, ...]:
        """Say which sessions are no pairs."""
        speakers = _speakers_of(utterances)
        alone = [session for session, of in speakers.items() if len(of) == 1]
        crowded = [session for session, of in speakers.items() if len(of) > 2]
        return tuple(
            f"{len(sessions)} {what} (first: {sessions[0]})"
            for sessions, what in (
                (alone, "sessions have one speaker: their folds have no dev part"),
                (crowded, "sessions have more than two speakers: all but the tested one are the dev part"),
            )
            if sessions
        )

    def _test_parts(self, utterances: Sequence[Utterance], *, seed: int) -> TestParts:  # noqa: ARG002 - nothing is drawn
        _sessions(self, utterances, needed="have dev speakers that it trained on")
        if all(len(of) == 1 for of in _speakers_of(utterances).values()):
            raise RunError(
                f"{self.name} needs sessions that speakers share, and every session here has one; "
                "choose leave-one-speaker-out"
            )
        speakers = grouped(utterances, lambda utterance: utterance.speaker_key)
        return named(list(speakers.values()), [(part[0].corpus, part[0].speaker) for part in speakers.values()])

    def _dev_part(
        self,
        rest: Sequence[Utterance],
        *,
        everything: Sequence[Utterance],
        index: int,  # noqa: ARG002 - nothing is drawn
        seed: int,  # noqa: ARG002 - nothing is drawn
    ) -> set[str]:
        left = keys(rest)
        tested = {session_key(utterance) for utterance in everything if utterance.key not in left}
        return keys(utterance for utterance in rest if session_key(utterance) in tested)


def _speakers_of(utterances: Sequence[Utterance]) -> dict[str, set[str]]:
    """Return the speakers of every session, by session in sorted order."""
    speakers: dict[str, set[str]] = defaultdict(set)
    for utterance in utterances:
        speakers[session_key(utterance)].add(utterance.speaker_key)
    return dict(sorted(speakers.items()))


def _sessions(division: Protocol, utterances: Sequence[Utterance], *, needed: str) -> dict[str, list[Utterance]]:
    """Return the utterances by session: at least two, every utterance in one, every speaker in one."""
    nameless = next((utterance for utterance in utterances if not utterance.session), None)
    if nameless is not None:
        raise RunError(f"{nameless.key} has no session, and {division.name} needs one; choose leave-one-speaker-out")
    for speaker, of in grouped(utterances, lambda utterance: utterance.speaker_key).items():
        sessions = sorted({utterance.session for utterance in of})
        if len(sessions) > 1:
            raise RunError(
                f"speaker {speaker} is in the sessions {', '.join(map(repr, sessions))}, so {division.name} would "
                f"{needed}; choose leave-one-speaker-out"
            )
    found = grouped(utterances, session_key)
    if len(found) < 2:
        raise RunError(f"{division.name} needs at least 2 sessions; there is 1: {next(iter(found))}")
    return found


def find(name: str) -> Protocol | None:
    """Return the protocol of this file called `name`."""
    if name == "leave-one-session-out":
        return LeaveOneSessionOut(name, VERSION, kind=name)
    if name == "leave-one-speaker-out-session-dev":
        return SessionDev(name, VERSION, kind=name)
    return None


FAMILY = Family(
    lines={
        "leave-one-session-out": "a fold per recording session",
        "leave-one-speaker-out-session-dev": (
            "a fold per speaker, trained on the other sessions; the session's other speaker is the dev part"
        ),
    },
    find=find,
)
