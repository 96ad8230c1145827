"""An epoch on raw samples, compared with a simple implementation."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from benchmarks.base import ROOT, Benchmark, Check, Outcome
from benchmarks.child import environment
from benchmarks.speech import clips

if TYPE_CHECKING:
    from benchmarks.base import Setting

TITLE = "Training the multi-domain network on real clips of raw samples, compared with one recording at a time"
METHOD = (
    "emotone: recordings are read once and stay in memory; batches of 16 contain the 3.375 s that the network "
    "processes. One at a time: every recording is decoded in every epoch, padded to the longest, and processed "
    "separately; gradients are summed over 16. Both have the same order, weights and steps, and no dropout. Times are "
    "of the faster of two epochs after reading, each in its own process, in seconds per 1,000 clips. The ratio is of "
    "processor time with one thread. Memory is that above the imports. Logits are compared after two epochs of 64 "
    "clips, which are 8 steps: AdaDelta's steps do not shrink with the gradients, so rounding differences accumulate."
)
MIN_RATIO = 3.0
MAX_DIFFERENCE = 1e-5  # between logits
MAX_MEGABYTES = 1024.0
CLIPS, FEW_CLIPS, EPOCHS = 320, 64, 2
WAYS = (("ours", 1), ("ours", 2), ("straight", 1))
WORKER = Path(__file__).resolve().parent.parent / "training_worker.py"


def run(setting: Setting) -> Outcome:
    """Measure each implementation once."""
    if setting.shared is None:
        return Outcome(TITLE, METHOD, skipped="no real recordings: set EMOTONE_SHARED, or provide ../shared")
    files = [str(path) for path in clips(setting.shared, count=FEW_CLIPS if setting.quick else CLIPS)]
    found = {way: _measured(*way, files) for way in WAYS}
    ours, straight = found["ours", 1], found["straight", 1]
    few = [_measured(way, 1, files[:FEW_CLIPS])["logits"] for way in ("ours", "straight")]
    difference = float(np.abs(np.subtract(*few)).max())
    checks = (
        Check("one recording at a time / emotone", straight["processor"] / ours["processor"], ">=", MIN_RATIO, ""),
        Check("difference of logits", difference, "<=", MAX_DIFFERENCE, ""),
        Check("memory of emotone", ours["megabytes"], "<=", MAX_MEGABYTES, "MB"),
    )
    rows = tuple(
        (
            {"ours": "emotone", "straight": "one recording at a time"}[way],
            str(threads),
            *(f"{1000 * measured[kind] / len(files):.1f}" for kind in ("processor", "wall")),
            f"{measured['megabytes']:.0f}",
        )
        for (way, threads), measured in found.items()
    )
    return Outcome(TITLE, METHOD, checks, ("implementation", "threads", "processor s", "wall-clock s", "MB"), rows)


def _measured(way: str, threads: int, files: list[str]) -> dict[str, Any]:
    command = [sys.executable, str(WORKER), way, str(threads), str(EPOCHS), *files]
    given = {**environment(), "OMP_NUM_THREADS": str(threads), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=given)
    measured: dict[str, Any] = json.loads(done.stdout)
    return measured


BENCHMARK = Benchmark(run)
