"""Time of `import emotone`, and packages that it must not load."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

from benchmarks.base import Benchmark, Check, Outcome, Setting

MAX_SECONDS = 0.1
REPEATS, QUICK_REPEATS = 21, 7
HEAVY = ("torch", "pandas", "numpy", "onnxruntime", "click", "rich", "fastapi", "scipy", "pyarrow")
IMPORT = "import emotone"


def run(setting: Setting) -> Outcome:
    """Measure the interpreter with and without the import, alternately."""
    bare, whole = [], []
    for _ in range(QUICK_REPEATS if setting.quick else REPEATS):
        bare.append(_seconds("pass"))
        whole.append(_seconds(IMPORT))
    without, with_import = statistics.median(bare), statistics.median(whole)
    loaded = _loaded()
    return Outcome(
        title="import emotone",
        method=f"Complete processes, alternately, median of {len(whole)}; the start of the interpreter is subtracted.",
        checks=(
            Check("import emotone", with_import - without, "<", MAX_SECONDS, "s"),
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


BENCHMARK = Benchmark(run)
