"""Extract IS10 functionals of files with openSMILE in N processes; print the seconds without start and imports.

python opensmile_worker.py pool|files N FILE...
"""

from __future__ import annotations

import sys
import time
from multiprocessing import get_context

import opensmile


def _extractor(workers: int) -> opensmile.Smile:
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
    ways = {"pool": by_pool, "files": by_files}
    print(ways[sys.argv[1]](sys.argv[3:], int(sys.argv[2])))
