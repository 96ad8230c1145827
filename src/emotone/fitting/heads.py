"""One head per corpus over a shared trunk, and how they are merged into the single head for the target.

Raters, actors and languages differ, so what one corpus labels anger another may label fear. With a head per corpus the
trunk learns what all corpora need, and none has to agree with another about the boundary of a label.

The heads are merged label by label. The target's own head is kept for the labels that it was trained on (S1). For any
other label, and for every label if no head of the target was trained (S2), the merged row is the mean of the other
corpora's rows: a mean of logits is a mean of log-probabilities. A re-initialised head would make the network useless
without training (A1), and would discard what was learned about labels under the plans that load it.

Key idea: adding a constant to all scores of a head does not change its probabilities, so the level of a head has no
meaning, and heads have different labels. Scores are therefore averaged after subtracting the mean of their own head:
row = level + mean over heads (row_of_head - mean of the head's rows), where the level is that of the target's own head,
or the mean of all heads. A label that no corpus has gets the level, the score of an average label.

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
class CorpusHeads:
    """Outputs of a network with one head per corpus.

    Attributes:
        pairs: corpus and label of each output; those of a corpus are consecutive.
        target: corpora whose own head is kept.

    Example:
        >>> pairs = (("emodb", "anger"), ("emodb", "fear"), ("savee", "anger"))
        >>> heads = CorpusHeads(pairs, target=("emodb",))
        >>> heads.names, heads.numbers
        (('emodb/anger', 'emodb/fear', 'savee/anger'), (0, 0, 1))

    """

    pairs: tuple[tuple[str, str], ...]
    target: tuple[str, ...] = ()

    @classmethod
    def of(cls, utterances: Iterable[Utterance], *, target: Iterable[str]) -> CorpusHeads:
        """Return the heads for utterances: an output for each label that a corpus has."""
        pairs = tuple(sorted({(each.corpus, each.label) for each in utterances}))
        return cls(pairs, tuple(sorted({corpus for corpus, _ in pairs}.intersection(target))))

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each output."""
        return tuple("/".join(pair) for pair in self.pairs)

    @property
    def numbers(self) -> tuple[int, ...]:
        """Index of each output's head (see `emotone.training.classification`)."""
        corpora = list(dict.fromkeys(corpus for corpus, _ in self.pairs))
        return tuple(corpora.index(corpus) for corpus, _ in self.pairs)

    def labelled(self, utterances: Iterable[Utterance]) -> tuple[Utterance, ...]:
        """Return utterances with the names of their outputs as labels."""
        return tuple(replace(each, label=f"{each.corpus}/{each.label}") for each in utterances)

    def of_label(self, label: str) -> tuple[str, ...]:
        """Return the corpora whose heads give a label: the target, or else all that have the label."""
        having = tuple(corpus for corpus, known in self.pairs if known == label)
        return tuple(corpus for corpus in having if corpus in self.target) or having

    def merged(self, scores: Array, labels: Sequence[str]) -> Array:
        """Return a tensor of the merged head.

        Args:
            scores: a tensor whose first dimension is the outputs of all heads, in the order of `pairs`.
            labels: of the merged head, in the order of its first dimension.

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
        merged: Array = np.stack(made).astype(scores.dtype)
        return merged
