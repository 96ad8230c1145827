"""Bulk prediction: list the recordings, compute the parts that are not complete on an engine, and report.

While it runs, lines of text state how much is done, how fast, and how long it will take.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from emotone.inference.display import clock
from emotone.inference.running_adaptation import adaptable_head
from emotone.scale.engine import ENGINES
from emotone.scale.listing import list_items
from emotone.scale.run import resume, start

if TYPE_CHECKING:
    from collections.abc import Callable

    from emotone.inference.model import Model
    from emotone.inference.result import Failure
    from emotone.scale.job import Job
    from emotone.scale.run import PartRecord
    from emotone.scale.store import Store
    from emotone.types import Seconds

__all__ = ["Outcome", "predict_bulk"]


@dataclass
class Throughput:
    """Counts finished recordings.

    Attributes:
        total: recordings of the run.
        done: finished recordings, those of earlier processes included.
        failed: recordings without a result.
        now: the clock, in seconds.

    """

    total: int
    done: int = 0
    failed: int = 0
    now: Callable[[], Seconds] = time.monotonic
    _new: int = field(default=0, init=False)
    _audio: Seconds = field(default=0.0, init=False)
    _start: Seconds = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        self._start = self.now()

    def add(self, record: PartRecord) -> None:
        """Count a part."""
        self.done += record.recordings
        self._new += record.recordings
        self.failed += len(record.failures)
        self._audio += record.seconds

    def line(self) -> str:
        """Return e.g. `1,200 of 20,000 recordings, 41.0 per second, 92 times real time, 7:38 left, 3 failed`."""
        passed = max(self.now() - self._start, 1e-9)
        parts = [f"{self.done:,} of {self.total:,} recordings"]
        if self._new:
            rate = self._new / passed
            parts += [f"{rate:.1f} per second", f"{self._audio / passed:.0f} times real time"]
            if self.done < self.total:
                parts.append(f"{clock((self.total - self.done) / rate)} left")
        return ", ".join(parts + ([f"{self.failed} failed"] if self.failed else []))


@dataclass(frozen=True)
class Outcome:
    """A finished run.

    Attributes:
        recordings: number of all.
        parts: number of files with results.
        kept: parts that were complete before.
        failures: recordings without a result, in their order, after folders that couldn't be read.
        speed: the last line on its progress.

    """

    recordings: int
    parts: int
    kept: int
    failures: tuple[Failure, ...]
    speed: str


def predict_bulk(
    store: Store,
    job: Job,
    *,
    model: Model,
    engine: str = "local",
    workers: int = 1,
    address: str | None = None,
    again: bool = False,
    report: Callable[[str], None] = lambda _: None,
) -> Outcome:
    """Write the results of all recordings of a job, in parts; return when all are written.

    Args:
        store: the output; new, or that of a run to resume.
        job: what to do.
        model: that of the job.
        engine: one of `ENGINES`.
        workers: processes that predict at the same time.
        address: of a cluster.
        again: continue the run that the output contains; without one, start it.
        report: called with a line on the progress after each part.

    Raises:
        UsageError: the output contains another run, the recordings can't be listed, workers differ, or the model
            can't be adapted.
        OutputError: the output can't be written.
        MissingExtraError: something that is needed is not installed.

    Example:
        >>> model = emotone.load()  # doctest: +SKIP
        >>> job = Job(("calls/",), "default", model.bundle.sha256, model.labels)  # doctest: +SKIP
        >>> predict_bulk(open_store("results"), job, model=model, workers=2).failures  # doctest: +SKIP
        ()

    """
    chosen = ENGINES.get(engine)
    if job.adapt_by:
        adaptable_head(model.bundle)  # before anything is listed
    run = (resume(store, job) if again else None) or start(store, job, list_items(job.arguments, group=job.adapt_by))
    records = run.records()
    kept = len(records)
    speed = Throughput(
        run.recordings,
        done=sum(one.recordings for one in records.values()),
        failed=sum(len(one.failures) for one in records.values()),
    )
    missing = [number for number in range(run.parts) if number not in records]
    if kept:
        report(f"{kept} of {run.parts} parts are complete")
    if missing:
        for record in chosen.run(run, missing, model=model, workers=workers, address=address):
            records[record.number] = record
            speed.add(record)
            report(speed.line())
    failures = [*run.unlisted, *(failure for number in sorted(records) for failure in records[number].failures)]
    run.write_failures(failures)
    return Outcome(run.recordings, run.parts, kept, tuple(failures), speed.line())
