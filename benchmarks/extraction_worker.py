"""Extract IS10 functionals of files into the feature store with N processes; print the seconds without imports.

python extraction_worker.py N FILE...
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from emotone.features.functionals.opensmile import OpenSmile
from emotone.features.store import FeatureStore
from emotone.types import Utterance


def main(workers: int, paths: list[str]) -> float:
    """Return the seconds of one extraction."""
    utterances = [
        Utterance(str(number), "bench", Path(path), 0.0, None, "", "", "neutral") for number, path in enumerate(paths)
    ]
    start = time.perf_counter()
    extracted = FeatureStore("opensmile", OpenSmile("IS10")).extract(utterances, workers=workers)
    seconds = time.perf_counter() - start
    if len(extracted.features) != len(paths):
        raise RuntimeError(f"{len(extracted.problems)} of {len(paths)} files failed: {extracted.problems[0].message}")
    return seconds


if __name__ == "__main__":
    print(main(int(sys.argv[1]), sys.argv[2:]))
