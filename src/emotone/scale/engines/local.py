"""Processes of this machine."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import tee
from queue import SimpleQueue
from typing import TYPE_CHECKING

from emotone.errors import UsageError
from emotone.scale.engine import PartWorker

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from emotone.inference.model import Model
    from emotone.scale.engine import Engine
    from emotone.scale.run import BulkRun, PartRecord


class Local:
    """The processes of `emotone predict --workers N`; the parts are written here, in their order."""

    def run(
        self, run: BulkRun, parts: Sequence[int], *, model: Model, workers: int, address: str | None
    ) -> Iterator[PartRecord]:
        """Compute parts; see `emotone.scale.engine.Engine`."""
        if address is not None:
            raise UsageError("--address is that of a cluster, and the engine local has none; omit it, or use ray")
        if run.job.adapt_by:
            yield from _groups(run, parts, workers=workers)
            return
        # Workers are some recordings ahead, so that they read the inputs of the next part before this one ends.
        ahead, groups = tee((number, run.items(number)) for number in parts)
        paths = (item.path for _, items in ahead for item in items)
        results = model.attempt_many(paths, workers=workers, channel=run.job.channel, track=run.job.track)
        for number, items in groups:
            yield run.write_part(number, items, results)


def _groups(run: BulkRun, parts: Sequence[int], *, workers: int) -> Iterator[PartRecord]:
    """Compute parts that are groups, as the workers of a cluster do: each process adapts its own model."""
    idle: SimpleQueue[PartWorker] = SimpleQueue()
    staff = [PartWorker(run.store.location, run.job.to_json()) for _ in range(workers)]
    for worker in staff:
        idle.put(worker)

    def compute(number: int) -> PartRecord:
        worker = idle.get()
        try:
            return worker.predict(number)
        finally:
            idle.put(worker)

    threads = ThreadPoolExecutor(workers)
    try:
        for future in as_completed([threads.submit(compute, number) for number in parts]):
            yield future.result()
    finally:
        # Running parts end first: a part whose process was closed would be recorded as complete with failures.
        threads.shutdown(wait=True, cancel_futures=True)
        for worker in staff:
            worker.close()


ENGINE: Engine = Local()
