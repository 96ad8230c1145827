"""What a base protocol is: a named, versioned way to divide any table of utterances into folds.

Conventions:
    * A base uses the utterances' keys, corpora, speakers, sessions and labels only, never their order: the same
      utterances give the same folds however the table is sorted.
    * Random choices come from hashes of (seed, purpose, item), not from a random generator: folds are the same on
      every machine and version of Python and NumPy, and an added utterance does not reshuffle the others.
    * `version` changes whenever the same utterances and seed would give other folds.

To add base protocols, add one file to `emotone.protocols.families` that defines `FAMILY`; it is found by its name.
"""

from __future__ import annotations

import hashlib
import re
from abc import ABC, abstractmethod
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emotone.errors import RunError, unknown_name
from emotone.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from emotone.types import Utterance

TestParts = dict[str, list["Utterance"]]
"""The test part of every fold, by the fold's name, in order."""


def keys(utterances: Iterable[Utterance]) -> set[str]:
    """Return the keys of utterances."""
    return {utterance.key for utterance in utterances}


def grouped(utterances: Iterable[Utterance], by: Callable[[Utterance], str]) -> dict[str, list[Utterance]]:
    """Return the utterances by group, groups sorted by name, each in the given order."""
    groups: dict[str, list[Utterance]] = defaultdict(list)
    for utterance in utterances:
        groups[by(utterance)].append(utterance)
    return dict(sorted(groups.items()))


def session_key(utterance: Utterance) -> str:
    """Return the session, unique over corpora: `corpus/session`."""
    return f"{utterance.corpus}/{utterance.session}"


def shuffled(items: Iterable[str], *, seed: int, purpose: str) -> list[str]:
    """Return distinct `items` in a random order that depends on (seed, purpose) only, not on the given order.

    Example:
        >>> shuffled("abcd", seed=0, purpose="example") == shuffled("dcba", seed=0, purpose="example")
        True

    """

    def digest(item: str) -> bytes:
        return hashlib.sha256(f"{seed}\0{purpose}\0{item}".encode()).digest()

    return sorted(items, key=digest)


def stratified(utterances: Sequence[Utterance], *, seed: int, purpose: str) -> list[Utterance]:
    """Return the utterances stratum after stratum, shuffled within: every K-th of them is a stratified sample."""
    by_key = {utterance.key: utterance for utterance in utterances}
    strata = grouped(utterances, lambda utterance: f"{utterance.corpus}/{utterance.label}")
    return [by_key[key] for stratum in strata.values() for key in shuffled(keys(stratum), seed=seed, purpose=purpose)]


def numbered(parts: Sequence[list[Utterance]]) -> TestParts:
    """Name folds fold-1, fold-2 ..., with as many digits as sorting needs."""
    width = len(str(len(parts)))
    return {f"fold-{number:0{width}d}": part for number, part in enumerate(parts, start=1)}


def named(parts: Sequence[list[Utterance]], origins: Sequence[tuple[str, str]]) -> TestParts:
    """Name folds corpus.speaker or corpus.session, fit for file names and unique."""
    found: TestParts = {}
    for part, (corpus, group) in zip(parts, origins, strict=True):
        name = plain = re.sub(r"[^\w.-]", "_", f"{corpus}.{group}")
        number = 2
        while name in found:
            name, number = f"{plain}-{number}", number + 1
        found[name] = part
    return found


def census(utterances: Sequence[Utterance]) -> str:
    """Return how many speakers each corpus has, for messages."""
    counts = {
        corpus: len({utterance.speaker for utterance in of})
        for corpus, of in grouped(utterances, lambda utterance: utterance.corpus).items()
    }
    return "; ".join(f"{corpus} has {count}" for corpus, count in counts.items())


DEV_SHARE = 0.1  # of the utterances or speakers that are not tested; selects the epoch and fits the temperature
DEV_MIN_SPEAKERS = 4  # a corpus with fewer speakers gives no dev speakers


@dataclass(frozen=True, slots=True)
class FoldUtterances:
    """One fold as utterances. An utterance in none of the parts is left out of this fold."""

    name: str
    train: Sequence[Utterance]
    dev: Sequence[Utterance]
    test: Sequence[Utterance]


@dataclass(frozen=True, kw_only=True)
class Splitter(ABC):
    """Divides utterances into folds, as one base protocol defines.

    Attributes:
        name: of the base, e.g. "speaker-folds-5"; of a base that is read from files, a short name without their path.
        version: changes whenever the folds change.
        content: hash of the lists of a base that is read from files, "" otherwise.

    """

    name: str
    version: int = 1
    content: str = ""

    @property
    @abstractmethod
    def speaker_independent(self) -> bool:
        """Whether no speaker of a test part is ever in the same fold's train or dev part."""

    @property
    @abstractmethod
    def description(self) -> str:
        """How utterances are divided, in one clause for reports, without a full stop."""

    @property
    def covering(self) -> bool:
        """Whether every utterance is in exactly one test part; otherwise the score is of some utterances only."""
        return True

    @property
    def twin(self) -> str | None:
        """Name of the speaker-independent base to report next to this one, None where this one is."""
        return None

    def notes(self, utterances: Sequence[Utterance]) -> tuple[str, ...]:  # noqa: ARG002 - for those that have some
        """Return what users need to know about this division of these utterances, one sentence each."""
        return ()

    def check(self, utterances: Sequence[Utterance]) -> None:  # noqa: B027 - most divide any utterances
        """Raise `RunError` for utterances of a corpus that this base does not divide."""

    @abstractmethod
    def split(self, utterances: Sequence[Utterance], *, seed: int) -> Iterator[FoldUtterances]:
        """Yield the folds of utterances that are sorted by key, or raise `RunError`."""


