"""Recordings that several of the given corpora contain: no protocol could be speaker-independent."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from emotone.files import sha256_file

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from emotone.corpora.scan import Scan


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
