"""Workers return results and errors to the loop, whatever the number of pieces that wait."""

from __future__ import annotations

import asyncio
import threading

import pytest

from emotone.serve.service import Workers

WAIT_SECONDS = 30


@pytest.mark.parametrize("count", [1, 3])
def test_results_belong_to_their_work(count: int) -> None:
    async def main() -> list[int]:
        workers = Workers(count, name="test")
        found = await asyncio.wait_for(
            asyncio.gather(*(workers.run(lambda index=index: index * index) for index in range(200))),  # type: ignore[misc]
            WAIT_SECONDS,
        )
        workers.close()
        return found

    assert asyncio.run(main()) == [index * index for index in range(200)]


def test_an_error_is_raised_where_the_result_is_awaited() -> None:
    async def main() -> int:
        workers = Workers(1, name="test")
        with pytest.raises(ZeroDivisionError):
            await asyncio.wait_for(workers.run(lambda: 1 // 0), WAIT_SECONDS)
        found = await asyncio.wait_for(workers.run(lambda: 1), WAIT_SECONDS)
        workers.close()
        return found

    assert asyncio.run(main()) == 1


def test_work_that_nobody_awaits_any_more_does_no_harm() -> None:
    async def main() -> int:
        workers = Workers(1, name="test")
        release = threading.Event()
        abandoned = asyncio.ensure_future(workers.run(lambda: release.wait(WAIT_SECONDS)))
        await asyncio.sleep(0)
        abandoned.cancel()
        release.set()
        found = await asyncio.wait_for(workers.run(lambda: 2), WAIT_SECONDS)
        workers.close()
        return found

    assert asyncio.run(main()) == 2


def test_threads_end_when_the_workers_are_closed() -> None:
    before = threading.active_count()

    async def main() -> None:
        workers = Workers(2, name="closing")
        await asyncio.wait_for(workers.run(lambda: None), WAIT_SECONDS)
        workers.close()

    asyncio.run(main())
    for thread in threading.enumerate():
        if thread.name == "closing":
            thread.join(WAIT_SECONDS)
    assert threading.active_count() <= before
