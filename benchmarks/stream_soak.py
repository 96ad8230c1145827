"""Memory of a server under live streams that come and go for a long time.

    python benchmarks/stream_soak.py --minutes 30 --sessions 20

Starts a server, and prints a line per round: minutes, streams that have ended, resident memory, and the delay of
events. The events of every stream must equal those of a local session. Memory of the last half must not exceed that of
the round before it by more than 5 %.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # as a program, not a module

from benchmarks.server_process import ServerProcess
from benchmarks.stream_load import make_plan, run

MAX_GROWTH = 1.05


def soak(*, minutes: float, sessions: int, seconds: float, model: str) -> int:
    """Run rounds of streams; return 1 if a stream failed or memory grew."""
    memory: list[float] = []
    failures: list[str] = []
    with ServerProcess("--sessions", str(2 * sessions), "--model", model) as server:
        plan = make_plan(server.stream_url, model, seconds=seconds, chunk_seconds=0.1)
        begin = time.monotonic()
        while time.monotonic() - begin < 60 * minutes:
            found = asyncio.run(run(plan, sessions=sessions))
            failures += found.failures
            memory.append(server.resident_megabytes)
            delay = f"p95 {1000 * np.percentile(found.delays, 95):.0f} ms" if found.delays else "no events"
            passed = (time.monotonic() - begin) / 60
            print(f"{passed:5.1f} min  {len(memory) * sessions:5} streams  {memory[-1]:6.1f} MB  {delay}", flush=True)
    for failure in sorted(set(failures)):
        print(f"{failures.count(failure)} streams failed: {failure}", file=sys.stderr)
    grew = len(memory) > 1 and max(memory[len(memory) // 2 :]) > MAX_GROWTH * memory[(len(memory) - 1) // 2]
    if grew:
        print("the memory grew", file=sys.stderr)
    return 1 if failures or grew else 0


def main() -> int:
    """Return the exit status."""
    parser = argparse.ArgumentParser(description="Measure the memory of a server under streams that come and go.")
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--sessions", type=int, default=20, help="streams at the same time")
    parser.add_argument("--seconds", type=float, default=20.0, help="duration of a stream")
    parser.add_argument("--model", default="default")
    given = parser.parse_args()
    return soak(minutes=given.minutes, sessions=given.sessions, seconds=given.seconds, model=given.model)


if __name__ == "__main__":
    sys.exit(main())
