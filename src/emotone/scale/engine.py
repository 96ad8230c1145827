"""Engines: what computes the parts of a bulk run. An engine is a module of `emotone.scale.engines` with `ENGINE`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from emotone.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from emotone.inference.model import Model
    from emotone.scale.run import BulkRun, PartRecord


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
