"""A client of the stream that is only a socket: it can send what a WebSocket library refuses to send."""

from __future__ import annotations

import contextlib
import json
import socket
from typing import TYPE_CHECKING

from tests.serve.conftest import WAIT_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.serve.conftest import RunningServer

START = json.dumps({"type": "session.start", "rate": 16000, "encoding": "f32le"}).encode()
TEXT, BINARY, CLOSE, PING = 1, 2, 8, 9


def frame(opcode: int, payload: bytes) -> bytes:
    """Return a masked frame; the mask is zero."""
    assert len(payload) < 126
    return bytes([0x80 | opcode, 0x80 | len(payload)]) + bytes(4) + payload


@contextlib.contextmanager
def raw_session(server: RunningServer, *, receive_buffer: int = 1 << 16) -> Iterator[socket.socket]:
    """Yield the socket of a session that was started, without a client that reads it."""
    port = int(server.url.rpartition(":")[2])
    with socket.socket() as raw:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        raw.settimeout(WAIT_SECONDS)
        raw.connect(("127.0.0.1", port))
        raw.sendall(
            f"GET /v1/stream HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        receive_until(raw, b"\r\n\r\n")
        raw.sendall(frame(1, START))
        receive_until(raw, b"session.started")
        yield raw


def receive_until(raw: socket.socket, ending: bytes) -> None:
    received = b""
    while ending not in received:
        piece = raw.recv(1000)
        assert piece, received
        received += piece
