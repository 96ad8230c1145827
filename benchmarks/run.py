"""Run the benchmarks, print and write the results, and fail if a bound is violated.

    python benchmarks/run.py [--quick] [--only NAME]... [--model NAME|DIR]

Only a complete run writes the page and the JSON file; a quick or partial one prints its results.
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
    """Return the exit status: 1 if a bound is violated."""
    sys.path.insert(0, str(ROOT))  # as a script, the folder of benchmarks is on the path instead
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    from benchmarks.base import BENCHMARKS, Setting, as_json, machine, markdown, text

    parser = argparse.ArgumentParser(description="Measure emotone's speed and memory against their bounds.")
    parser.add_argument("--quick", action="store_true", help="fewer clips and repetitions")
    parser.add_argument("--only", action="append", choices=BENCHMARKS.names, help="may be given repeatedly")
    parser.add_argument("--model", default="default", help="name of a shipped model, or folder of a bundle")
    arguments = parser.parse_args()
    described = machine()  # before the benchmarks add to the load
    print(f"{described['processor']}; other load: {described['other load']}", flush=True)
    outcomes = {}
    with tempfile.TemporaryDirectory(prefix="emotone-bench-") as folder:
        setting = Setting(model=arguments.model, quick=arguments.quick, folder=Path(folder))
        for name in arguments.only or BENCHMARKS.names:
            outcomes[name] = BENCHMARKS.get(name).run(setting)
            print(text(name, outcomes[name]), flush=True)
    if not arguments.quick and not arguments.only and arguments.model == "default":
        for path, content in ((PAGE, markdown), (DATA, as_json)):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content(outcomes, described, model=arguments.model), encoding="utf-8")
        print(f"written: {PAGE.relative_to(ROOT)}, {DATA.relative_to(ROOT)}")
    violated = [check.name for outcome in outcomes.values() for check in outcome.checks if not check.holds]
    if violated:
        print(f"violated: {'; '.join(violated)}", file=sys.stderr)
    return 1 if violated else 0


if __name__ == "__main__":
    sys.exit(main())
