"""Engines: what computes the parts of a bulk run; and the worker of a cluster, which predicts parts in one process.

The recordings are read in a process of its own, as `emotone predict --workers N` does: one that crashes a decoder is a
failure of this recording, and not of the worker, which a cluster would start again and again.
"""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING, Protocol

import emotone
from emotone.errors import EmotoneError, UsageError
from emotone.inference.model import load
from emotone.inference.processes import WorkerProcess, worker_command
from emotone.registry import Registry
from emotone.scale.job import job_from_json
from emotone.scale.run import open_run
from emotone.scale.store import open_store

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from emotone.inference.model import Model
    from emotone.scale.job import Job
    from emotone.scale.listing import Item
    from emotone.scale.run import BulkRun, PartRecord

MOST_ADAPTED = 1000  # recordings of a group that statistics are estimated from: more change them little


def spread(items: Sequence[Item], most: int) -> Sequence[Item]:
    """Return at most so many items, evenly spaced."""
    return [items[len(items) * place // most] for place in range(most)] if len(items) > most else items


class PartWorker:
    """Predicts parts of one run, with the model loaded once.

    Args:
        location: of the output, which all workers share.
        job: as `Job.to_json` writes it.

    """

    def __init__(self, location: str, job: str) -> None:
        self._location = location
        self._job = job
        self._run: BulkRun | None = None
        self._process: WorkerProcess | None = None

    def predict(self, number: int) -> PartRecord:
        """Write the results and record of a part, and return the record.

        Raises:
            UsageError: this machine has another version of emotone or another model, or does not see the output.
            OutputError: the output can't be written.

        """
        if self._run is None or self._process is None:
            self._run, self._process = self._start()
        process = self._process
        items = self._run.items(number)
        if self._run.job.adapt_by:
            process.adapt([item.path for item in spread(items, MOST_ADAPTED)])
        return self._run.write_part(number, items, (process.ask(item.path) for item in items))

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.close()
            self._process.reap()

    def _start(self) -> tuple[BulkRun, WorkerProcess]:
        job = job_from_json(self._job.encode(), where="the job of a worker")
        host = platform.node()
        if job.emotone != emotone.__version__:
            raise UsageError(
                f"{host} has emotone {emotone.__version__}, and the run was started with {job.emotone}; install "
                f"{job.emotone} on every machine of the cluster"
            )
        run = open_run(open_store(self._location))
        if run is None or run.job != job:
            raise UsageError(
                f"{host} does not find this run in {self._location}; --out must be a folder that all machines share, "
                "or a URL"
            )
        model = loaded_model(job, host=host)
        command = worker_command(model.bundle.directory, channel=job.channel, track=job.track)
        return run, WorkerProcess(command)


def loaded_model(job: Job, *, host: str) -> emotone.Model:
    """Return the model of a job on this machine.

    Raises:
        UsageError: it can't be loaded, or is another one.

    """
    try:
        model = load(job.model)
    except EmotoneError as error:
        raise UsageError(f"{host} can't load the model: {error}; copy it to every machine, to the same path") from error
    if model.bundle.sha256 != job.sha256:
        raise UsageError(
            f"{host} has another model in {job.model} than the one of this run; copy the same to every machine"
        )
    return model


class Engine(Protocol):
    """Computes parts in any order; the results of a part do not depend on the engine."""

    def run(
        self, run: BulkRun, parts: Sequence[int], *, model: Model, workers: int, address: str | None
    ) -> Iterator[PartRecord]:
        """Write the results and record of each part, and yield the record.

        Args:
            run: where they are written.
            parts: numbers.
            model: of the run, loaded and checked.
            workers: processes that predict at the same time.
            address: of a cluster, for engines that have one.

        Raises:
            UsageError: a worker can't do its part: another version or model, or no access to the output.
            MissingExtraError: the engine is not installed.

        """
        ...


ENGINES: Registry[Engine] = Registry("engine", "emotone.scale.engines", "ENGINE")
