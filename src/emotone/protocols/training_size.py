"""Limited training data: which clips the train and dev parts of a fold keep.

Clips are chosen from the train and the dev part in proportion to their sizes, and stay in their part. The choice is
stratified by label: one clip of each label first, then labels in proportion. Choices are nested: with the same seed,
the clips of a smaller number are among those of a larger one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from emotone.errors import RunError
from emotone.protocols.base import FoldUtterances
from emotone.protocols.sampling import grouped, keys, shuffled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emotone.types import Utterance


def limit_training(fold: FoldUtterances, *, clips: int, seed: int) -> FoldUtterances:
    """Return a fold whose train and dev parts contain `clips` clips of each corpus; the test part does not change.

    Raises:
        RunError: the fold has fewer clips of a corpus.

    """
    kept: tuple[list[Utterance], list[Utterance]] = ([], [])
    for corpus in sorted({utterance.corpus for utterance in (*fold.train, *fold.dev)}):
        parts = [[each for each in part if each.corpus == corpus] for part in (fold.train, fold.dev)]
        available = sum(map(len, parts))
        if available < clips:
            raise RunError(
                f"@{clips} needs {clips} training clips of each corpus, but fold {fold.name} has {available} of "
                f"{corpus}; give a smaller number, or omit @{clips}"
            )
        dev = round(clips * len(parts[1]) / available)
        for chosen, part, count in zip(kept, parts, (clips - dev, dev), strict=True):
            by_key = {utterance.key: utterance for utterance in part}
            chosen.extend(by_key[key] for key in stratified_order(part, seed=seed)[:count])
    return FoldUtterances(fold.name, train=kept[0], dev=kept[1], test=fold.test)


def stratified_order(utterances: Sequence[Utterance], *, seed: int) -> list[str]:
    """Return the keys of utterances in an order whose first N keys are a stratified sample by label, for every N.

    Sorting is by rank / count within each label, which is in [0, 1): one clip of each label comes first, then labels
    alternate in proportion to their counts.
    """
    strata = grouped(utterances, lambda utterance: utterance.label)
    ranks = {
        key: rank / len(stratum)
        for stratum in strata.values()
        for rank, key in enumerate(shuffled(keys(stratum), seed=seed, purpose="few"))
    }
    # The sort is stable, so equal ranks keep the order of the second shuffle.
    return sorted(shuffled(ranks, seed=seed, purpose="turn"), key=lambda key: ranks[key])
