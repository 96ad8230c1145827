"""What a protocol is: a name that stands for one exact division of any table of utterances.

Conventions:
    * A protocol looks at the utterances' keys, corpora, speakers, sessions and labels only, never at their order:
      the same utterances give the same folds however the table is sorted.
    * Draws come from hashes of (seed, purpose, item), not from a random generator: folds stay the same on every
      machine and version of Python and NumPy, and an added utterance does not reshuffle the others.
    * `version` changes whenever the same utterances and seed would give other folds.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emotone.errors import RunError, UsageError
from emotone.types import Fold

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from emotone.types import Utterance

DEV_SHARE = 0.1  # of what is left for training, set aside to choose the epoch and the temperature
DEV_MIN_SPEAKERS = 4  # a corpus with fewer speakers keeps all of them for training

Parts = dict[str, list["Utterance"]]
"""The test part of every fold, by the fold's name, in order."""


@dataclass(frozen=True)
class Protocol(ABC):
    """One named division into folds. Get one with `emotone.protocols.protocol(name)`.

    Attributes:
        name: what users write, e.g. "speaker-folds-5".
        version: counts changes of the folds that the name stands for.
        kind: the name without its numbers, e.g. "speaker-folds".
        parameters: the numbers by name, e.g. `(("folds", 5),)`.

    """

    name: str
    version: int
    kind: str
    parameters: tuple[tuple[str, int], ...] = ()

    @property
    @abstractmethod
    def speaker_independent(self) -> bool:
        """Whether no speaker of a test part is ever in the same fold's train or dev part."""

    @property
    def twin(self) -> str | None:
        """The speaker-independent protocol to print beside this one, or None where this one is."""
        return None

    def folds(self, utterances: Sequence[Utterance], *, seed: int) -> list[Fold]:
        """Return the folds: their test parts cover every utterance exactly once.

        Args:
            utterances: at least two, with different keys.
            seed: 0 or more; decides how speakers or clips are dealt, and which ones are the dev parts.

        Returns:
            Folds whose parts hold `Utterance.key`, sorted. `dev` may be empty; `train` and `test` never are.

        Raises:
            RunError: too few utterances, speakers or sessions, a missing speaker, or a key that comes twice.
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
        folds = []
        for index, (name, test) in enumerate(self._test_parts(ordered, seed=seed).items()):
            tested = keys(test)
            rest = [utterance for utterance in ordered if utterance.key not in tested]
            dev = self._dev_part(rest, everything=ordered, index=index, seed=seed)
            train = (utterance.key for utterance in rest if utterance.key not in dev)
            folds.append(Fold(name, train=tuple(train), dev=tuple(sorted(dev)), test=tuple(sorted(tested))))
        return folds

    @abstractmethod
    def _test_parts(self, utterances: Sequence[Utterance], *, seed: int) -> Parts:
        """Divide the (sorted, checked) utterances into the folds' test parts, or raise `RunError`."""

    @abstractmethod
    def _dev_part(
        self, rest: Sequence[Utterance], *, everything: Sequence[Utterance], index: int, seed: int
    ) -> set[str]:
        """Choose the keys of fold `index`'s dev part among `rest`, what its test part leaves over."""

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
        if self.speaker_independent:
            nameless = [utterance for utterance in utterances if not utterance.speaker]
            if nameless:
                corpora = ", ".join(sorted({f"'{utterance.corpus}'" for utterance in nameless}))
                raise RunError(
                    f"{len(nameless)} utterances in the table of corpus {corpora} have no speaker (first: "
                    f"{nameless[0].key}), and {self.name} keeps speakers apart; fill the column 'speaker', "
                    "or choose a protocol that does not need it, such as random-5"
                )


def keys(utterances: Iterable[Utterance]) -> set[str]:
    """Return the keys of utterances."""
    return {utterance.key for utterance in utterances}


def grouped(utterances: Iterable[Utterance], by: Callable[[Utterance], str]) -> dict[str, list[Utterance]]:
    """Return the utterances by group, groups sorted by name, each in the given order."""
    groups: dict[str, list[Utterance]] = defaultdict(list)
    for utterance in utterances:
        groups[by(utterance)].append(utterance)
    return dict(sorted(groups.items()))


def shuffled(items: Iterable[str], *, seed: int, purpose: str) -> list[str]:
    """Return distinct `items` in an order drawn from (seed, purpose), whatever order they came in.

    Example:
        >>> shuffled("abcd", seed=0, purpose="example") == shuffled("dcba", seed=0, purpose="example")
        True

    """

    def draw(item: str) -> bytes:
        return hashlib.sha256(f"{seed}\0{purpose}\0{item}".encode()).digest()

    return sorted(items, key=draw)


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
