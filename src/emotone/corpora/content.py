"""Finds test recordings that occur in training data, by their samples: names and lossless formats may differ."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emotone.corpora.measure import measure
from emotone.errors import AudioError, MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from pathlib import Path

    from emotone.types import Utterance

HASH_DIGITS = 16  # of a SHA-256 in hex: among a million recordings, two different ones agree with probability 3e-8
SHOWN = 3  # names in a message


@dataclass(frozen=True)
class Overlap:
    """Test utterances whose recordings occur in training data.

    Attributes:
        keys: of those utterances, sorted.
        tested: number of test utterances.
        unreadable: number of test utterances whose recording can't be read, so that it is not known.

    """

    keys: tuple[str, ...]
    tested: int
    unreadable: int = 0

    def __bool__(self) -> bool:
        """Return whether there are any."""
        return bool(self.keys)

    def __str__(self) -> str:
        """Return one line for reports."""
        if not self.keys:
            return f"none of {self.tested} test clips occurs in the training data"
        more = f" and {len(self.keys) - SHOWN} more" if len(self.keys) > SHOWN else ""
        return (
            f"{len(self.keys)} of {self.tested} test clips occur in the training data, so their scores are too "
            f"optimistic: {', '.join(self.keys[:SHOWN])}{more}"
        )


def content_hashes(
    utterances: Iterable[Utterance], *, progress: Callable[[int, int], None] = lambda _done, _total: None
) -> dict[Path, str]:
    """Return a hash of the decoded samples of each recording; recordings that can't be read have none.

    Args:
        utterances: several of one recording are read once.
        progress: called with (recordings read, number of recordings) after each.

    """
    paths = sorted({utterance.path for utterance in utterances})
    hashes: dict[Path, str] = {}
    for done, path in enumerate(paths, start=1):
        with contextlib.suppress(AudioError, MissingExtraError):  # reported by whatever uses the recording
            hashes[path] = measure(path).sha256[:HASH_DIGITS]
        progress(done, len(paths))
    return hashes


def overlap(
    train_hashes: Collection[str], test_utterances: Sequence[Utterance], *, hashes: Mapping[Path, str] | None = None
) -> Overlap:
    """Return the test utterances whose recordings occur in training data, whichever part of them was used.

    Args:
        train_hashes: of the training recordings, as `content_hashes` returns them.
        test_utterances: to look for.
        hashes: of their recordings, if they are known already.

    """
    known = content_hashes(test_utterances) if hashes is None else hashes
    trained = frozenset(train_hashes)
    return Overlap(
        keys=tuple(sorted(each.key for each in test_utterances if known.get(each.path) in trained)),
        tested=len(test_utterances),
        unreadable=sum(each.path not in known for each in test_utterances),
    )
