"""Groups, samples and names that depend neither on the order of a table nor on a random generator."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

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
