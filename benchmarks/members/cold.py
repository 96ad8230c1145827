"""Time of `emotone predict` for a short clip in a new process."""

from __future__ import annotations

import statistics

from benchmarks.base import Benchmark, Check, Outcome, Setting
from benchmarks.child import emotone, measure
from benchmarks.speech import write_short

MAX_SECONDS = 1.0
CLIP_SECONDS = 3.0
REPEATS, QUICK_REPEATS = 7, 3


def run(setting: Setting) -> Outcome:
    """Measure complete processes."""
    path = write_short(setting.folder / "clip.wav", seconds=CLIP_SECONDS)
    rows = []
    checks = []
    for chosen in ("text", "json"):
        command = emotone("predict", str(path), "--model", setting.model, "--format", chosen)
        usages = [measure(command) for _ in range(QUICK_REPEATS if setting.quick else REPEATS)]
        seconds = [usage.seconds for usage in usages]
        middle, worst = statistics.median(seconds), max(seconds)
        checks.append(Check(f"cold emotone predict, --format {chosen}, median", middle, "<", MAX_SECONDS, "s"))
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


BENCHMARK = Benchmark(run)
