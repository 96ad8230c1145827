"""Simulate a bulk run on a cluster: slow workers, lost workers, and the size of parts.

    python -m scripts.simulate_cluster --speed 100 --workers 1000 --hours 1e6

A worker takes the next part when it is free. Its speed has a lognormal distribution around `--speed` (seconds of audio
per second), and some workers are several times slower. Workers are lost at random times; the part is then queued again
and another worker starts after a while. No part runs twice at the same time, as in Ray Data. Prints Markdown.
"""

from __future__ import annotations

import argparse
import heapq
from collections import deque
from dataclasses import dataclass, replace

import numpy as np

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


def main(arguments: list[str] | None = None) -> None:
    """Print two tables: sizes of parts, and rates of loss."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--speed", type=float, required=True, help="seconds of audio per second of one worker")
    parser.add_argument("--workers", type=int, default=1000)
    parser.add_argument("--hours", type=float, default=1e6)
    parser.add_argument("--recording", type=float, default=300.0, help="seconds")
    parser.add_argument("--price", type=float, default=0.05, help="of a worker for an hour")
    given = parser.parse_args(arguments)
    base = Cluster(given.workers, given.speed, given.hours, given.recording)
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
    cost = simulate(replace(base, lost_after=24)).hours * given.workers * given.price / given.hours * 1000
    print(f"\ncost per 1,000 hours of audio at {given.price:g} per worker and hour: {cost:.2f}")


def _cell(cluster: Cluster) -> str:
    course = simulate(cluster)
    return f"{course.hours:.2f} h" + (f" ({course.lost:,} lost)" if course.lost else "")


if __name__ == "__main__":
    main()
