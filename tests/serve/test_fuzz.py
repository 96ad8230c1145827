"""Damaged messages and frames: the server answers with an error, and serves others."""

from __future__ import annotations

import contextlib
import json
import logging
import random
import struct
from typing import TYPE_CHECKING, Any

import pytest
from tests.serve.conftest import BINARY, CLOSE, PING, TEXT, WAIT_SECONDS, frame, raw_session, wait_until
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from emotone.serve.observation import CLIENT_ERRORS, LOGGER

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from tests.serve.conftest import RunningServer

    from emotone.types import Array


# ----------------------------------------------------------------------------------------------------------------------
# Frames that break the WebSocket protocol, or lie: only the connection that sends them is closed.

MASKED = 0x80
FINAL = 0x80
CONNECTIONS = 15
AUDIO = bytes(64)  # 16 samples


def head(first: int, length: int) -> bytes:
    """Return the head of a masked frame that claims a length; the mask is zero."""
    return bytes([first, MASKED | 127]) + struct.pack(">Q", length) + bytes(4)


BROKEN = {
    "not masked": bytes([FINAL | BINARY, 4]) + bytes(4),
    "an unknown kind": frame(3, b""),
    "reserved bits": bytes([FINAL | 0x70 | BINARY, MASKED]) + bytes(4),
    "a continuation of nothing": frame(0, AUDIO),
    "a message within a message": bytes([BINARY, MASKED | 4]) + bytes(8) + frame(BINARY, AUDIO),
    "text that is not UTF-8": frame(TEXT, b"\xff\xfe"),
    "a ping in fragments": bytes([PING, MASKED]) + bytes(4),
    "a close of one byte": frame(CLOSE, b"\x03"),
    "a close with a wrong code": frame(CLOSE, b"\x00\x01"),
    "100 MB": head(FINAL | BINARY, 100 << 20),
    "a negative length": head(FINAL | BINARY, 1 << 63),
    "100 MB in fragments": head(BINARY, 1 << 20) + bytes(1 << 20) + head(0, 99 << 20),
    "another protocol": b"GET / HTTP/1.1\r\n\r\n",
}


def closed_with(raw: socket.socket) -> int:
    """Return the code of the close that the server sends; 0 if it only ends the connection.

    The server waits for the answer to its close, so the frames are read one by one instead of until the end.
    """
    with contextlib.suppress(ConnectionResetError), raw.makefile("rb") as received:
        while len(first := received.read(2)) == 2:
            length = int.from_bytes(received.read(2), "big") if first[1] == 126 else first[1]
            payload = received.read(length)
            if first[0] == FINAL | CLOSE:
                return int.from_bytes(payload[:2], "big")
    return 0


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
def test_a_broken_frame_closes_its_connection(content: bytes, server: RunningServer) -> None:
    with raw_session(server) as other, raw_session(server) as raw:
        raw.sendall(content)
        assert closed_with(raw) in {0, 1000, 1002, 1007, 1009}
        wait_until(lambda: server.service.sessions.holders == 1)
        other.sendall(frame(TEXT, b'{"type": "session.end"}'))
        assert closed_with(other) == 1000
    wait_until(lambda: server.service.sessions.holders == 0)


def test_random_bytes_do_no_harm(server: RunningServer, caplog: pytest.LogCaptureFixture) -> None:
    generator = random.Random(20260102)
    candidates = [*BROKEN.values(), frame(BINARY, AUDIO), frame(PING, b"?"), frame(BINARY, b"\x00\x00\xc0\x7f")]
    with caplog.at_level(logging.INFO, logger=LOGGER), raw_session(server) as other:
        for _ in range(CONNECTIONS):
            with raw_session(server) as raw:
                parts = [generator.choice(candidates)[: generator.randrange(1, 2000)] for _ in range(8)]
                with contextlib.suppress(ConnectionError):  # the server has closed it
                    raw.sendall(b"".join(parts) + generator.randbytes(50))
        wait_until(lambda: server.service.sessions.holders == 1)
        other.sendall(frame(TEXT, b'{"type": "session.end"}'))
        assert closed_with(other) == 1000
    logged = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert [message for message in logged if not message.startswith(CLIENT_ERRORS)] == []


# ----------------------------------------------------------------------------------------------------------------------
# Random messages on a stream: the server answers with known messages, and stays able to serve others.

STREAMS = 60
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
        for _ in range(STREAMS):
            opening: list[str | bytes] = [json.dumps(START)] if generator.random() < 0.5 else []
            messages = [random_message(generator, audio) for _ in range(generator.randrange(MAX_MESSAGES))]
            received, code = converse(server, [*opening, *messages])
            assert {one["type"] for one in received} <= TYPES
            assert code in CLOSE_CODES
    wait_until(lambda: server.service.sessions.holders == 0)
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
    received, code = converse(server, [json.dumps(START), audio])
    assert (received[1:], code) == (expected[0][1:], 1000)
