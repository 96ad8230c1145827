"""Run the benchmarks: print, write the page of results, and fail where a bound is not kept.

    python benchmarks/run.py [--quick] [--only NAME]... [--model NAME|DIR]

A quick or partial run prints only; the page and the JSON are written by a whole run.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE, DATA = ROOT / "docs/results/speed.md", ROOT / "results/bench/speed.json"


def main() -> int:
    """Return the exit status: 1 where a bound is not kept."""
    sys.path.insert(0, str(ROOT))  # run as a script, the folder of benchmarks is there instead
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    from benchmarks.base import BENCHMARKS, Setting
    from benchmarks.machine import machine
    from benchmarks.report import as_json, markdown, text

    parser = argparse.ArgumentParser(description="Measure emotone's speed and memory against their bounds.")
    parser.add_argument("--quick", action="store_true", help="fewer clips and repeats")
    parser.add_argument("--only", action="append", choices=BENCHMARKS.names, help="may be given several times")
    parser.add_argument("--model", default="default", help="a shipped model, or a bundle's folder")
    asked = parser.parse_args()
    found = machine()  # before our own work adds to the load
    print(f"{found['processor']}; other load: {found['other load']}", flush=True)
    outcomes = {}
    with tempfile.TemporaryDirectory(prefix="emotone-bench-") as folder:
        setting = Setting(model=asked.model, quick=asked.quick, folder=Path(folder))
        for name in asked.only or BENCHMARKS.names:
            outcomes[name] = BENCHMARKS.get(name).run(setting)
            print(text(name, outcomes[name]), flush=True)
    if not asked.quick and not asked.only and asked.model == "default":
        for path, content in ((PAGE, markdown), (DATA, as_json)):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content(outcomes, found, model=asked.model), encoding="utf-8")
        print(f"written: {PAGE.relative_to(ROOT)}, {DATA.relative_to(ROOT)}")
    broken = [check.name for outcome in outcomes.values() for check in outcome.checks if not check.holds]
    if broken:
        print(f"not kept: {'; '.join(broken)}", file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
