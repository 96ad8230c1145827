"""Measure bulk prediction: an engine against as many plain processes, memory, and a run that is killed and resumed.

    python -m scripts.measure_bulk ARCHIVE --model small --workers 2

`ARCHIVE` is a folder of recordings. A plain process loads the model, analyses its share of the recordings in a loop and
writes one file: what a shell script with GNU parallel would do. Processor time is that of all processes of a run, their
starts included; it depends less on other work of the machine than the duration does. Linux only.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from emotone.inference.inputs import AUDIO_SUFFIXES

PLAIN = """
import sys
from pathlib import Path
import emotone
from emotone.inference.saving import FORMATS, Page
model, names, out = emotone.load(sys.argv[1]), Path(sys.argv[2]).read_text().split("\\n"), sys.argv[3]
share, shares = int(sys.argv[4]), int(sys.argv[5])
with open(out, "wb") as stream:
    writer = FORMATS.get("parquet").open(stream, Page(labels=model.labels))
    for name in names[share::shares]:
        for result in model.attempt(name):
            writer.write(result)
    writer.finish()
"""
PAUSE = 0.5  # seconds between looks at the processes


@dataclass
class Usage:
    """What a run used.

    Attributes:
        wall: seconds from start to end.
        cpu: seconds of all processors.
        memory: largest resident memory of one process, in MB, in each tenth of the run.

    """

    wall: float = 0.0
    cpu: float = 0.0
    memory: list[float] = field(default_factory=list)


def measured(commands: list[list[str]], *, kill_when: Any = None) -> Usage:
    """Run commands at the same time, and return what they and their descendants used.

    Args:
        commands: arguments of each.
        kill_when: called repeatedly; as soon as it returns true, the processes are killed.

    """
    started = time.monotonic()
    processes = [subprocess.Popen(command) for command in commands]
    seen: list[float] = []
    done = threading.Event()

    def watch() -> None:
        while not done.wait(PAUSE):
            pids = [pid for process in processes for pid in descendants(process.pid)]
            seen.append(max((resident(pid) for pid in pids), default=0.0))
            if kill_when is not None and kill_when():
                for process in processes:
                    os.kill(process.pid, signal.SIGKILL)
                return

    watcher = threading.Thread(target=watch)
    watcher.start()
    usages = [os.wait4(process.pid, 0)[2] for process in processes]
    done.set()
    watcher.join()
    tenths = [seen[len(seen) * tenth // 10 : len(seen) * (tenth + 1) // 10] for tenth in range(10)]
    return Usage(
        time.monotonic() - started,
        sum(usage.ru_utime + usage.ru_stime for usage in usages),
        [round(max(values)) for values in tenths if values],
    )


def descendants(pid: int) -> list[int]:
    """Return a process and all processes below it; none if it ended."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [pid, *(below for child in children for below in descendants(int(child)))]


def resident(pid: int) -> float:
    """Return the resident memory of a process in MB; 0 if it ended."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def main(arguments: list[str] | None = None) -> None:
    """Measure, and print a row per run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("archive", type=Path)
    parser.add_argument("--model", default="small")
    parser.add_argument("--engine", default="local")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--limit", type=int, default=0, help="use the first recordings only")
    parser.add_argument("--work", type=Path, required=True, help="an empty folder for results")
    given = parser.parse_args(arguments)
    names = sorted(str(path) for path in given.archive.rglob("*") if path.suffix in AUDIO_SUFFIXES)
    names = names[: given.limit or None]
    given.work.mkdir(parents=True, exist_ok=True)
    listing = given.work / "recordings.txt"
    listing.write_text("\n".join(names))
    python, shares = sys.executable, given.workers
    shared = [given.model, str(listing)]
    plain = [
        [python, "-c", PLAIN, *shared, str(given.work / f"{share}.parquet"), str(share), str(shares)]
        for share in range(shares)
    ]
    bulk = [python, "-m", "emotone", "predict", str(listing), "--model", given.model, "--engine", given.engine]
    bulk += ["--workers", str(shares), "--quiet", "--out"]
    report("plain processes", measured(plain), names)
    whole, halves = given.work / "whole", given.work / "halves"
    report(f"engine {given.engine}", measured([[*bulk, str(whole)]]), names)
    parts = len(list(whole.glob("part-*")))
    done = halves / "_run/done"
    report("killed", measured([[*bulk, str(halves)]], kill_when=lambda: len(list(done.glob("*"))) >= parts / 2), names)
    kept = len(list(done.glob("*")))
    report(f"resumed after {kept} of {parts} parts", measured([[*bulk, str(halves), "--resume"]]), names)
    same = all((halves / path.name).read_bytes() == path.read_bytes() for path in whole.glob("part-*"))
    print(json.dumps({"parts": parts, "same bytes after kill and resume": same}), flush=True)


def report(name: str, usage: Usage, names: list[str]) -> None:
    """Print a row."""
    row = {
        "run": name,
        "recordings": len(names),
        "seconds": round(usage.wall, 1),
        "processor seconds": round(usage.cpu, 1),
        "per second": round(len(names) / usage.wall, 1),
        "ms of a processor per recording": round(1000 * usage.cpu / len(names), 2),
        "MB per process, by tenth": usage.memory,
    }
    print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
