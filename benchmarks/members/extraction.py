"""Extraction of IS10 functionals into the feature store, compared with openSMILE on the same files."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import soundfile
from benchmarks.base import Benchmark, Check, Outcome
from benchmarks.child import environment
from benchmarks.speech import clips

if TYPE_CHECKING:
    from benchmarks.base import Setting

TITLE = "IS10 functionals of real clips with two processes, compared with openSMILE"
METHOD = (
    "Ours: `FeatureStore.extract` with 2 workers from an empty cache: starting the workers, hashing and decoding every "
    "file, openSMILE, one file written per clip. openSMILE: a pool of 2 started processes, "
    "decoding included. One run each, one after the other, ours first."
)
MAX_RATIO = 1.10
CLIPS, QUICK_CLIPS, WORKERS = 3000, 300, 2
PACKAGE_FOLDER = Path(__file__).resolve().parent.parent


def run(setting: Setting) -> Outcome:
    """Measure once: a minute each averages over other load."""
    if setting.shared is None:
        return Outcome(TITLE, METHOD, skipped="no real recordings: set EMOTONE_SHARED, or provide ../shared")
    files = [str(path) for path in clips(setting.shared, count=QUICK_CLIPS if setting.quick else CLIPS)]
    sound = sum(soundfile.info(file).duration for file in files)
    with tempfile.TemporaryDirectory(dir=setting.folder) as cache:
        ours = _timed("extraction_worker.py", str(WORKERS), *files, cache=cache)
        bare = _timed("opensmile_worker.py", "pool", str(WORKERS), *files, cache=cache)
    rows = tuple(
        (name, f"{seconds:.1f}", f"{1000 * seconds / len(files):.1f}", f"{seconds / sound:.4f}")
        for name, seconds in (("emotone, into the store", ours), ("openSMILE", bare))
    )
    check = Check(f"ratio, {len(files)} clips", ours / bare, "<=", MAX_RATIO, "")
    return Outcome(TITLE, METHOD, (check,), ("what", "seconds", "ms per clip", "real-time factor"), rows)


def _timed(script: str, *arguments: str, cache: str) -> float:
    command = [sys.executable, str(PACKAGE_FOLDER / script), *arguments]
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, env={**environment(), "EMOTONE_CACHE": cache}
    )
    return float(done.stdout)


BENCHMARK = Benchmark(run)
