"""What `import emotone` costs, and what it must not load."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

from benchmarks.base import Benchmark, Check, Outcome, Setting

MOST_SECONDS = 0.1
REPEATS, QUICK_REPEATS = 21, 7
HEAVY = ("torch", "pandas", "numpy", "onnxruntime", "click", "rich", "fastapi", "scipy", "pyarrow")
IMPORT = "import emotone"


def run(setting: Setting) -> Outcome:
    """Measure the interpreter alone and with the import, in turns."""
    bare, whole = [], []
    for _ in range(QUICK_REPEATS if setting.quick else REPEATS):
        bare.append(_seconds("pass"))
        whole.append(_seconds(IMPORT))
    alone, together = statistics.median(bare), statistics.median(whole)
    loaded = _loaded()
    return Outcome(
        title="import emotone",
        method=f"Whole processes in turns, median of {len(whole)}; the interpreter's own start is taken away.",
        checks=(
            Check("import emotone", together - alone, "<", MOST_SECONDS, "s"),
            Check(f"of {', '.join(HEAVY)} loaded", len(loaded), "<=", 0, "modules"),
        ),
        header=("what", "ms"),
        rows=(
            ("python -c pass", f"{1000 * alone:.0f}"),
            (f"python -c '{IMPORT}'", f"{1000 * together:.0f}"),
            ("the import", f"{1000 * (together - alone):.0f}"),
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
