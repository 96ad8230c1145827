"""Finds names of speakers that may be two spellings of one speaker, or no name at all.

An evaluation is not speaker-independent if one speaker has two names: `3` and `03`, `Anna` and `anna`, `7` and `7.0`,
or two Unicode forms of `José`. Nor is it known to be where the name is `nan`, which may be any speaker.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from emotone.types import Utterance

ABSENT_NAMES = frozenset({"nan", "none", "null", "na", "n/a", "<na>", "nat"})
"""What programs write for a missing value, in lower case."""

_WHOLE_NUMBER = re.compile(r"\d+\.0+")
_LEADING_ZEROS = re.compile(r"(?<!\d)0+(?=\d)")


def is_absent(speaker: str) -> bool:
    """Return whether the name of a speaker is a program's word for a missing value.

    Example:
        >>> is_absent("NaN"), is_absent("Nan Smith"), is_absent("")
        (True, False, False)

    """
    return speaker.strip().casefold() in ABSENT_NAMES


def normalised_speaker(speaker: str) -> str:
    """Return the form that all spellings of a name share: without case, leading zeros, `.0` and Unicode differences.

    Example:
        >>> normalised_speaker("03"), normalised_speaker("3.0"), normalised_speaker("Spk_007"), normalised_speaker("0")
        ('3', '3', 'spk_7', '0')

    """
    plain = " ".join(unicodedata.normalize("NFKC", speaker).casefold().split())
    if _WHOLE_NUMBER.fullmatch(plain):
        plain = plain.partition(".")[0]
    return _LEADING_ZEROS.sub("", plain)


def speaker_spellings(utterances: Iterable[Utterance]) -> dict[str, dict[str, int]]:
    """Return the speakers with several spellings: `corpus/normalised name` -> spelling -> number of utterances."""
    counts: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for utterance in utterances:
        if utterance.speaker:
            counts[f"{utterance.corpus}/{normalised_speaker(utterance.speaker)}"][utterance.speaker] += 1
    return {key: dict(sorted(spelled.items())) for key, spelled in sorted(counts.items()) if len(spelled) > 1}


def absent_speakers(utterances: Iterable[Utterance]) -> dict[str, int]:
    """Return the names of speakers that stand for a missing value, each with its number of utterances."""
    counts: dict[str, int] = defaultdict(int)
    for utterance in utterances:
        if is_absent(utterance.speaker):
            counts[utterance.speaker] += 1
    return dict(sorted(counts.items()))
