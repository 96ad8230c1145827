"""Threads that do short work for an event loop, many pieces at a time.

A thread takes whatever is waiting and delivers the results together. Under load this needs far fewer switches between
the threads and the loop than one executor call per piece: a switch takes up to 5 ms while another thread runs Python.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from emotone.types import Seconds

DELIVERY_SECONDS: Seconds = 0.005  # results wait no longer than this for those of other work
T = TypeVar("T")
_Job: TypeAlias = "tuple[asyncio.Future[Any], Callable[[], Any]]"
_Result: TypeAlias = "tuple[asyncio.Future[Any], Any, BaseException | None]"


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
