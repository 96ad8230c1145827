"""Comparison with openSMILE on the same files: prediction, and extraction of its features."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import soundfile
from benchmarks.base import Benchmark, Check, Outcome, clips, linked
from benchmarks.child import emotone, environment, measure

if TYPE_CHECKING:
    from benchmarks.base import Setting

WORKER = Path(__file__).resolve().parent.parent / "opensmile_worker.py"


# ----------------------------------------------------------------------------------------------------------------------
# A folder of real clips: `emotone predict` compared with openSMILE IS10, with the same number of processes.

PREDICTION_TITLE = "A folder of real clips, compared with openSMILE IS10"
PREDICTION_METHOD = (
    "`emotone predict DIR --format jsonl --out DIR2 --workers N` as a complete process: start, imports, loading and "
    "checking the model, decoding, prediction, one file written per clip. openSMILE (Python package, IS10, 1582 "
    "functionals) runs in the faster of two ways, its own `process_files` with N workers or a pool of N processes; its "
    "time includes decoding, but neither start nor imports. Runs alternate; medians."
)
MIN_RATIOS = {"default": 1.8, "small": 5.0}  # both are measured, unless another model is given
CLIPS, REPEATS = 500, 3
QUICK_CLIPS, QUICK_REPEATS = 100, 1


def run_throughput(setting: Setting) -> Outcome:
    """Measure with one and two processes."""
    if setting.shared is None:
        return Outcome(
            PREDICTION_TITLE, PREDICTION_METHOD, skipped="no real recordings: set EMOTONE_SHARED, or provide ../shared"
        )
    paths = clips(setting.shared, count=QUICK_CLIPS if setting.quick else CLIPS)
    folder = linked(paths, setting.folder / "clips")
    files = sorted(str(path) for path in folder.iterdir())
    sound = sum(soundfile.info(file).duration for file in files)
    checks: list[Check] = []
    rows: list[tuple[str, ...]] = []
    models = MIN_RATIOS if setting.model in MIN_RATIOS else {setting.model: min(MIN_RATIOS.values())}
    for workers in (1, 2):
        ours: dict[str, list[float]] = {model: [] for model in models}
        theirs: dict[str, list[float]] = {"files": [], "pool": []}
        for repeat in range(QUICK_REPEATS if setting.quick else REPEATS):
            for model, seconds in ours.items():
                out = setting.folder / f"results-{Path(model).name}-{workers}-{repeat}"
                seconds.append(_emotone(model, folder, workers, out, expected=len(files)))
            for way, seconds in theirs.items():
                seconds.append(_opensmile(way, files, workers))
        slow, way = min((statistics.median(seconds), way) for way, seconds in theirs.items())
        for model, bound in models.items():
            fast = statistics.median(ours[model])
            name = f"{model}: times faster, {workers} process(es)"
            checks.append(Check(name, slow / fast, ">=", bound, ""))
            rows.append(_row(f"emotone {model}, {workers} process(es)", fast, len(files), sound))
        rows.append(_row(f"openSMILE IS10 ({way}), {workers} process(es)", slow, len(files), sound))
    header = ("what", "seconds", "ms per clip", "clips per second", "real-time factor")
    title = f"{len(files)} real clips ({sound / len(files):.1f} s on average), compared with openSMILE IS10"
    return Outcome(title, PREDICTION_METHOD, tuple(checks), header, tuple(rows))


def _emotone(model: str, folder: Path, workers: int, out: Path, *, expected: int) -> float:
    arguments = ["predict", str(folder), "--model", model, "--format", "jsonl", "--out", str(out), "--quiet"]
    usage = measure(emotone(*arguments, "--workers", str(workers)))
    written = len(list(out.glob("*.jsonl")))
    if written != expected:
        raise RuntimeError(f"{written} results were written for {expected} clips")
    return usage.seconds


def _opensmile(way: str, files: list[str], workers: int, **variables: str) -> float:
    command = [sys.executable, str(WORKER), way, str(workers), *files]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env={**environment(), **variables})
    return float(done.stdout)


def _row(name: str, seconds: float, count: int, sound: float) -> tuple[str, ...]:
    per_clip, per_second = 1000 * seconds / count, count / seconds
    return (name, f"{seconds:.2f}", f"{per_clip:.1f}", f"{per_second:.0f}", f"{seconds / sound:.4f}")


THROUGHPUT = Benchmark(run_throughput)


# ----------------------------------------------------------------------------------------------------------------------
# Extraction of IS10 functionals into the feature store, compared with openSMILE on the same files.

EXTRACTION_TITLE = "IS10 functionals of real clips with two processes, compared with openSMILE"
EXTRACTION_METHOD = (
    "Ours: `FeatureStore.extract` with 2 workers from an empty cache: starting the workers, hashing and decoding every "
    "file, openSMILE, one file written per clip. openSMILE: a pool of 2 started processes, "
    "decoding included. One run each, one after the other, ours first."
)
MAX_RATIO = 1.10
EXTRACTION_CLIPS, QUICK_EXTRACTION_CLIPS, WORKERS = 3000, 300, 2


def run_extraction(setting: Setting) -> Outcome:
    """Measure once: a minute each averages over other load."""
    if setting.shared is None:
        return Outcome(
            EXTRACTION_TITLE, EXTRACTION_METHOD, skipped="no real recordings: set EMOTONE_SHARED, or provide ../shared"
        )
    files = [
        str(path) for path in clips(setting.shared, count=QUICK_EXTRACTION_CLIPS if setting.quick else EXTRACTION_CLIPS)
    ]
    sound = sum(soundfile.info(file).duration for file in files)
    with tempfile.TemporaryDirectory(dir=setting.folder) as cache:
        ours = _opensmile("store", files, WORKERS, EMOTONE_CACHE=cache)
        bare = _opensmile("pool", files, WORKERS, EMOTONE_CACHE=cache)
    rows = tuple(
        (name, f"{seconds:.1f}", f"{1000 * seconds / len(files):.1f}", f"{seconds / sound:.4f}")
        for name, seconds in (("emotone, into the store", ours), ("openSMILE", bare))
    )
    check = Check(f"ratio, {len(files)} clips", ours / bare, "<=", MAX_RATIO, "")
    return Outcome(
        EXTRACTION_TITLE, EXTRACTION_METHOD, (check,), ("what", "seconds", "ms per clip", "real-time factor"), rows
    )


EXTRACTION = Benchmark(run_extraction)
