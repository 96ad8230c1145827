"""What a protocol is: a name that stands for one exact division of any table of utterances.

Conventions:
    * A protocol looks at the utterances' keys, corpora, speakers, sessions and labels only, never at their order:
      the same utterances give the same folds however the table is sorted.
    * Draws come from hashes of (seed, purpose, item), not from a random generator: folds stay the same on every
      machine and version of Python and NumPy, and an added utterance does not reshuffle the others.
    * `version` changes whenever the same utterances and seed would give other folds.
    * How features are scaled is part of the name: NAME takes statistics from the training part only, and
      NAME+speaker-scaled from each speaker's own clips, the tested ones too. The folds are the same.

To add protocols, add one file that defines `FAMILY`; it is found by its name.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, TypeAlias

from emotone.errors import RunError, UsageError
from emotone.protocols.sampling import grouped, keys, shuffled
from emotone.registry import Registry
from emotone.types import Fold

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from emotone.protocols.sampling import TestParts
    from emotone.types import Utterance

Normalisation: TypeAlias = Literal["train", "speaker"]
SPEAKER_SCALED = "+speaker-scaled"
SCALING = {
    "train": "features scaled with statistics of the training part",
    "speaker": "features scaled with each speaker's own statistics, for which the tested speaker's unlabelled clips "
    "are needed",
}
"""What each normalisation means, in words for reports."""

DEV_SHARE = 0.1  # of what is left for training, set aside to choose the epoch and the temperature
DEV_MIN_SPEAKERS = 4  # a corpus with fewer speakers keeps all of them for training


@dataclass(frozen=True, slots=True)
class Division:
    """One fold as utterances. What is in none of the parts is left out of this fold."""

    name: str
    train: Sequence[Utterance]
    dev: Sequence[Utterance]
    test: Sequence[Utterance]


@dataclass(frozen=True)
class Protocol(ABC):
    """One named division into folds. Get one with `emotone.protocols.protocol(name)`.

    Attributes:
        name: what users write, e.g. "speaker-folds-5" or "speaker-folds-5+speaker-scaled"; of a protocol that is
            read from files, a short name without their path. It is what the predictions table holds.
        version: counts changes of the folds that the name stands for.
        kind: the name without its numbers, e.g. "speaker-folds".
        parameters: the numbers by name, e.g. `(("folds", 5),)`.
        normalisation: "train" takes the statistics that scale features from the training part only; "speaker" takes
            each speaker's own, which is transductive: it needs the tested speaker's clips, without their labels.
        content: hash of the lists of a protocol that is read from files, "" otherwise.

    """

    name: str
    version: int
    kind: str
    parameters: tuple[tuple[str, int], ...] = ()
    normalisation: Normalisation = "train"
    content: str = ""

    @property
    @abstractmethod
    def speaker_independent(self) -> bool:
        """Whether no speaker of a test part is ever in the same fold's train or dev part."""

    @property
    @abstractmethod
    def description(self) -> str:
        """What the division is, in one clause for reports, without a full stop."""

    @property
    def title(self) -> str:
        """The description and the scaling, e.g. for the line below a table of scores."""
        return f"{self.description}; {SCALING[self.normalisation]}"

    @property
    def covering(self) -> bool:
        """Whether every utterance is in exactly one test part; otherwise the score is of some utterances only."""
        return True

    @property
    def twin(self) -> str | None:
        """The speaker-independent protocol to print beside this one, scaled alike, or None where this one is."""
        plain = self._twin
        if plain is None:
            return None
        return plain + SPEAKER_SCALED if self.normalisation == "speaker" else plain

    @property
    def _twin(self) -> str | None:
        """The twin's name without a suffix."""
        return None

    @property
    def smallest(self) -> str:
        """The speaker-independent protocol, without a suffix, that asks for the fewest speakers: two."""
        return "leave-one-speaker-out"

    @property
    def signature(self) -> tuple[str | int, ...]:
        """What to hash into the name of a run: name and version, and the content of lists that were read."""
        return (self.name, self.version, self.content) if self.content else (self.name, self.version)

    def speaker_scaled(self) -> Protocol:
        """Return the same division with features scaled per speaker."""
        return replace(self, name=self.name + SPEAKER_SCALED, normalisation="speaker")

    def notes(self, utterances: Sequence[Utterance]) -> tuple[str, ...]:  # noqa: ARG002 - for those that have some
        """Return what users should be told about this protocol on these utterances, one sentence each."""
        return ()

    def folds(self, utterances: Sequence[Utterance], *, seed: int) -> list[Fold]:
        """Return the folds. Where `covering`, their test parts hold every utterance exactly once.

        Other protocols may leave utterances out of all parts: `audit(...).left_out` names them, and what else there
        is to say is in `notes`.

        Args:
            utterances: at least two, with different keys.
            seed: 0 or more; decides how speakers or clips are dealt, and which ones are the dev parts.

        Returns:
            Folds whose parts hold `Utterance.key`, sorted. `dev` may be empty; `train` and `test` never are.

        Raises:
            RunError: too few utterances, speakers or sessions, a missing speaker, a key that comes twice, or a corpus
                that this protocol is not for.
            UsageError: a negative seed.

        Example:
            >>> from pathlib import Path
            >>> from emotone.protocols import protocol
            >>> from emotone.types import Utterance
            >>> def clip(name, speaker):
            ...     return Utterance(name, "toy", Path(name), 0.0, None, speaker, speaker, "anger")
            >>> first, _ = protocol("leave-one-speaker-out").folds([clip("a", "s1"), clip("b", "s2")], seed=0)
            >>> first.name, first.train, first.test
            ('toy.s1', ('toy/b',), ('toy/a',))

        """
        if seed < 0:
            raise UsageError(f"seed {seed} is negative; give 0 or more")
        ordered = sorted(utterances, key=lambda utterance: utterance.key)
        self._check(ordered)
        return [self._fold(division) for division in self._divide(ordered, seed=seed)]

    @abstractmethod
    def _divide(self, utterances: Sequence[Utterance], *, seed: int) -> Iterator[Division]:
        """Yield the folds of the (sorted, checked) utterances, or raise `RunError`."""

    def _fold(self, division: Division) -> Fold:
        """Return a division as keys, after checking that it is what every fold promises."""
        parts = {"train": division.train, "dev": division.dev, "test": division.test}
        sorted_keys = {part: tuple(sorted(keys(of))) for part, of in parts.items()}
        for part in ("train", "test"):
            if not sorted_keys[part]:
                raise RunError(f"{self.name} leaves the {part} part of fold {division.name} empty on these utterances")
        counts = Counter(key for of in sorted_keys.values() for key in of)
        twice = sorted(key for key, count in counts.items() if count > 1)
        if twice:
            raise RunError(f"{self.name} has {len(twice)} clips in two parts of {division.name} (first: {twice[0]})")
        if self.speaker_independent:
            tested = {utterance.speaker_key for utterance in division.test}
            heard = sorted(tested & {utterance.speaker_key for utterance in (*division.train, *division.dev)})
            if heard:
                raise RunError(
                    f"{self.name} keeps speakers apart, but {len(heard)} tested in {division.name} are in its train or "
                    f"dev part too (first: {heard[0]})"
                )
        return Fold(division.name, train=sorted_keys["train"], dev=sorted_keys["dev"], test=sorted_keys["test"])

    def _check(self, utterances: Sequence[Utterance]) -> None:
        """Raise `RunError` for utterances that this protocol can't divide."""
        counts = Counter(utterance.key for utterance in utterances)
        twice = [key for key, count in counts.items() if count > 1]
        if twice:
            raise RunError(
                f"{len(twice)} utterances have a key that others have too (first: {twice[0]}); ids must differ"
            )
        if len(utterances) < 2:
            raise RunError(f"{self.name} divides at least 2 utterances; {len(utterances)} were given")
        if self.speaker_independent or self.normalisation == "speaker":
            nameless = [utterance for utterance in utterances if not utterance.speaker]
            if nameless:
                corpora = ", ".join(sorted({f"'{utterance.corpus}'" for utterance in nameless}))
                why = "keeps speakers apart" if self.speaker_independent else "scales each speaker's features"
                raise RunError(
                    f"{len(nameless)} utterances in the table of corpus {corpora} have no speaker (first: "
                    f"{nameless[0].key}), and {self.name} {why}; fill the column 'speaker', "
                    "or choose a protocol that does not need it, such as random-5"
                )

    def _check_corpus(self, utterances: Sequence[Utterance], *, corpus: str) -> None:
        """Raise `RunError` where utterances are of other corpora than the one that this protocol is for."""
        given = sorted({utterance.corpus for utterance in utterances})
        if given != [corpus]:
            raise RunError(
                f"{self.name} divides the corpus {corpus} and no other; given: {', '.join(given)}. "
                "Choose one that divides any corpus, such as speaker-folds-5"
            )


