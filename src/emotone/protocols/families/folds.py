"""Base protocols with several folds: by speakers or labels, and by recording sessions.

Base protocols that use only speakers or labels.

Contents:
    leave-one-speaker-out   a fold per speaker of every corpus
    speaker-folds-K         each corpus's speakers divided into K folds with about equal numbers of clips
    random-K                clips divided into K folds, stratified by corpus and label: NOT speaker-independent

Base protocols that use recording sessions.

Contents:
    leave-one-session-out               a fold per recording session of every corpus
    leave-one-speaker-out-session-dev   a fold per speaker; the other speakers of the same session are the dev part
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emotone.errors import RunError, UsageError
from emotone.protocols.base import (
    DEV_SHARE,
    CoveringSplitter,
    Family,
    SpeakerSplitter,
    census,
    grouped,
    keys,
    named,
    numbered,
    session_key,
    shuffled,
    stratified,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emotone.protocols.base import Splitter, TestParts
    from emotone.types import Utterance

LEAVE_ONE_SPEAKER_OUT = "leave-one-speaker-out"
_NUMBERED = re.compile(r"(?P<kind>random|speaker-folds)-(?P<folds>-?\d+)")


@dataclass(frozen=True, kw_only=True)
class LeaveOneSpeakerOut(SpeakerSplitter):
    """A fold per speaker; with several corpora, all speakers of the other corpora are in the training part."""

    @property
    def description(self) -> str:
        """One fold per speaker."""
        return "one fold per speaker, who is in no train or dev part of that fold"

    def _test_parts(self, utterances: Sequence[Utterance], *, seed: int) -> TestParts:  # noqa: ARG002 - nothing is random
        speakers = grouped(utterances, lambda utterance: utterance.speaker_key)
        if len(speakers) < 2:
            raise RunError(f"{self.name} needs at least 2 speakers; {census(utterances)}")
        return named(list(speakers.values()), [(part[0].corpus, part[0].speaker) for part in speakers.values()])


@dataclass(frozen=True, kw_only=True)
class SpeakerFolds(SpeakerSplitter):
    """Each corpus's speakers divided into K folds.

    Speakers are assigned in descending order of their numbers of clips, each to the fold that has the fewest clips of
    the corpus so far. So every fold gets one speaker before any gets two, and a corpus with fewer speakers than folds
    is absent from some test parts.

    Attributes:
        folds: K, at least 2.

    """

    folds: int

    @property
    def description(self) -> str:
        """Speakers in K folds."""
        return f"speakers divided into {self.folds} folds with about equal numbers of clips"

    def _test_parts(self, utterances: Sequence[Utterance], *, seed: int) -> TestParts:
        parts: list[list[Utterance]] = [[] for _ in range(self.folds)]
        for of_corpus in grouped(utterances, lambda utterance: utterance.corpus).values():
            speakers = grouped(of_corpus, lambda utterance: utterance.speaker_key)
            order = shuffled(speakers, seed=seed, purpose="deal")
            order.sort(key=lambda speaker: -len(speakers[speaker]))  # stable: equals stay shuffled
            load = [0] * self.folds
            for speaker in order:
                # Ties, as at first, go to the fold with the fewest clips of earlier corpora.
                lightest = min(range(self.folds), key=lambda fold: (load[fold], len(parts[fold]), fold))
                load[lightest] += len(speakers[speaker])
                parts[lightest].extend(speakers[speaker])
        if not all(parts):
            raise RunError(f"{self.name} needs at least {self.folds} speakers; {census(utterances)}")
        return numbered(parts)


@dataclass(frozen=True, kw_only=True)
class RandomFolds(CoveringSplitter):
    """Clips divided into K folds, stratified by corpus and label.

    The same speakers are in training and test parts, so scores are optimistic.

    Attributes:
        folds: K, at least 2.

    """

    folds: int

    @property
    def speaker_independent(self) -> bool:
        """Never: the same speakers are in training and test parts."""
        return False

    @property
    def description(self) -> str:
        """Clips in K folds."""
        return f"clips divided into {self.folds} folds; test speakers are also in the training part"

    @property
    def twin(self) -> str | None:
        """The same number of speaker-independent folds."""
        return f"speaker-folds-{self.folds}"

    def _test_parts(self, utterances: Sequence[Utterance], *, seed: int) -> TestParts:
        if len(utterances) < self.folds:
            raise RunError(f"{self.name} needs at least {self.folds} utterances; there are {len(utterances)}")
        parts: list[list[Utterance]] = [[] for _ in range(self.folds)]
        for position, utterance in enumerate(stratified(utterances, seed=seed, purpose="deal")):
            parts[position % self.folds].append(utterance)
        return numbered(parts)

    def _dev_part(
        self,
        rest: Sequence[Utterance],
        *,
        everything: Sequence[Utterance],  # noqa: ARG002 - it matters for speakers only
        index: int,
        seed: int,
    ) -> set[str]:
        if len(rest) < 2:
            return set()
        step = round(1 / DEV_SHARE)
        start = index % min(step, len(rest))
        return keys(stratified(rest, seed=seed, purpose="dev")[start::step])


def _make_folds(name: str) -> Splitter:
    """Return the splitter of this file called `name`; raise `UsageError` for fewer than 2 folds."""
    match = _NUMBERED.fullmatch(name)
    if match is None:
        return LeaveOneSpeakerOut(name=name)
    kind, folds = match["kind"], int(match["folds"])
    if folds < 2:
        raise UsageError(f"protocol '{name}' asks for {folds} folds; give 2 or more, e.g. {kind}-5")
    cls = RandomFolds if kind == "random" else SpeakerFolds
    return cls(name=f"{kind}-{folds}", folds=folds)


FOLDS = Family(
    lines={
        LEAVE_ONE_SPEAKER_OUT: "a fold per speaker, who is in no train or dev part of that fold",
        "speaker-folds-K": "each corpus's speakers divided into K folds",
        "random-K": "clips divided into K folds: not speaker-independent, so speaker-folds-K is run as well",
    },
    pattern=re.compile(rf"{LEAVE_ONE_SPEAKER_OUT}|{_NUMBERED.pattern}"),
    make=_make_folds,
)


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


def _make_sessions(name: str) -> Splitter:
    """Return the splitter of this file called `name`."""
    return LeaveOneSessionOut(name=name) if name == LEAVE_ONE_SESSION_OUT else LeaveOneSpeakerOutSessionDev(name=name)


SESSIONS = Family(
    lines={
        LEAVE_ONE_SESSION_OUT: "a fold per recording session",
        SESSION_DEV: "a fold per speaker, trained on the other sessions; the session's other speaker is the dev part",
    },
    pattern=re.compile(f"{LEAVE_ONE_SESSION_OUT}|{SESSION_DEV}"),
    make=_make_sessions,
)
