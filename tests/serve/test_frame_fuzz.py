"""Frames that break the WebSocket protocol, or lie: only the connection that sends them is closed."""

from __future__ import annotations

import contextlib
import logging
import random
import struct
from typing import TYPE_CHECKING

import pytest
from tests.serve.conftest import wait_until
from tests.serve.raw_client import BINARY, CLOSE, PING, TEXT, frame, raw_session

from emotone.serve.observation import CLIENT_ERRORS, LOGGER

if TYPE_CHECKING:
    import socket

    from tests.serve.conftest import RunningServer

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
