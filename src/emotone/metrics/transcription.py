"""Transcripts from the outputs of recognisers that were trained with CTC, and the error rates of transcripts.

A recogniser trained with connectionist temporal classification (CTC) predicts, at every step, a character or the
*blank*. A path of one symbol per step stands for the text that remains when repeated symbols are merged and blanks
removed; many paths stand for the same text.

An error rate is the smallest number of insertions, deletions and substitutions that turn predictions into the truth,
summed over all transcripts, divided by the number of words or characters of the truth. It exceeds 1 if predictions are
longer than the truth and wrong.

References: Graves, Fernandez, Gomez, Schmidhuber, Connectionist temporal classification, ICML 2006 (sections 3.1, 3.2);
Hannun et al., First-pass large vocabulary continuous speech recognition using bi-directional recurrent DNNs,
arXiv:1408.2873, 2014 (algorithm 1, prefix beam search; here without a language model).
Levenshtein, Binary codes capable of correcting deletions, insertions, and reversals, Soviet Physics Doklady
10(8), 1966.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from emotone.errors import RunError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from numpy.typing import NDArray

WIDTH = 16  # texts that the beam search keeps
MARGIN = 12.0  # symbols whose log-probability is that far below a step's best one are not tried


def greedy_text(scores: NDArray[np.floating], characters: str, *, blank: int) -> str:
    """Return the text of the most probable path: of the highest score at each step.

    Args:
        scores: probabilities, their logarithms or logits [steps, symbols].
        characters: of all symbols in order, without the blank.
        blank: index of the blank.

    Raises:
        UsageError: shapes that do not match.

    Example:
        >>> greedy_text(np.eye(3)[[1, 1, 0, 1, 2]], "ab", blank=0)
        'aab'

    """
    symbols = _symbols(scores, characters, blank)
    path = scores.argmax(axis=1)
    is_new = np.ones(len(path), bool)
    is_new[1:] = path[1:] != path[:-1]
    return "".join(symbols[code] for code in path[is_new])


def beam_text(log_probabilities: NDArray[np.floating], characters: str, *, blank: int, width: int = WIDTH) -> str:
    """Return the most probable text, in which the probabilities of all its paths are summed.

    Key idea: at each step the `width` most probable texts so far are kept, with the probabilities of their paths that
    end in a blank and of those that end in their last character; the two continue differently.

    Args:
        log_probabilities: [steps, symbols], normalised.
        characters: of all symbols in order, without the blank.
        blank: index of the blank.
        width: texts that are kept; with all of them the search is exact.

    Raises:
        UsageError: shapes that do not match, or `width` below 1.

    """
    symbols = _symbols(log_probabilities, characters, blank)
    if width < 1:
        raise UsageError(f"a beam search keeps 1 text or more; given {width}")
    none = -np.inf
    beam: dict[tuple[int, ...], tuple[float, float]] = {(): (0.0, none)}  # ends in a blank; in its last character
    for step in log_probabilities:
        tried = [int(code) for code in np.flatnonzero(step >= step.max() - MARGIN) if code != blank]
        following: dict[tuple[int, ...], list[float]] = defaultdict(lambda: [none, none])
        for text, (blank_end, own_end) in beam.items():
            total = float(np.logaddexp(blank_end, own_end))
            entry = following[text]
            entry[0] = float(np.logaddexp(entry[0], total + step[blank]))
            if text:
                entry[1] = float(np.logaddexp(entry[1], own_end + step[text[-1]]))
            for code in tried:
                # The last character again: only a blank in between makes it another character.
                start = blank_end if text and code == text[-1] else total
                longer = following[(*text, code)]
                longer[1] = float(np.logaddexp(longer[1], start + step[code]))
        ranked = sorted(following.items(), key=lambda item: -np.logaddexp(item[1][0], item[1][1]))[:width]
        beam = {text: (ends[0], ends[1]) for text, ends in ranked}
    best = max(beam, key=lambda text: np.logaddexp(*beam[text]))
    return "".join(symbols[code] for code in best)


def _symbols(scores: NDArray[np.floating], characters: str, blank: int) -> list[str]:
    """Return the text of each symbol, "" for the blank."""
    if scores.ndim != 2 or scores.shape[1] != len(characters) + 1 or not 0 <= blank <= len(characters):
        raise UsageError(
            f"outputs for {len(characters)} characters and a blank at place {blank} need the shape "
            f"[steps, {len(characters) + 1}]; given {list(scores.shape)}"
        )
    return [*characters[:blank], "", *characters[blank:]]


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
