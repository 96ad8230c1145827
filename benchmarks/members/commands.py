"""Time and memory of emotone as a user starts it: the import, one clip, and long recordings."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from benchmarks.base import Benchmark, Check, Outcome, Setting, tile, write_long, write_short
from benchmarks.child import emotone, measure

from emotone.audio.read import read
from emotone.audio.speech_network import network_activity
from emotone.inference.model import load

if TYPE_CHECKING:
    from collections.abc import Callable


# ----------------------------------------------------------------------------------------------------------------------
# Time of `import emotone`, and packages that it must not load.

MAX_IMPORT_SECONDS = 0.1
IMPORT_REPEATS, QUICK_IMPORT_REPEATS = 21, 7
HEAVY = ("torch", "pandas", "numpy", "onnxruntime", "click", "rich", "fastapi", "scipy", "pyarrow")
IMPORT = "import emotone"


def run_imports(setting: Setting) -> Outcome:
    """Measure the interpreter with and without the import, alternately."""
    bare, whole = [], []
    for _ in range(QUICK_IMPORT_REPEATS if setting.quick else IMPORT_REPEATS):
        bare.append(_seconds("pass"))
        whole.append(_seconds(IMPORT))
    without, with_import = statistics.median(bare), statistics.median(whole)
    loaded = _loaded()
    return Outcome(
        title="import emotone",
        method=f"Complete processes, alternately, median of {len(whole)}; the start of the interpreter is subtracted.",
        checks=(
            Check("import emotone", with_import - without, "<", MAX_IMPORT_SECONDS, "s"),
            Check(f"of {', '.join(HEAVY)} loaded", len(loaded), "<=", 0, "modules"),
        ),
        header=("command", "ms"),
        rows=(
            ("python -c pass", f"{1000 * without:.0f}"),
            (f"python -c '{IMPORT}'", f"{1000 * with_import:.0f}"),
            ("the import", f"{1000 * (with_import - without):.0f}"),
        ),
    )


def _seconds(code: str) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - start


def _loaded() -> list[str]:
    code = f"{IMPORT}, sys; print(*(name for name in {HEAVY!r} if name in sys.modules))"
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()


IMPORTS = Benchmark(run_imports)


# ----------------------------------------------------------------------------------------------------------------------
# Time of `emotone predict` for a short clip in a new process.

MAX_COLD_SECONDS = 1.0
CLIP_SECONDS = 3.0
COLD_REPEATS, QUICK_COLD_REPEATS = 7, 3


def run_cold(setting: Setting) -> Outcome:
    """Measure complete processes."""
    path = write_short(setting.folder / "clip.wav", seconds=CLIP_SECONDS)
    rows = []
    checks = []
    for chosen in ("text", "json"):
        command = emotone("predict", str(path), "--model", setting.model, "--format", chosen)
        usages = [measure(command) for _ in range(QUICK_COLD_REPEATS if setting.quick else COLD_REPEATS)]
        seconds = [usage.seconds for usage in usages]
        middle, worst = statistics.median(seconds), max(seconds)
        checks.append(Check(f"cold emotone predict, --format {chosen}, median", middle, "<", MAX_COLD_SECONDS, "s"))
        processor = statistics.median(usage.processor for usage in usages)
        peak = max(usage.megabytes for usage in usages)
        rows.append((chosen, f"{middle:.2f}", f"{worst:.2f}", f"{processor:.2f}", f"{peak:.0f}"))
    return Outcome(
        title=f"emotone predict of one {CLIP_SECONDS:g} s clip, cold",
        method=f"A new process for each of {len(seconds)} runs: start, imports, model, clip, output.",
        checks=tuple(checks),
        header=("format", "median s", "slowest s", "processor s", "peak memory MB"),
        rows=tuple(rows),
    )


COLD = Benchmark(run_cold)


# ----------------------------------------------------------------------------------------------------------------------
# Processor time of the stages of one clip, in a warm process.

STAGE_REPEATS, QUICK_STAGE_REPEATS = 50, 10


def run_stages(setting: Setting) -> Outcome:
    """Measure each stage separately, and the whole prediction."""
    path = write_short(setting.folder / "stages.flac", seconds=CLIP_SECONDS)
    model = load(setting.model)
    bundle = model.bundle
    signal, _ = read(path, rate=bundle.feature.rate)
    rows = bundle.feature.compute(signal)
    repeats = QUICK_STAGE_REPEATS if setting.quick else STAGE_REPEATS
    stages: dict[str, Callable[[], object]] = {
        "decode": lambda: read(path, rate=bundle.feature.rate),
        "speech activity": lambda: network_activity(signal),
        "front end": lambda: bundle.feature.compute(signal),
        "network": lambda: bundle.probabilities(rows[None]),
        "model.predict(path), all stages": lambda: model.predict(path),
    }
    measured = {name: _milliseconds(stage, repeats) for name, stage in stages.items()}
    return Outcome(
        title=f"Stages of one {CLIP_SECONDS:g} s clip, warm",
        method=f"One process, one thread, 16 kHz FLAC; median of {repeats}.",
        header=("stage", "ms"),
        rows=tuple((name, f"{value:.2f}") for name, value in measured.items()),
    )


def _milliseconds(work: Callable[[], object], repeats: int) -> float:
    work()  # warm-up
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return 1000 * statistics.median(seconds)


STAGES = Benchmark(run_stages)


# ----------------------------------------------------------------------------------------------------------------------
# Long recordings: memory must not grow with length.

MAX_MEGABYTES = 300.0
MAX_GROWTH = 1.10
LENGTHS = {"ten minutes": 600.0, "two hours": 7200.0}
QUICK_LENGTHS = {"ten minutes": 600.0, "half an hour": 1800.0}


def run_memory(setting: Setting) -> Outcome:
    """Predict two lengths of the same speech."""
    speech = tile(setting)
    rows, peaks = [], []
    for name, seconds in (QUICK_LENGTHS if setting.quick else LENGTHS).items():
        path = write_long(setting.folder / f"{round(seconds)}.wav", seconds=seconds, tile=speech)
        usage = measure(emotone("predict", str(path), "--model", setting.model, "--format", "jsonl"))
        path.unlink()
        peaks.append(usage.megabytes)
        factor, times = usage.seconds / seconds, seconds / usage.seconds
        rows.append((name, f"{usage.megabytes:.0f}", f"{usage.seconds:.1f}", f"{factor:.5f}", f"{times:.0f}"))
    return Outcome(
        title="Long recordings",
        method="Speech with noise, 16 kHz WAV, one process; peak of resident memory reported by the kernel.",
        checks=(
            Check(f"peak memory, {rows[-1][0]}", peaks[-1], "<", MAX_MEGABYTES, "MB"),
            Check(f"peak memory, {rows[-1][0]} / {rows[0][0]}", peaks[-1] / peaks[0], "<=", MAX_GROWTH, ""),
        ),
        header=("length", "peak memory MB", "seconds", "real-time factor", "times real time"),
        rows=tuple(rows),
    )


MEMORY = Benchmark(run_memory)
