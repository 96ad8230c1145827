"""The protocols that need nothing but a table of utterances, and `protocol`, which finds one by name.

What is here:
    leave-one-speaker-out   a fold per speaker of every corpus
    speaker-folds-K         each corpus's speakers dealt into K folds of about equal numbers of clips
    leave-one-session-out   a fold per recording session of every corpus
    random-K                clips dealt into K folds, stratified by corpus and label: NOT speaker-independent
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emotone.errors import RunError, UsageError, unknown_name
from emotone.protocols.base import DEV_SHARE, Protocol, dev_speakers, grouped, keys, shuffled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emotone.protocols.base import Parts
    from emotone.types import Utterance

NAMES = ("leave-one-session-out", "leave-one-speaker-out", "random-K", "speaker-folds-K")
"""Every name that `protocol` takes; K stands for a number of folds."""

VERSION = 1
_NUMBERED = re.compile(r"(?P<kind>random|speaker-folds)-(?P<folds>-?\d+)")


@dataclass(frozen=True)
class _SpeakerIndependent(Protocol):
    """What the speaker-independent protocols share: dev parts are whole speakers too."""

    @property
    def speaker_independent(self) -> bool:
        return True

    def _dev_part(
        self, rest: Sequence[Utterance], *, everything: Sequence[Utterance], index: int, seed: int
    ) -> set[str]:
        chosen = dev_speakers(rest, everything=everything, index=index, seed=seed)
        return keys(utterance for utterance in rest if utterance.speaker_key in chosen)


@dataclass(frozen=True)
class LeaveOneSpeakerOut(_SpeakerIndependent):
    """A fold per speaker; with several corpora the others' speakers are all in training."""

    def _test_parts(self, utterances: Sequence[Utterance], *, seed: int) -> Parts:  # noqa: ARG002 - nothing is drawn
        speakers = grouped(utterances, lambda utterance: utterance.speaker_key)
        if len(speakers) < 2:
            raise RunError(f"{self.name} needs at least 2 speakers; {_census(utterances)}")
        return _named(list(speakers.values()), [(part[0].corpus, part[0].speaker) for part in speakers.values()])


@dataclass(frozen=True)
class LeaveOneSessionOut(_SpeakerIndependent):
    """A fold per session. A speaker who is in two sessions would be on both sides: that is an error here."""

    def _test_parts(self, utterances: Sequence[Utterance], *, seed: int) -> Parts:  # noqa: ARG002 - nothing is drawn
        nameless = next((utterance for utterance in utterances if not utterance.session), None)
        if nameless is not None:
            raise RunError(f"{nameless.key} has no session, and {self.name} needs one; choose leave-one-speaker-out")
        for speaker, of in grouped(utterances, lambda utterance: utterance.speaker_key).items():
            sessions = sorted({utterance.session for utterance in of})
            if len(sessions) > 1:
                raise RunError(
                    f"speaker {speaker} is in the sessions {', '.join(map(repr, sessions))}, so {self.name} would test "
                    "on speakers it trained on; choose leave-one-speaker-out"
                )
        sessions_of = grouped(utterances, lambda utterance: f"{utterance.corpus}/{utterance.session}")
        if len(sessions_of) < 2:
            raise RunError(f"{self.name} needs at least 2 sessions; there is 1: {next(iter(sessions_of))}")
        return _named(list(sessions_of.values()), [(part[0].corpus, part[0].session) for part in sessions_of.values()])


@dataclass(frozen=True)
class SpeakerFolds(_SpeakerIndependent):
    """Each corpus's speakers dealt into K folds.

    The speakers with most clips are dealt first, each to the fold that has fewest clips of their corpus so far; so
    every fold gets a speaker before any gets two, and a corpus with fewer speakers than folds is absent from some
    test parts.
    """

    def _test_parts(self, utterances: Sequence[Utterance], *, seed: int) -> Parts:
        count = self.parameters[0][1]
        parts: list[list[Utterance]] = [[] for _ in range(count)]
        for of_corpus in grouped(utterances, lambda utterance: utterance.corpus).values():
            speakers = grouped(of_corpus, lambda utterance: utterance.speaker_key)
            order = shuffled(speakers, seed=seed, purpose="deal")
            order.sort(key=lambda speaker: -len(speakers[speaker]))  # stable: equals stay shuffled
            load = [0] * count
            for speaker in order:
                # Equal loads (all folds at the start) go to the fold that earlier corpora have filled least.
                lightest = min(range(count), key=lambda fold: (load[fold], len(parts[fold]), fold))
                load[lightest] += len(speakers[speaker])
                parts[lightest].extend(speakers[speaker])
        if not all(parts):
            raise RunError(f"{self.name} needs at least {count} speakers; {_census(utterances)}")
        return _numbered(parts)


