"""Base protocols that use recording sessions.

Contents:
    leave-one-session-out               a fold per recording session of every corpus
    leave-one-speaker-out-session-dev   a fold per speaker; the other speakers of the same session are the dev part
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emotone.errors import RunError
from emotone.protocols.base import Family, SpeakerSplitter
from emotone.protocols.sampling import grouped, keys, named, session_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emotone.protocols.base import Splitter
    from emotone.protocols.sampling import TestParts
    from emotone.types import Utterance

LEAVE_ONE_SESSION_OUT = "leave-one-session-out"
SESSION_DEV = "leave-one-speaker-out-session-dev"


@dataclass(frozen=True, kw_only=True)
class LeaveOneSessionOut(SpeakerSplitter):
    """A fold per session. A speaker who is in two sessions would be in both parts, so that is an error."""

    @property
    def description(self) -> str:
        """One fold per session."""
        return "one fold per recording session, which is in no train or dev part of that fold"

    def _test_parts(self, utterances: Sequence[Utterance], *, seed: int) -> TestParts:  # noqa: ARG002 - nothing is random
        sessions = _sessions(self, utterances, consequence="have test speakers in the training part")
        return named(list(sessions.values()), [(part[0].corpus, part[0].session) for part in sessions.values()])


@dataclass(frozen=True, kw_only=True)
class LeaveOneSpeakerOutSessionDev(SpeakerSplitter):
    """A fold per speaker, trained on the other sessions; the dev part is the rest of the test speaker's session.

    With two speakers per session, as in IEMOCAP, the dev part is the other speaker. In a session with more speakers it
    is all the others, so that a tested session is never trained on. A session with one speaker has no dev part; if all
    sessions have one speaker, `split` raises `RunError`.
    """

    @property
    def description(self) -> str:
        """One fold per speaker, with a dev part of the same session."""
        return "one fold per speaker, trained on the other sessions; the session's other speaker is the dev part"

    def notes(self, utterances: Sequence[Utterance]) -> tuple[str, ...]:
        """Name the sessions that do not have exactly two speakers."""
        speakers = _speakers_of(utterances)
        alone = [session for session, of in speakers.items() if len(of) == 1]
        crowded = [session for session, of in speakers.items() if len(of) > 2]
        return tuple(
            f"{len(sessions)} {what} (first: {sessions[0]})"
            for sessions, what in (
                (alone, "sessions have one speaker: their folds have no dev part"),
                (crowded, "sessions have more than two speakers: all except the test speaker are the dev part"),
            )
            if sessions
        )

    def _test_parts(self, utterances: Sequence[Utterance], *, seed: int) -> TestParts:  # noqa: ARG002 - nothing is random
        _sessions(self, utterances, consequence="have dev speakers in the training part")
        if all(len(of) == 1 for of in _speakers_of(utterances).values()):
            raise RunError(
                f"{self.name} needs sessions with several speakers, but every session has one; "
                "choose leave-one-speaker-out"
            )
        speakers = grouped(utterances, lambda utterance: utterance.speaker_key)
        return named(list(speakers.values()), [(part[0].corpus, part[0].speaker) for part in speakers.values()])

    def _dev_part(
        self,
        rest: Sequence[Utterance],
        *,
        everything: Sequence[Utterance],
        index: int,  # noqa: ARG002 - nothing is random
        seed: int,  # noqa: ARG002 - nothing is random
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


def _sessions(splitter: Splitter, utterances: Sequence[Utterance], *, consequence: str) -> dict[str, list[Utterance]]:
    """Return the utterances by session: at least two sessions, and exactly one for every utterance and speaker."""
    unnamed = next((utterance for utterance in utterances if not utterance.session), None)
    if unnamed is not None:
        raise RunError(f"{unnamed.key} has no session, and {splitter.name} needs one; choose leave-one-speaker-out")
    for speaker, clips in grouped(utterances, lambda utterance: utterance.speaker_key).items():
        sessions = sorted({utterance.session for utterance in clips})
        if len(sessions) > 1:
            raise RunError(
                f"speaker {speaker} is in the sessions {', '.join(map(repr, sessions))}, so {splitter.name} would "
                f"{consequence}; choose leave-one-speaker-out"
            )
    found = grouped(utterances, session_key)
    if len(found) < 2:
        raise RunError(f"{splitter.name} needs at least 2 sessions; there is 1: {next(iter(found))}")
    return found


def make(name: str) -> Splitter:
    """Return the splitter of this file called `name`."""
    return LeaveOneSessionOut(name=name) if name == LEAVE_ONE_SESSION_OUT else LeaveOneSpeakerOutSessionDev(name=name)


FAMILY = Family(
    lines={
        LEAVE_ONE_SESSION_OUT: "a fold per recording session",
        SESSION_DEV: "a fold per speaker, trained on the other sessions; the session's other speaker is the dev part",
    },
    pattern=re.compile(f"{LEAVE_ONE_SESSION_OUT}|{SESSION_DEV}"),
    make=make,
)
