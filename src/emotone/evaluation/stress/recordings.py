"""The recordings of a stress run: read, selected, and the example recordings of the package."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import emotone
from emotone.corpora.labels import UNKNOWN
from emotone.protocols.sampling import grouped, keys, shuffled
from emotone.types import Utterance

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


EXAMPLES = "examples"
RECORDINGS = "recordings"
"""Corpus name of recordings without labels."""


def unlabelled(paths: Iterable[str | Path]) -> tuple[Utterance, ...]:
    """Return whole recordings without label, each with an unknown speaker."""
    return tuple(
        Utterance(
            id=str(path),
            corpus=RECORDINGS,
            path=Path(path),
            start=0.0,
            end=None,
            speaker="",
            session="",
            label=UNKNOWN,
        )
        for path in paths
    )


def example_recordings() -> tuple[Path, ...]:
    """Return the synthetic recordings that are installed with the package or stored next to its source; () if none."""
    package = Path(emotone.__file__).resolve().parent
    folders = (package / EXAMPLES, package.parents[1] / EXAMPLES)
    return next((found for folder in folders if (found := tuple(sorted(folder.glob("*.flac"))))), ())


def sample(utterances: Sequence[Utterance], count: int, *, seed: int = 0) -> tuple[Utterance, ...]:
    """Return at most `count` utterances, spread evenly over corpora and speakers, in their given order.

    The choice depends on the keys and the seed only, not on the order.
    """
    strata = grouped(utterances, lambda utterance: utterance.speaker_key)
    queues = [shuffled(keys(stratum), seed=seed, purpose="stress") for stratum in strata.values()]
    place = {key: number for queue in queues for number, key in enumerate(queue)}
    # Within a round of one recording per speaker, the order is random: few recordings come from many corpora.
    order = sorted(shuffled(place, seed=seed, purpose="round"), key=place.__getitem__)
    kept = set(order[:count])
    return tuple(utterance for utterance in utterances if utterance.key in kept)
