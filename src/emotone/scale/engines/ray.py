"""Ray: processes of a cluster, which Ray Data streams the parts through. Needs the extra `ray`.

Only numbers of parts and their records pass through Ray: a worker reads the recordings and writes the results itself,
so that neither this process nor Ray's object store grows with the archive. A part whose worker or machine is lost is
given to another one. https://docs.ray.io/en/latest/data/data.html
"""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Any

from emotone.errors import EmotoneError, UsageError, missing_extra
from emotone.files import one_line
from emotone.scale.engine import PartWorker
from emotone.scale.run import record_from_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from emotone.inference.model import Model
    from emotone.scale.engine import Engine
    from emotone.scale.run import BulkRun, PartRecord


class Actor:
    """A worker of Ray Data: batches of one part number in, batches of one record out.

    What prevents it from working is an answer and no exception, which Ray would repeat or report in its own words.
    """

    def __init__(self, location: str, job: str) -> None:
        self.worker = PartWorker(location, job)

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[str]]:
        """Return the record of a part, or a refusal."""
        try:
            return {"record": [self.worker.predict(int(batch["part"][0])).to_json()], "refusal": [""]}
        except EmotoneError as error:
            return {"record": [""], "refusal": [str(error)]}


class Ray:
    """Actors of Ray Data that hold the model; without an address, in a cluster on this machine."""

    def run(
        self,
        run: BulkRun,
        parts: Sequence[int],
        *,
        model: Model,  # noqa: ARG002  (loaded by each worker)
        workers: int,
        address: str | None,
    ) -> Iterator[PartRecord]:
        """Compute parts; see `emotone.scale.engine.Engine`."""
        ray = import_ray()
        own = not ray.is_initialized()
        if own:
            _connect(ray, address, workers=workers)
        try:
            context = ray.data.DataContext.get_current()
            context.enable_progress_bars = False
            logging.getLogger("ray.data").setLevel(logging.ERROR)
            numbers = [{"part": number} for number in parts]
            # A block per part: the record of a part arrives when the part ends, and a lost worker costs one part.
            dataset = ray.data.from_items(numbers, override_num_blocks=len(numbers))
            records = dataset.map_batches(
                Actor,
                batch_size=1,
                fn_constructor_args=(run.store.location, run.job.to_json()),
                compute=ray.data.ActorPoolStrategy(size=min(workers, len(numbers))),
                num_cpus=1,
            )
            for row in records.iter_rows():
                if row["refusal"]:
                    raise UsageError(str(row["refusal"]))
                yield record_from_json(row["record"])
        finally:
            if own:
                ray.shutdown()


def import_ray() -> Any:
    """Return the package; raise `MissingExtraError` without it."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is reported to anyone
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # its notes on itself are in its log files
    try:
        import ray
        import ray.data
    except ImportError:
        raise missing_extra("ray", "ray", "the engine ray") from None
    return ray


def _connect(ray: Any, address: str | None, *, workers: int) -> None:
    """Start a cluster on this machine with this many processors, or connect to a running one."""
    local: dict[str, Any] = {"num_cpus": workers, "include_dashboard": False} if address is None else {}
    try:
        ray.init(address=address or "local", logging_level=logging.ERROR, log_to_driver=False, **local)
    except Exception as error:  # ConnectionError, ValueError, RuntimeError and Exception itself
        reason = one_line(error)
        if address is None:
            raise UsageError(f"Ray did not start on this machine, which may be overloaded: {reason}") from error
        raise UsageError(f"no Ray cluster answers at {address}; start one with: ray start --head ({reason})") from error


ENGINE: Engine = Ray()
