"""Processor time of the stages of one clip, in a warm process."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

from benchmarks.base import Benchmark, Outcome, Setting
from benchmarks.speech import write_short

import emotone
from emotone.audio.read import read
from emotone.audio.speech_network import network_activity

if TYPE_CHECKING:
    from collections.abc import Callable

CLIP_SECONDS = 3.0
REPEATS, QUICK_REPEATS = 50, 10


def run(setting: Setting) -> Outcome:
    """Measure each stage separately, and the whole prediction."""
    path = write_short(setting.folder / "stages.flac", seconds=CLIP_SECONDS)
    model = emotone.load(setting.model)
    bundle = model.bundle
    signal, _ = read(path, rate=bundle.feature.rate)
    rows = bundle.feature.compute(signal)
    repeats = QUICK_REPEATS if setting.quick else REPEATS
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


BENCHMARK = Benchmark(run)
