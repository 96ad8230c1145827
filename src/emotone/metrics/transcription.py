"""Error rates of transcripts: the edit distance of words or characters, relative to the length of the truth.

An error rate is the smallest number of insertions, deletions and substitutions that turn predictions into the truth,
summed over all transcripts, divided by the number of words or characters of the truth. It exceeds 1 if predictions are
longer than the truth and wrong.

Reference: Levenshtein, Binary codes capable of correcting deletions, insertions, and reversals, Soviet Physics Doklady
10(8), 1966.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emotone.errors import RunError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence


def word_error_rate(truth: Sequence[str], prediction: Sequence[str]) -> float:
    """Return the word error rate (WER) of transcripts: edits / words of the truth, 0 or more.

    Words are separated by white space; case counts.

    Raises:
        RunError: lengths that differ, or a truth without words.

    Example:
        >>> word_error_rate(["the cat sat"], ["the cat sat down"])
        0.3333333333333333

    """
    return _error_rate(truth, prediction, split=str.split, unit="word")


def character_error_rate(truth: Sequence[str], prediction: Sequence[str]) -> float:
    """Return the character error rate (CER) of transcripts: edits / characters of the truth, 0 or more.

    Spaces count as characters, except repeated ones and those at the ends; case counts.

    Raises:
        RunError: lengths that differ, or a truth without characters.

    Example:
        >>> character_error_rate(["abcd"], ["abxd"])
        0.25

    """
    return _error_rate(truth, prediction, split=lambda text: list(" ".join(text.split())), unit="character")


def edit_distance(first: Sequence[Hashable], second: Sequence[Hashable]) -> int:
    """Return the smallest number of insertions, deletions and substitutions that turn `first` into `second`.

    Complexity: O(m n) time and O(n) memory. A row of the table is computed at once: insertions are a running minimum
    of `value - position`.

    Example:
        >>> edit_distance("kitten", "sitting")
        3

    """
    codes = {item: code for code, item in enumerate(dict.fromkeys([*first, *second]))}
    target = np.array([codes[item] for item in second], np.int64)
    positions = np.arange(len(second) + 1)
    row = positions.copy()
    for item in first:
        best = np.empty_like(row)
        best[0] = row[0] + 1
        best[1:] = np.minimum(row[1:] + 1, row[:-1] + (target != codes[item]))
        row = np.minimum.accumulate(best - positions) + positions
    return int(row[-1])


def _error_rate(
    truth: Sequence[str], prediction: Sequence[str], *, split: Callable[[str], list[str]], unit: str
) -> float:
    if len(truth) != len(prediction):
        raise RunError(f"transcripts do not match: {len(truth)} of the truth, {len(prediction)} predicted")
    parts = [split(text) for text in truth]
    count = sum(map(len, parts))
    if not count:
        raise RunError(f"the true transcripts have no {unit}: an error rate is undefined")
    return sum(edit_distance(one, split(text)) for one, text in zip(parts, prediction, strict=True)) / count
