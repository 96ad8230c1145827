"""The state that all requests of a server share."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from emotone.serve.admission import Gate
from emotone.serve.metrics import Metrics
from emotone.serve.settings import cores
from emotone.serve.workers import Workers

if TYPE_CHECKING:
    from collections.abc import Callable

    from emotone.serve.served_models import ServedModels
    from emotone.serve.settings import Settings
    from emotone.types import Seconds

_POLL_SECONDS = 0.02
T = TypeVar("T")


@dataclass(eq=False)
class Service:
    """Models, limits, workers and metrics of one server.

    Predictions and streams have separate threads: a long recording never delays a stream by more than its share of the
    processor. The network releases Python's lock while it runs.

    Attributes:
        settings: of the server.
        models: that clients can choose from.
        metrics: counters and latencies.
        draining: set at shutdown: new requests are refused, and streams are ended.
        predictions: admits requests, running and waiting ones.
        sessions: admits streams.

    """

    settings: Settings
    models: ServedModels
    metrics: Metrics = field(default_factory=Metrics)
    draining: asyncio.Event = field(default_factory=asyncio.Event)
    predictions: Gate = field(init=False)
    sessions: Gate = field(init=False)

    def __post_init__(self) -> None:
        limits = self.settings.limits
        self.predictions = Gate(limits.requests + limits.queue, refusal="all places in the queue are taken")
        self.sessions = Gate(limits.sessions, refusal=f"{limits.sessions} streams are open, the maximum")
        self._prediction_threads = ThreadPoolExecutor(limits.requests, thread_name_prefix="emotone-predict")
        self._stream_workers = Workers(cores(), name="emotone-stream")
        self.metrics.watch(
            "emotone_predictions_open", "Requests that are running or waiting.", lambda: self.predictions.holders
        )
        self.metrics.watch("emotone_sessions_open", "Streams that are open.", lambda: self.sessions.holders)

    async def predict(self, work: Callable[[], T]) -> T:
        """Return the result of work in a thread for predictions."""
        return await asyncio.get_running_loop().run_in_executor(self._prediction_threads, work)

    async def stream(self, work: Callable[[], T]) -> T:
        """Return the result of work in a thread for streams."""
        return await self._stream_workers.run(work)

    async def drain(self, *, seconds: Seconds) -> None:
        """Refuse new requests, end streams, and wait until everything has finished, but not longer than `seconds`."""
        self.draining.set()
        until = time.monotonic() + seconds
        while (self.sessions.holders or self.predictions.holders) and time.monotonic() < until:
            await asyncio.sleep(_POLL_SECONDS)

    def close(self) -> None:
        """Stop the threads after their current work."""
        self._prediction_threads.shutdown(wait=False, cancel_futures=True)
        self._stream_workers.close()
