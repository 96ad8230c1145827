"""Long recordings: memory must not grow with length."""

from __future__ import annotations

from benchmarks.base import Benchmark, Check, Outcome, Setting
from benchmarks.child import emotone, measure
from benchmarks.speech import tile, write_long

MAX_MEGABYTES = 300.0
MAX_GROWTH = 1.10
LENGTHS = {"ten minutes": 600.0, "two hours": 7200.0}
QUICK_LENGTHS = {"ten minutes": 600.0, "half an hour": 1800.0}


def run(setting: Setting) -> Outcome:
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


BENCHMARK = Benchmark(run)
