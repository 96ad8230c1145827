"""A server that terminates while streams and predictions keep it busy."""

from __future__ import annotations

import json
import threading
import time
from typing import TYPE_CHECKING, Any

import numpy as np
from tests.serve.conftest import WAIT_SECONDS, wait_until
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.serve.conftest import RunningServer, StartServer

    from emotone.inference.model import Model
    from emotone.types import Array

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
