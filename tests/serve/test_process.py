"""The process of a server: its log, its workers, and its end."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.serve.conftest import WAIT_SECONDS, wait_until
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from emotone.serve.observation import CLIENT_ERRORS, LOGGER, configure_logs, log, log_defect
from emotone.serve.service import Workers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.serve.conftest import RunningServer, StartServer

    from emotone.inference.model import Model
    from emotone.types import Array


# ----------------------------------------------------------------------------------------------------------------------
# Logs are JSON lines, and clients that break the protocol do not fill them.

UVICORN = "uvicorn.error"


@pytest.fixture(autouse=True)
def unchanged_loggers() -> Iterator[None]:
    """Restore what `configure_logs` changes."""
    found = [logging.getLogger(name) for name in (LOGGER, UVICORN)]
    before = [(one.handlers, one.filters, one.propagate, one.level) for one in found]
    yield
    for logger, (handlers, filters, propagate, level) in zip(found, before, strict=True):
        logger.handlers, logger.filters, logger.propagate = handlers, filters, propagate
        logger.setLevel(level)


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_events_are_lines_with_their_fields(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs()
    log("stream", seconds=1.5)
    try:
        int("why")
    except ValueError:
        log_defect("stream failed", code="internal")
    first, second = lines(capsys)
    assert (first["event"], first["level"], first["seconds"]) == ("stream", "info", 1.5)
    assert (second["code"], second["level"]) == ("internal", "error")
    assert "ValueError: invalid literal" in str(second["exception"])


def test_what_clients_can_cause_is_not_logged(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs()
    logger = logging.getLogger(UVICORN)
    for message in CLIENT_ERRORS:
        logger.error("%s.", message)
    logger.info("started")
    logger.error("a defect")
    assert [line["event"] for line in lines(capsys)] == ["a defect"]


# ----------------------------------------------------------------------------------------------------------------------
# Workers return results and errors to the loop, whatever the number of pieces that wait.


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


# ----------------------------------------------------------------------------------------------------------------------
# A server that terminates while streams and predictions keep it busy.

STREAMS = 3
RATE = 16000
PIECE = 4 * RATE // 10
PAUSE = 0.02  # seconds after 0.1 s of audio


class EndlessStream(threading.Thread):
    """A client that sends audio, again and again, until the server ends the stream."""

    def __init__(self, server: RunningServer, audio: bytes) -> None:
        super().__init__(daemon=True)
        self.messages: list[dict[str, Any]] = []
        self.code: int | None = None
        self._url = server.url.replace("http", "ws", 1) + "/v1/stream"
        self._audio = audio

    def run(self) -> None:
        with connect(self._url, proxy=None, open_timeout=WAIT_SECONDS) as connection:
            connection.send(json.dumps({"type": "session.start", "rate": RATE, "encoding": "f32le"}))
            sender = threading.Thread(target=self._send, args=(connection,), daemon=True)
            sender.start()
            try:
                while True:
                    self.messages.append(json.loads(connection.recv(timeout=WAIT_SECONDS)))
            except ConnectionClosed as closed:
                self.code = None if closed.rcvd is None else closed.rcvd.code
            sender.join(WAIT_SECONDS)

    def _send(self, connection: Any) -> None:
        try:
            while True:
                for at in range(0, len(self._audio), PIECE):
                    connection.send(self._audio[at : at + PIECE])
                    time.sleep(PAUSE)
        except ConnectionClosed:
            pass


def test_every_stream_gets_its_last_events_and_every_prediction_an_answer(
    start_server: StartServer, model: Model, speech: Callable[..., Array], recording: bytes
) -> None:
    samples = np.concatenate([speech(3.0), np.zeros(RATE, np.float32)])
    server = start_server()
    streams = [EndlessStream(server, samples.tobytes()) for _ in range(STREAMS)]
    answers: list[int] = []

    def predict() -> None:
        with server.client() as client:
            answers.append(client.post("/v1/predict", content=recording).status_code)

    prediction = threading.Thread(target=predict, daemon=True)
    for thread in (*streams, prediction):
        thread.start()
    wait_until(lambda: all(len(one.messages) > 1 for one in streams))
    wait_until(lambda: bool(server.service.predictions.holders or answers))
    server.stop()
    for thread in (*streams, prediction):
        thread.join(WAIT_SECONDS)
    assert answers == [200]
    for stream in streams:
        last = stream.messages[-1]
        assert (stream.code, last["type"], last["reason"]) == (1001, "session.ended", "shutdown")
        heard = np.resize(samples, round(last["duration"] * RATE))
        with model.session(rate=RATE) as session:
            expected = [event.to_dict() for event in (*session.push(heard), *session.end())]
        assert stream.messages[1:-1] == expected