@dataclass(frozen=True, kw_only=True)
class CoveringSplitter(Splitter):
    """Tests every utterance once, and trains on every utterance that is neither in the test nor in the dev part."""

    def split(self, utterances: Sequence[Utterance], *, seed: int) -> Iterator[FoldUtterances]:
        """Yield one fold for each test part."""
        for index, (name, test) in enumerate(self._test_parts(utterances, seed=seed).items()):
            tested = keys(test)
            rest = [utterance for utterance in utterances if utterance.key not in tested]
            chosen = self._dev_part(rest, everything=utterances, index=index, seed=seed)
            dev = [utterance for utterance in rest if utterance.key in chosen]
            yield FoldUtterances(name, [utterance for utterance in rest if utterance.key not in chosen], dev, test)

    @abstractmethod
    def _test_parts(self, utterances: Sequence[Utterance], *, seed: int) -> TestParts:
        """Return the test parts by the names of their folds, or raise `RunError`."""

    @abstractmethod
    def _dev_part(
        self, rest: Sequence[Utterance], *, everything: Sequence[Utterance], index: int, seed: int
    ) -> set[str]:
        """Return the keys of fold `index`'s dev part, chosen from `rest`, the utterances outside its test part."""


@dataclass(frozen=True, kw_only=True)
class SpeakerSplitter(CoveringSplitter):
    """A covering, speaker-independent division, whose dev parts are whole speakers too."""

    @property
    def speaker_independent(self) -> bool:
        """Always: all clips of a speaker are in one part."""
        return True

    def _dev_part(
        self, rest: Sequence[Utterance], *, everything: Sequence[Utterance], index: int, seed: int
    ) -> set[str]:
        chosen = dev_speakers(rest, everything=everything, index=index, seed=seed)
        return keys(utterance for utterance in rest if utterance.speaker_key in chosen)


@dataclass(frozen=True, kw_only=True)
class StoredSplitter(Splitter):
    """A base that was read from files, known only by its name in a predictions table; it can't divide utterances.

    Attributes:
        independent: whether it is speaker-independent, according to the name.
        form: how users name the files, e.g. "fixed:FILE.toml".

    """

    independent: bool
    form: str

    @property
    def speaker_independent(self) -> bool:
        """According to the name."""
        return self.independent

    @property
    def description(self) -> str:
        """That the lists are not available."""
        return f"lists that were read with {self.form}"

    @property
    def covering(self) -> bool:
        """Not known without the lists, and not claimed."""
        return False

    def split(self, utterances: Sequence[Utterance], *, seed: int) -> Iterator[FoldUtterances]:  # noqa: ARG002
        """Raise `RunError`."""
        raise RunError(f"{self.name} is a hash of lists and does not contain them; give {self.form}")


@dataclass(frozen=True)
class Family:
    """The base protocols of one file.

    Attributes:
        lines: every form of their names, each with one line for `--help`.
        pattern: matches exactly the names that belong to this family.
        make: name -> splitter; raises `UsageError` for numbers or files that can't be used.

    """

    lines: Mapping[str, str]
    pattern: re.Pattern[str]
    make: Callable[[str], Splitter]


FAMILIES: Registry[Family] = Registry("family of protocols", "emotone.protocols.families", "FAMILY")


def is_base(name: str) -> bool:
    """Return whether a family has a base protocol of that name."""
    return any(family.pattern.fullmatch(name) for family in FAMILIES.all().values())


def splitter_of(name: str) -> Splitter:
    """Return the splitter of a base protocol.

    Raises:
        UnknownNameError: no family has that base.
        UsageError: numbers that leave nothing to do, or no such folder.
        ConfigError: a file of lists that can't be read.

    """
    for family in FAMILIES.all().values():
        if family.pattern.fullmatch(name):
            return family.make(name)
    raise unknown_name("protocol", name, base_forms())


def base_forms() -> dict[str, str]:
    """Return every form of a base's name with one line about it, sorted by form."""
    return dict(sorted((form, line) for family in FAMILIES.all().values() for form, line in family.lines.items()))


def check_corpus(name: str, utterances: Sequence[Utterance], *, corpus: str) -> None:
    """Raise `RunError` where utterances belong to other corpora than the one that the base `name` divides."""
    given = sorted({utterance.corpus for utterance in utterances})
    if given != [corpus]:
        raise RunError(
            f"{name} divides the corpus {corpus} and no other; given: {', '.join(given)}. "
            "Choose one that divides any corpus, such as speaker-folds-5"
        )


def dev_speakers(rest: Sequence[Utterance], *, everything: Sequence[Utterance], index: int, seed: int) -> set[str]:
    """Return the speaker keys of fold `index`'s dev part: about a tenth of each corpus's remaining speakers.

    A corpus with fewer than four speakers, or with one left, gives none. The choice rotates with the fold, so that over
    the folds every speaker is about equally often a dev speaker.
    """
    left = {utterance.speaker_key for utterance in rest}
    chosen: set[str] = set()
    for of_corpus in grouped(everything, lambda utterance: utterance.corpus).values():
        order = shuffled({utterance.speaker_key for utterance in of_corpus}, seed=seed, purpose="dev")
        remaining = len(left.intersection(order))
        if len(order) < DEV_MIN_SPEAKERS or remaining < 2:
            continue
        count = max(1, round(DEV_SHARE * remaining))
        start = index * count % len(order)
        chosen.update([speaker for speaker in order[start:] + order[:start] if speaker in left][:count])
    return chosen
