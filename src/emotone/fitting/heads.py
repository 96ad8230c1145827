"""One head per corpus over a shared trunk, and how they become the single head that the target goes on from.

What one corpus calls anger another may call fear: raters, actors and languages differ. Where each corpus has scores of
its own, the trunk learns what they all need, and none has to agree with another about where a label ends.

Of the heads a single one is made, label by label. The target's own is taken over as it is, where it learned that label
(S1). For a label that it never heard, and for every label where no head of the target was trained (S2), it is the mean
of the other corpora's heads: the mean of logits is a vote of all of them in logarithms of probabilities. A head that is
drawn anew would know nothing, so that a net could not be used as it is (A1), and what was learned of labels would be
lost to the plans that take it over.

Key idea: a head's probabilities don't change when the same is added to all of its scores, so how high they lie means
nothing, and heads know different labels. Each score is therefore taken by how far it lies from the mean of its own head
before several are averaged: row = level + mean over heads (row_of_head - mean of the head's rows), where the level is
that of the target's own head, or the mean of all. A label that no corpus has gets the level: it says as much as an
average one.

Reference: Caruana, Multitask learning, Machine Learning 28, 1997.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from emotone.types import Array, Utterance


@dataclass(frozen=True)
class Heads:
    """The scores of a net that has a head per corpus.

    Attributes:
        pairs: corpus and label of each score, those of a corpus one after another.
        target: corpora among them whose own head is taken over.

    Example:
        >>> heads = Heads((("emodb", "anger"), ("emodb", "fear"), ("savee", "anger")), target=("emodb",))
        >>> heads.names, heads.numbers
        (('emodb/anger', 'emodb/fear', 'savee/anger'), (0, 0, 1))

    """

    pairs: tuple[tuple[str, str], ...]
    target: tuple[str, ...] = ()

    @classmethod
    def of(cls, utterances: Iterable[Utterance], *, target: Iterable[str]) -> Heads:
        """Return the heads for utterances: a score for each label that a corpus has."""
        pairs = tuple(sorted({(each.corpus, each.label) for each in utterances}))
        return cls(pairs, tuple(sorted({corpus for corpus, _ in pairs}.intersection(target))))

    @property
    def names(self) -> tuple[str, ...]:
        """What each score is called."""
        return tuple("/".join(pair) for pair in self.pairs)

    @property
    def numbers(self) -> tuple[int, ...]:
        """The number of each score's head (see `emotone.training.heads`)."""
        corpora = list(dict.fromkeys(corpus for corpus, _ in self.pairs))
        return tuple(corpora.index(corpus) for corpus, _ in self.pairs)

    def labelled(self, utterances: Iterable[Utterance]) -> tuple[Utterance, ...]:
        """Return utterances with the names of their scores as labels."""
        return tuple(replace(each, label=f"{each.corpus}/{each.label}") for each in utterances)

    def of_label(self, label: str) -> tuple[str, ...]:
        """Return the corpora whose heads are taken for a label: the target, or else all that have it."""
        having = tuple(corpus for corpus, known in self.pairs if known == label)
        return tuple(corpus for corpus in having if corpus in self.target) or having

    def joined(self, scores: Array, labels: Sequence[str]) -> Array:
        """Return a tensor of the single head.

        Args:
            scores: a tensor whose first dimension is the scores of all heads, in the order of `pairs`.
            labels: of the single head, in its order, which are its first dimension.

        """
        rows = dict(zip(self.pairs, scores.astype(np.float64), strict=True))
        levels = {
            corpus: np.mean([row for (of, _), row in rows.items() if of == corpus], axis=0) for corpus, _ in self.pairs
        }
        level = np.mean([levels[corpus] for corpus in self.target or levels], axis=0)
        made = [
            level + np.mean([rows[corpus, label] - levels[corpus] for corpus in taken], axis=0) if taken else level
            for label, taken in ((label, self.of_label(label)) for label in labels)
        ]
        joined: Array = np.stack(made).astype(scores.dtype)
        return joined
