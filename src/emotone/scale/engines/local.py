"""Processes of this machine."""

from __future__ import annotations

from itertools import tee
from typing import TYPE_CHECKING

from emotone.errors import UsageError

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
        # Workers are some recordings ahead, so that they read the inputs of the next part before this one ends.
        ahead, groups = tee((number, run.items(number)) for number in parts)
        paths = (item.path for _, items in ahead for item in items)
        results = model.attempt_many(paths, workers=workers, channel=run.job.channel, track=run.job.track)
        for number, items in groups:
            yield run.write_part(number, items, results)


ENGINE: Engine = Local()
