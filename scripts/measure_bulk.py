"""Measure bulk prediction, and simulate it on a cluster.

    python -m scripts.measure_bulk ARCHIVE --model small --workers 2 --work DIR
    python -m scripts.measure_bulk --simulate 100 --workers 1000 --hours 1e6

Measured are an engine against as many plain processes, memory, and a run that is killed and resumed. `ARCHIVE` is a
folder of recordings. A plain process loads the model, analyses its share of the recordings in a loop and writes one
file: what a shell script with GNU parallel would do. Processor time is that of all processes of a run, their starts
included; it depends less on other work of the machine than the duration does. Linux only.

Simulated are slow workers, lost workers, and the size of parts. A worker takes the next part when it is free. Its speed
has a lognormal distribution around that of `--simulate` (seconds of audio per second), and some workers are several
times slower. Workers are lost at random times; the part is then queued again and another worker starts after a while.
No part runs twice at the same time, as in Ray Data. Prints Markdown.
"""

from __future__ import annotations

import argparse
import heapq
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from emotone.inference.inputs import AUDIO_SUFFIXES

# ----------------------------------------------------------------------------------------------------------------------
# An engine against as many plain processes.

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


def measure(given: argparse.Namespace) -> None:
    """Measure, and print a row per run."""
    workers = given.workers or 2
    names = sorted(str(path) for path in given.archive.rglob("*") if path.suffix in AUDIO_SUFFIXES)
    names = names[: given.limit or None]
    given.work.mkdir(parents=True, exist_ok=True)
    listing = given.work / "recordings.txt"
    listing.write_text("\n".join(names))
    python, shares = sys.executable, workers
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


# ----------------------------------------------------------------------------------------------------------------------
# A cluster.

SPREAD = 0.15  # standard deviation of the logarithm of a worker's speed
SLOW_SHARE, SLOW_FACTOR = 0.02, 5.0  # of workers, and how much slower they are
RESTART = 120.0  # seconds until a lost worker is replaced and has loaded the model


@dataclass(frozen=True)
class Cluster:
    """What is simulated.

    Attributes:
        workers: number of processes.
        speed: seconds of audio per second, of the median worker.
        hours: of audio.
        recording: seconds.
        part_size: recordings in a part.
        lost_after: mean hours until a worker is lost; 0 never loses one.
        slow_share: of the workers.
        seed: of all random numbers.

    """

    workers: int
    speed: float
    hours: float
    recording: float = 300.0
    part_size: int = 256
    lost_after: float = 0.0
    slow_share: float = SLOW_SHARE
    seed: int = 0

    @property
    def parts(self) -> int:
        """Number of parts."""
        return max(1, round(self.hours * 3600 / self.recording / self.part_size))

    @property
    def ideal(self) -> float:
        """Hours if all workers were equal, none was lost, and parts could be divided."""
        return self.hours / self.speed / self.workers


@dataclass(frozen=True)
class Course:
    """How a run went.

    Attributes:
        hours: until the last part was complete.
        busy: share of the workers' time that led to results.
        lost: parts that were begun and lost.

    """

    hours: float
    busy: float
    lost: int


def simulate(cluster: Cluster) -> Course:
    """Return the course of a run, event by event."""
    rng = np.random.default_rng(cluster.seed)
    speeds = cluster.speed * np.exp(rng.normal(0, SPREAD, cluster.workers))
    speeds[rng.random(cluster.workers) < cluster.slow_share] /= SLOW_FACTOR
    audio = cluster.hours * 3600 / cluster.parts
    waiting: deque[int] = deque(range(cluster.parts))
    rate = 1 / (3600 * cluster.lost_after) if cluster.lost_after else 0.0
    running: list[tuple[float, int, bool]] = []
    lost, complete, useful, now = 0, 0, 0.0, 0.0
    idle: deque[int] = deque(range(cluster.workers))
    while complete < cluster.parts:
        while idle and waiting:
            worker, _ = idle.popleft(), waiting.popleft()
            seconds = audio / speeds[worker]
            failure = rng.exponential(1 / rate) if rate else np.inf
            if failure < seconds:
                heapq.heappush(running, (now + failure, worker, False))
            else:
                heapq.heappush(running, (now + seconds, worker, True))
        now, worker, ended = heapq.heappop(running)
        if worker < 0:  # a lost worker's replacement is ready
            idle.append(-worker - 1)
        elif ended:
            complete += 1
            useful += audio / speeds[worker]
            idle.append(worker)
        else:
            lost += 1
            waiting.append(0)
            heapq.heappush(running, (now + RESTART, -worker - 1, True))
    return Course(now / 3600, useful / (now * cluster.workers), lost)


def print_simulation(given: argparse.Namespace) -> None:
    """Print two tables: sizes of parts, and rates of loss."""
    workers = given.workers or 1000
    base = Cluster(workers, given.simulate, given.hours, given.recording)
    print(f"ideal: {base.ideal:.1f} hours\n")
    print("| recordings in a part | parts | no losses | a worker is lost every 1,000 h | every 24 h | every 2 h |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: |")
    for size in (16, 64, 256, 1024, 4096):
        sized = replace(base, part_size=size)
        cells = [_cell(replace(sized, lost_after=hours)) for hours in (0, 1000, 24, 2)]
        print(f"| {size:,} | {sized.parts:,} | {' | '.join(cells)} |")
    print("\n| slow workers (5 times) | hours | busy |\n| ---: | ---: | ---: |")
    for share in (0.0, 0.02, 0.1):
        course = simulate(replace(base, slow_share=share))
        print(f"| {100 * share:g} % | {course.hours:.2f} | {100 * course.busy:.0f} % |")
    cost = simulate(replace(base, lost_after=24)).hours * workers * given.price / given.hours * 1000
    print(f"\ncost per 1,000 hours of audio at {given.price:g} per worker and hour: {cost:.2f}")


def _cell(cluster: Cluster) -> str:
    course = simulate(cluster)
    return f"{course.hours:.2f} h" + (f" ({course.lost:,} lost)" if course.lost else "")


def main(arguments: list[str] | None = None) -> None:
    """Measure or simulate."""
    parser = argparse.ArgumentParser(description="Measure bulk prediction, or simulate it on a cluster.")
    parser.add_argument("archive", type=Path, nargs="?", help="folder of recordings to measure with")
    parser.add_argument("--workers", type=int, help="2 measured, 1000 simulated ones if not given")
    parser.add_argument("--model", default="small")
    parser.add_argument("--engine", default="local")
    parser.add_argument("--limit", type=int, default=0, help="use the first recordings only")
    parser.add_argument("--work", type=Path, help="an empty folder for results")
    parser.add_argument("--simulate", type=float, metavar="SPEED", help="seconds of audio per second of one worker")
    parser.add_argument("--hours", type=float, default=1e6)
    parser.add_argument("--recording", type=float, default=300.0, help="seconds")
    parser.add_argument("--price", type=float, default=0.05, help="of a worker for an hour")
    given = parser.parse_args(arguments)
    if given.simulate is not None:
        print_simulation(given)
    elif given.archive is not None and given.work is not None:
        measure(given)
    else:
        parser.error("give a folder of recordings and --work, or --simulate")


if __name__ == "__main__":
    main()
