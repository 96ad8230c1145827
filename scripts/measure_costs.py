"""Measure what an analysis costs: processor time per recording, and megabytes, of each model and of openSMILE.

    python -m scripts.measure_costs

Writes results/bench/costs.json, from which docs/results/costs.md and the first table of the README are made. Processor
time of one thread depends little on other load; run it on an otherwise idle machine all the same.
"""

from __future__ import annotations

import json
import platform
import time
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from scripts.pages.markdown import RESULTS, ROOT

import emotone
from emotone.audio.read import read
from emotone.bundles.library import load, shipped_names
from emotone.features.functionals.opensmile import FeatureSet, OpenSmile
from emotone.files import atomic_write

if TYPE_CHECKING:
    from collections.abc import Callable

RECORDINGS = ("even", "loud-fast-high", "soft-slow-low")  # of about 3 s, in examples/
FEATURE_SETS: tuple[FeatureSet, ...] = ("eGeMAPSv02", "IS09", "IS10", "ComParE_2016")
REPEATS = 7
COSTS = RESULTS / "bench" / "costs.json"
MEGABYTE = 1e6


def main() -> None:
    """Measure every system and write the file."""
    paths = [ROOT / "examples" / f"{name}.flac" for name in RECORDINGS]
    seconds = sum(len(read(path, rate=16_000)[0]) / 16_000 for path in paths)
    systems: dict[str, dict[str, float]] = {}
    for name in shipped_names():
        model = emotone.load(name)
        systems[name] = {"ms": _cost(model.predict, paths, seconds), "megabytes": _size(name)}
        print(name, systems[name], flush=True)
    for feature_set in FEATURE_SETS:
        spec = OpenSmile(feature_set=feature_set)
        cost = _cost(partial(_functionals, spec), paths, seconds)
        systems[f"opensmile-{feature_set}"] = {"ms": cost, "megabytes": _package("opensmile")}
        print(feature_set, systems[f"opensmile-{feature_set}"], flush=True)
    about = {"processor": platform.processor() or platform.machine(), "seconds": 3, "repeats": REPEATS}
    with atomic_write(COSTS, text=True) as stream:
        stream.write(json.dumps({**about, "emotone": emotone.__version__, "systems": systems}, indent=1) + "\n")


def _cost(analyse: Callable[[Path], object], paths: list[Path], seconds: float) -> float:
    """Return milliseconds of a processor per 3 s of sound: median of the repeats, after one that is not counted."""
    found = []
    for _ in range(REPEATS + 1):
        start = time.process_time()
        for path in paths:
            analyse(path)
        found.append(1000 * (time.process_time() - start) * 3 / seconds)
    return round(median(found[1:]), 2)


def _functionals(spec: OpenSmile, path: Path) -> object:
    return spec.compute(read(path, rate=spec.rate)[0])


def _size(name: str) -> float:
    """Return the megabytes of a model's network and head."""
    contents = load(name).contents()
    return round(sum(len(data) for file, data in contents.items() if file in {"model.onnx", "head.npz"}) / MEGABYTE, 2)


def _package(name: str) -> float:
    """Return the megabytes of an installed package."""
    module = __import__(name)
    files = Path(str(module.__file__)).parent.rglob("*")
    return round(sum(file.stat().st_size for file in files if file.is_file() and file.suffix != ".pyc") / MEGABYTE, 2)


if __name__ == "__main__":
    main()
