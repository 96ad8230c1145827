"""Extract IS10 functionals of files in N processes; print the seconds without imports.

python opensmile_worker.py store|pool|files N FILE...

`store` is ours, into the feature store, with the start of the processes; `pool` and `files` are openSMILE's, without.
"""

from __future__ import annotations

import sys
import time
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

from emotone.features.functionals.opensmile import OpenSmile
from emotone.features.store import FeatureStore
from emotone.types import Utterance

if TYPE_CHECKING:
    import opensmile


def into_store(paths: list[str], workers: int) -> float:
    """Return the seconds of one extraction into the feature store."""
    utterances = [
        Utterance(str(number), "bench", Path(path), 0.0, None, "", "", "neutral") for number, path in enumerate(paths)
    ]
    start = time.perf_counter()
    extracted = FeatureStore("opensmile", OpenSmile("IS10")).extract(utterances, workers=workers)
    seconds = time.perf_counter() - start
    if len(extracted.features) != len(paths):
        raise RuntimeError(f"{len(extracted.problems)} of {len(paths)} files failed: {extracted.problems[0].message}")
    return seconds


def _extractor(workers: int) -> opensmile.Smile:
    import opensmile

    return opensmile.Smile(
        feature_set=opensmile.FeatureSet.IS10,
        feature_level=opensmile.FeatureLevel.Functionals,
        num_workers=workers,
        multiprocessing=False,
    )


def _one(path: str) -> int:
    return int(_extractor(1).process_file(path).shape[1])


def by_pool(paths: list[str], workers: int) -> float:
    """Return the seconds of one extraction per file in a pool of started processes."""
    with get_context("fork").Pool(workers) as pool:
        pool.map(_one, paths[:workers], chunksize=1)
        start = time.perf_counter()
        widths = pool.map(_one, paths, chunksize=8)
        seconds = time.perf_counter() - start
    if set(widths) != {1582}:
        raise RuntimeError(f"IS10 has 1582 features; got {set(widths)}")
    return seconds


def by_files(paths: list[str], workers: int) -> float:
    """Return the seconds of openSMILE's own loop over files, with its own threads."""
    smile = _extractor(workers)
    smile.process_file(paths[0])
    start = time.perf_counter()
    smile.process_files(paths)
    return time.perf_counter() - start


if __name__ == "__main__":
    ways = {"store": into_store, "pool": by_pool, "files": by_files}
    print(ways[sys.argv[1]](sys.argv[3:], int(sys.argv[2])))
