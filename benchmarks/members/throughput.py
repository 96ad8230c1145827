"""A folder of real clips: `emotone predict` compared with openSMILE IS10, with the same number of processes."""

from __future__ import annotations

import statistics
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import soundfile
from benchmarks.base import Benchmark, Check, Outcome
from benchmarks.child import emotone, environment, measure
from benchmarks.speech import clips, linked

if TYPE_CHECKING:
    from benchmarks.base import Setting

TITLE = "A folder of real clips, compared with openSMILE IS10"
METHOD = (
    "`emotone predict DIR --format jsonl --out DIR2 --workers N` as a complete process: start, imports, loading and "
    "checking the model, decoding, prediction, one file written per clip. openSMILE (Python package, IS10, 1582 "
    "functionals) runs in the faster of two ways, its own `process_files` with N workers or a pool of N processes; its "
    "time includes decoding, but neither start nor imports. Runs alternate; medians."
)
MIN_RATIOS = {"default": 1.8, "small": 5.0}  # both are measured, unless another model is given
CLIPS, REPEATS = 500, 3
QUICK_CLIPS, QUICK_REPEATS = 100, 1


def run(setting: Setting) -> Outcome:
    """Measure with one and two processes."""
    if setting.shared is None:
        return Outcome(TITLE, METHOD, skipped="no real recordings: set EMOTONE_SHARED, or provide ../shared")
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
    return Outcome(title, METHOD, tuple(checks), header, tuple(rows))


def _emotone(model: str, folder: Path, workers: int, out: Path, *, expected: int) -> float:
    arguments = ["predict", str(folder), "--model", model, "--format", "jsonl", "--out", str(out), "--quiet"]
    usage = measure(emotone(*arguments, "--workers", str(workers)))
    written = len(list(out.glob("*.jsonl")))
    if written != expected:
        raise RuntimeError(f"{written} results were written for {expected} clips")
    return usage.seconds


def _opensmile(way: str, files: list[str], workers: int) -> float:
    command = [
        sys.executable,
        str(Path(__file__).resolve().parent.parent / "opensmile_worker.py"),
        way,
        str(workers),
        *files,
    ]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment())
    return float(done.stdout)


def _row(name: str, seconds: float, count: int, sound: float) -> tuple[str, ...]:
    per_clip, per_second = 1000 * seconds / count, count / seconds
    return (name, f"{seconds:.2f}", f"{per_clip:.1f}", f"{per_second:.0f}", f"{seconds / sound:.4f}")


BENCHMARK = Benchmark(run)
