"""The samples of recordings: statistics and a hash of each, and recordings that occur more than once.

Test recordings that occur in training data are found by their samples: names and lossless formats may differ. Where
several corpora contain a recording, no protocol could be speaker-independent.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from emotone.audio.read import probe, stream
from emotone.errors import AudioError, MissingExtraError
from emotone.files import sha256_file

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from pathlib import Path

    from emotone.corpora.scan import Scan
    from emotone.types import Array, Hertz, Seconds, Utterance

FULL_SCALE = 0.999  # 32735 of 32768: converters and codecs leave clipped samples a little below full scale

HASH_DIGITS = 16  # of a SHA-256 in hex: among a million recordings, two different ones agree with probability 3e-8
SHOWN = 3  # names in a message


@dataclass(frozen=True, slots=True)
class SoundStatistics:
    """Statistics of one recording, all channels mixed.

    Attributes:
        rate: hertz.
        channels: their number.
        seconds: duration.
        peak: largest absolute sample; 1 is full scale.
        clipped: share of samples at full scale with a neighbour at full scale, 0 to 1. A single one is a peak.
        sha256: of the decoded samples, so that copies in other lossless formats are equal.

    """

    rate: Hertz
    channels: int
    seconds: Seconds
    peak: float
    clipped: float
    sha256: str


def measure(path: Path) -> SoundStatistics:
    """Return the statistics of a recording; memory does not grow with its duration.

    Raises:
        AudioError: it can't be read to its end.

    """
    info = probe(path)
    digest = hashlib.sha256()
    length = clipped = 0
    peak = 0.0
    for piece in stream(path, rate=info.rate):
        digest.update(np.ascontiguousarray(piece, dtype="<f4").data)
        level = np.abs(piece)
        length += len(piece)
        peak = max(peak, float(level.max(initial=0.0)))
        clipped += _clipped(level)
    return SoundStatistics(info.rate, info.channels, length / info.rate, peak, clipped / length, digest.hexdigest())


def _clipped(level: Array) -> int:
    """Return how many samples of `level` [time] are at full scale with a neighbour there."""
    if level.max(initial=0.0) < FULL_SCALE:
        return 0
    full = np.concatenate(([False], level >= FULL_SCALE, [False]))
    return int(np.count_nonzero(full[1:-1] & (full[:-2] | full[2:])))


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


def shared_recordings(scans: Mapping[str, Scan]) -> dict[tuple[str, str], list[tuple[Path, Path]]]:
    """Return the pairs of equal files of every two corpora, by the names of the two; empty where there are none.

    Files are equal if their bytes are. Only files of the same size are read, so this is cheap before a training.
    Empty and missing files are not compared.
    """
    sizes: dict[int, dict[str, set[Path]]] = defaultdict(lambda: defaultdict(set))
    for name, scan in scans.items():
        for path in {utterance.path for utterance in scan.utterances}:
            size = path.stat().st_size if path.is_file() else 0
            if size:
                sizes[size][name].add(path)
    same: dict[tuple[int, str], dict[str, Path]] = defaultdict(dict)
    for size, corpora in sizes.items():
        if len(corpora) > 1:
            for name, paths in corpora.items():
                for path in sorted(paths):
                    same[size, sha256_file(path)].setdefault(name, path)
    pairs: dict[tuple[str, str], list[tuple[Path, Path]]] = defaultdict(list)
    for found in same.values():
        names = list(found)
        for place, first in enumerate(names):
            for second in names[place + 1 :]:
                pairs[first, second].append((found[first], found[second]))
    return {names: sorted(paths) for names, paths in pairs.items()}
