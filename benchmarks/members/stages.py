"""Where the time of one clip goes, in a process that is warm."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

from benchmarks.base import Benchmark, Outcome, Setting
from benchmarks.speech import write_short

import emotone
from emotone.audio.activity import speech_activity
from emotone.audio.read import read

if TYPE_CHECKING:
    from collections.abc import Callable

CLIP_SECONDS = 3.0
REPEATS, QUICK_REPEATS = 50, 10


def run(setting: Setting) -> Outcome:
    """Measure each stage by itself, and all of them together."""
    path = write_short(setting.folder / "stages.flac", seconds=CLIP_SECONDS)
    model = emotone.load(setting.model)
    bundle = model.bundle
    signal, _ = read(path, rate=bundle.feature.rate)
    rows = bundle.feature.compute(signal)
    repeats = QUICK_REPEATS if setting.quick else REPEATS
    stages: dict[str, Callable[[], object]] = {
        "decode": lambda: read(path, rate=bundle.feature.rate),
        "find speech": lambda: speech_activity(signal),
        "front end": lambda: bundle.feature.compute(signal),
        "net": lambda: bundle.probabilities(rows[None]),
        "model.predict(path), all of it": lambda: model.predict(path),
    }
    measured = {name: _milliseconds(stage, repeats) for name, stage in stages.items()}
    return Outcome(
        title=f"Stages of one {CLIP_SECONDS:g} s clip, warm",
        method=f"One process, one thread, 16 kHz FLAC; median of {repeats}.",
        header=("stage", "ms"),
        rows=tuple((name, f"{value:.2f}") for name, value in measured.items()),
    )


def _milliseconds(work: Callable[[], object], repeats: int) -> float:
    work()  # the first time loads and compiles
    taken = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return 1000 * statistics.median(taken)


BENCHMARK = Benchmark(run)