@dataclass(frozen=True)
class RandomFolds(Protocol):
    """Clips dealt into K folds, stratified by corpus and label.

    The same speakers are on both sides, so scores flatter the system.
    """

    @property
    def speaker_independent(self) -> bool:
        """Never: the same speakers are in training and test parts."""
        return False

    @property
    def twin(self) -> str | None:
        """The same number of folds with speakers kept apart."""
        return f"speaker-folds-{self.parameters[0][1]}"

    def _test_parts(self, utterances: Sequence[Utterance], *, seed: int) -> Parts:
        count = self.parameters[0][1]
        if len(utterances) < count:
            raise RunError(f"{self.name} needs at least {count} utterances; there are {len(utterances)}")
        parts: list[list[Utterance]] = [[] for _ in range(count)]
        for position, utterance in enumerate(_stratified(utterances, seed=seed, purpose="deal")):
            parts[position % count].append(utterance)
        return _numbered(parts)

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
        return keys(_stratified(rest, seed=seed, purpose="dev")[start::step])


def protocol(name: str) -> Protocol:
    """Return the protocol called `name` (one of `NAMES`, with a number of folds for K).

    Raises:
        UnknownNameError: no such protocol; the message has the nearest one.
        UsageError: fewer than 2 folds.

    Example:
        >>> protocol("random-5").twin
        'speaker-folds-5'

    """
    if name == "leave-one-speaker-out":
        return LeaveOneSpeakerOut(name, VERSION, kind=name)
    if name == "leave-one-session-out":
        return LeaveOneSessionOut(name, VERSION, kind=name)
    match = _NUMBERED.fullmatch(name)
    if match is None:
        raise unknown_name("protocol", name, NAMES)
    kind, folds = match["kind"], int(match["folds"])
    if folds < 2:
        raise UsageError(f"protocol '{name}' asks for {folds} folds; give 2 or more, e.g. {kind}-5")
    cls = RandomFolds if kind == "random" else SpeakerFolds
    return cls(f"{kind}-{folds}", VERSION, kind=kind, parameters=(("folds", folds),))


def _stratified(utterances: Sequence[Utterance], *, seed: int, purpose: str) -> list[Utterance]:
    """Return the utterances stratum after stratum, shuffled within: every K-th of them is a stratified sample."""
    by_key = {utterance.key: utterance for utterance in utterances}
    strata = grouped(utterances, lambda utterance: f"{utterance.corpus}/{utterance.label}")
    return [by_key[key] for stratum in strata.values() for key in shuffled(keys(stratum), seed=seed, purpose=purpose)]


def _numbered(parts: Sequence[list[Utterance]]) -> Parts:
    width = len(str(len(parts)))
    return {f"fold-{number:0{width}d}": part for number, part in enumerate(parts, start=1)}


def _named(parts: Sequence[list[Utterance]], origins: Sequence[tuple[str, str]]) -> Parts:
    """Name folds corpus.speaker or corpus.session, fit for file names and unique."""
    named: Parts = {}
    for part, (corpus, group) in zip(parts, origins, strict=True):
        name = plain = re.sub(r"[^\w.-]", "_", f"{corpus}.{group}")
        number = 2
        while name in named:
            name, number = f"{plain}-{number}", number + 1
        named[name] = part
    return named


def _census(utterances: Sequence[Utterance]) -> str:
    counts = {
        corpus: len({utterance.speaker for utterance in of})
        for corpus, of in grouped(utterances, lambda utterance: utterance.corpus).items()
    }
    return "; ".join(f"{corpus} has {count}" for corpus, count in counts.items())