@dataclass(frozen=True)
class Covering(Protocol):
    """What the protocols share that test every utterance once, and train on what is neither tested nor dev."""

    def _divide(self, utterances: Sequence[Utterance], *, seed: int) -> Iterator[Division]:
        for index, (name, test) in enumerate(self._test_parts(utterances, seed=seed).items()):
            tested = keys(test)
            rest = [utterance for utterance in utterances if utterance.key not in tested]
            chosen = self._dev_part(rest, everything=utterances, index=index, seed=seed)
            dev = [utterance for utterance in rest if utterance.key in chosen]
            yield Division(name, [utterance for utterance in rest if utterance.key not in chosen], dev, test)

    @abstractmethod
    def _test_parts(self, utterances: Sequence[Utterance], *, seed: int) -> TestParts:
        """Divide the (sorted, checked) utterances into the folds' test parts, or raise `RunError`."""

    @abstractmethod
    def _dev_part(
        self, rest: Sequence[Utterance], *, everything: Sequence[Utterance], index: int, seed: int
    ) -> set[str]:
        """Choose the keys of fold `index`'s dev part among `rest`, what its test part leaves over."""


@dataclass(frozen=True)
class CoveringSpeakers(Covering):
    """The speaker-independent ones of them: dev parts are whole speakers too."""

    @property
    def speaker_independent(self) -> bool:
        """Always: speakers are dealt, not clips."""
        return True

    def _dev_part(
        self, rest: Sequence[Utterance], *, everything: Sequence[Utterance], index: int, seed: int
    ) -> set[str]:
        chosen = dev_speakers(rest, everything=everything, index=index, seed=seed)
        return keys(utterance for utterance in rest if utterance.speaker_key in chosen)


@dataclass(frozen=True)
class Remembered(Protocol):
    """A protocol that was read from files, known by the name in a predictions table: it can't be run again so.

    Attributes:
        independent: what the name tells.
        given: how the files are named, e.g. "fixed:FILE.toml".

    """

    independent: bool = True
    given: str = ""

    @property
    def speaker_independent(self) -> bool:
        """What the name tells."""
        return self.independent

    @property
    def description(self) -> str:
        """That its lists are not here."""
        return f"lists that were read with {self.given}"

    @property
    def covering(self) -> bool:
        """Not known without the lists, and not claimed."""
        return False

    def _divide(self, utterances: Sequence[Utterance], *, seed: int) -> Iterator[Division]:  # noqa: ARG002
        raise RunError(f"{self.name} names lists by their content and does not hold them; give {self.given}")


@dataclass(frozen=True)
class Family:
    """The protocols of one file.

    Attributes:
        lines: every form of their names, each with one line for `--help`.
        find: name without +speaker-scaled -> the protocol, or None where it is another family's.

    """

    lines: Mapping[str, str]
    find: Callable[[str], Protocol | None]


FAMILIES: Registry[Family] = Registry("family of protocols", "emotone.protocols.families", "FAMILY")


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
