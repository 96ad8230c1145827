"""Random messages on a stream: the server answers with known messages, and stays able to serve others."""

from __future__ import annotations

import json
import logging
import random
from typing import TYPE_CHECKING, Any

from tests.serve.conftest import WAIT_SECONDS, wait_until
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from emotone.serve.observation import LOGGER

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest
    from tests.serve.conftest import RunningServer

    from emotone.types import Array

CONNECTIONS = 60
MAX_MESSAGES = 8
CLOSE_CODES = {1000, 1003, 1007, 1008, 1009}
TYPES = {
    "session.started",
    "utterance.start",
    "utterance.interim",
    "measurement",
    "utterance.end",
    "error",
    "session.ended",
}
START = {"type": "session.start", "rate": 16000, "encoding": "s16le"}
VALUES: list[Any] = [
    None,
    True,
    -1,
    0,
    1,
    2,
    8000,
    1e308,
    "",
    "mix",
    "s16le",
    "f32le",
    "tiny",
    "\u0000",
    [],
    {},
    "x" * 5000,
]


def random_message(generator: random.Random, audio: bytes) -> str | bytes:
    first = 2 * generator.randrange(len(audio) // 4)
    field = generator.choice(["type", "rate", "encoding", "channels", "channel", "model", "interim", "other"])
    candidates: list[str | bytes] = [
        generator.randbytes(generator.randrange(5000)),
        audio[first : first + 2 * generator.randrange(40_000)],
        json.dumps(START),
        json.dumps({**START, field: generator.choice(VALUES)}),
        json.dumps({"type": "session.end"}),
        "[" * generator.randrange(1, 3000),
        generator.randbytes(30).decode("latin-1"),
    ]
    return generator.choice(candidates)


def converse(server: RunningServer, messages: list[str | bytes]) -> tuple[list[dict[str, Any]], int]:
    """Send messages and return the answers and the close code; the end of the messages is the end of the session."""
    received: list[dict[str, Any]] = []
    url = server.url.replace("http", "ws", 1) + "/v1/stream"
    with connect(url, proxy=None, open_timeout=WAIT_SECONDS, close_timeout=WAIT_SECONDS) as connection:
        try:
            for message in messages:
                connection.send(message)
            connection.send(json.dumps({"type": "session.end"}))
            while True:
                received.append(json.loads(connection.recv(timeout=WAIT_SECONDS)))
        except ConnectionClosed as closed:
            # What was received before a failed send is still waiting.
            received += [json.loads(message) for message in _rest(connection)]
            return received, 0 if closed.rcvd is None else closed.rcvd.code


def _rest(connection: Any) -> list[str]:
    rest: list[str] = []
    try:
        while True:
            rest.append(connection.recv(timeout=WAIT_SECONDS))
    except ConnectionClosed:
        return rest


def test_random_messages_do_no_harm(
    server: RunningServer, speech: Callable[..., Array], caplog: pytest.LogCaptureFixture
) -> None:
    audio = (speech(3.0) * 32767).astype("<i2").tobytes()
    expected = converse(server, [json.dumps(START), audio])
    assert expected[0][0]["type"] == "session.started"
    generator = random.Random(20260101)
    with caplog.at_level(logging.INFO, logger=LOGGER):
        for _ in range(CONNECTIONS):
            opening: list[str | bytes] = [json.dumps(START)] if generator.random() < 0.5 else []
            messages = [random_message(generator, audio) for _ in range(generator.randrange(MAX_MESSAGES))]
            received, code = converse(server, [*opening, *messages])
            assert {one["type"] for one in received} <= TYPES
            assert code in CLOSE_CODES
    wait_until(lambda: server.service.sessions.holders == 0)
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
    received, code = converse(server, [json.dumps(START), audio])
    assert (received[1:], code) == (expected[0][1:], 1000)
