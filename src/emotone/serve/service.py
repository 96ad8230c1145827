"""The state that all requests of a server share: models, a bounded number of holders, and threads.

The threads do short work for an event loop, many pieces at a time. A thread takes whatever is waiting and delivers the
results together. Under load this needs far fewer switches between the threads and the loop than one executor call per
piece: a switch takes up to 5 ms while another thread runs Python.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from emotone.bundles.library import shipped_names
from emotone.errors import ConfigError, unknown_name
from emotone.inference.model import load
from emotone.serve.observation import Metrics
from emotone.serve.problems import busy
from emotone.serve.settings import cores

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from emotone.inference.model import Model
    from emotone.serve.settings import Settings
    from emotone.types import Seconds

DEFAULT = "default"


@dataclass(frozen=True)
class ServedModels:
    """Models by name; their files are not read again.

    Attributes:
        by_name: at least one model.
        default: name of the one that is used where a client names none.

    """

    by_name: Mapping[str, Model]
    default: str

    def get(self, name: str | None) -> Model:
        """Return a model by its name; None is the default.

        Raises:
            UnknownNameError: the server has no such model.

        """
        found = self.by_name.get(self.default if name is None else name)
        if found is None:
            raise unknown_name("model", str(name), self.by_name)
        return found

    def describe(self) -> list[dict[str, Any]]:
        """Return what clients should know about each model."""
        return [
            {
                "name": name,
                "version": model.bundle.manifest.version,
                "sha256": model.bundle.sha256,
                "licence": model.bundle.manifest.licence,
                "description": model.bundle.manifest.description,
                "labels": list(model.labels),
                "rate": model.bundle.feature.rate,
                "default": name == self.default,
            }
            for name, model in self.by_name.items()
        ]


def load_models(names: Sequence[str]) -> ServedModels:
    """Return models that are ready to predict.

    Args:
        names: shipped names, or folders of bundles; empty for all shipped models.

    Raises:
        UnknownNameError: neither a shipped model nor a folder.
        BundleError: a model is damaged.
        ConfigError: two models have the same name, or there is none.

    """
    shipped = shipped_names()
    chosen = list(names) or sorted(shipped, key=lambda name: (name != DEFAULT, name))
    if not chosen:
        raise ConfigError("no model is shipped with this installation; name one with --model")
    by_name: dict[str, Model] = {}
    for one in chosen:
        model = load(one)
        model.bundle.warm()
        name = one if one in shipped else model.bundle.manifest.name
        if name in by_name:
            raise ConfigError(f"two models are named '{name}'; serve one of them")
        by_name[name] = model
    return ServedModels(by_name, next(iter(by_name)))


DELIVERY_SECONDS: Seconds = 0.005  # results wait no longer than this for those of other work
T = TypeVar("T")
_Job: TypeAlias = "tuple[asyncio.Future[Any], Callable[[], Any]]"
_Result: TypeAlias = "tuple[asyncio.Future[Any], Any, BaseException | None]"

_POLL_SECONDS = 0.02


class Gate:
    """Admits at most `capacity` holders at a time and refuses the others at once. Used from one event loop only.

    Args:
        capacity: maximum number of holders.
        refusal: the message for those who are refused.

    """

    def __init__(self, capacity: int, *, refusal: str) -> None:
        self._capacity = capacity
        self._refusal = refusal
        self.holders = 0

    @contextlib.contextmanager
    def enter(self) -> Iterator[None]:
        """Hold one place during the block.

        Raises:
            Problem: 503, all places are taken.

        """
        if self.holders >= self._capacity:
            raise busy(self._refusal)
        self.holders += 1
        try:
            yield
        finally:
            self.holders -= 1


class Workers:
    """Daemon threads that share one queue, in the order of submission. Used from one event loop only.

    Args:
        count: number of threads.
        name: of the threads.

    """

    def __init__(self, count: int, *, name: str) -> None:
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._threads = [threading.Thread(target=self._work, name=name, daemon=True) for _ in range(count)]
        self._started = False

    async def run(self, work: Callable[[], T]) -> T:
        """Return the result of work that a thread does."""
        if not self._started:
            self._started = True
            self._loop = asyncio.get_running_loop()
            for thread in self._threads:
                thread.start()
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._jobs.put((future, work))
        return await future

    def close(self) -> None:
        """Stop the threads after the work that is waiting."""
        for _ in self._threads:
            self._jobs.put(None)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            results: list[_Result] = []
            until = time.monotonic() + DELIVERY_SECONDS
            while job is not None:
                results.append(_done(job))
                if time.monotonic() > until:
                    break
                try:
                    job = self._jobs.get_nowait()
                except queue.Empty:
                    break
            self._deliver(results)
            if job is None:
                return

    def _deliver(self, results: list[_Result]) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(_resolve, results)


def _done(job: _Job) -> _Result:
    future, work = job
    try:
        return future, work(), None
    except BaseException as error:  # noqa: BLE001  (raised again where the result is awaited)
        return future, None, error


def _resolve(results: list[_Result]) -> None:
    for future, result, error in results:
        if future.done():  # nobody waits any more
            continue
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)


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
