"""Users' own words for emotions: `happy=happiness,mad=anger`."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from emotone.corpora.labels import canonical
from emotone.errors import UsageError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from emotone.types import Utterance


def parse_label_map(text: str) -> dict[str, str]:
    """Return a label map: the word as a table spells it, in lower case -> canonical emotion or "unknown".

    Args:
        text: pairs `WORD=EMOTION`, separated by commas. An empty text is an empty map.

    Raises:
        UsageError: an entry without "=", or a word with two emotions.
        UnknownNameError: an emotion that is not canonical, with the nearest one.

    Example:
        >>> parse_label_map("happy=happiness, Mad = anger")
        {'happy': 'happiness', 'mad': 'anger'}

    """
    found: dict[str, str] = {}
    for entry in filter(str.strip, text.split(",")):
        word, equals, emotion = (part.strip() for part in entry.partition("="))
        if not (word and equals and emotion):
            raise UsageError(f"the label map has '{entry.strip()}'; allowed: WORD=EMOTION, e.g. happy=happiness")
        meaning = canonical(emotion)
        if found.setdefault(word.casefold(), meaning) != meaning:
            raise UsageError(f"the label map has two emotions for '{word}': {found[word.casefold()]} and {meaning}")
    return found


def mapped_label(label: str, label_map: Mapping[str, str] | None) -> str:
    """Return the canonical emotion of a label: from the label map, or else as `canonical` maps it.

    Raises:
        UnknownNameError: it is in neither.

    """
    word = label.strip().casefold()
    return label_map[word] if label_map and word in label_map else canonical(label)


def mapped_words(utterances: Iterable[Utterance]) -> dict[str, tuple[str, int]]:
    """Return the words that became another label: word -> its canonical emotion and the number of utterances."""
    counts: Counter[tuple[str, str]] = Counter()
    for utterance in utterances:
        word = utterance.extras.get("original_label", utterance.label).strip().casefold()
        if word != utterance.label:
            counts[word, utterance.label] += 1
    return {word: (label, count) for (word, label), count in sorted(counts.items())}


def check_label_map(label_map: Mapping[str, str], utterances: Iterable[Utterance]) -> None:
    """Raise `UsageError` for a word of the label map that no utterance has as its original label."""
    words = {utterance.extras.get("original_label", utterance.label).strip().casefold() for utterance in utterances}
    for word in label_map:
        if word not in words:
            raise UsageError(f"the label map matches no label: {unknown_name('word', word, words)}")
