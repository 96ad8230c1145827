"""A real server on the loopback interface, in a thread of the test, and a client that sends any bytes."""

from __future__ import annotations

import contextlib
import io
import json
import socket
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import httpx2
import pytest
import soundfile

from emotone.inference.model import Model, load
from emotone.serve.server import Server, listen
from emotone.serve.service import Service, load_models
from emotone.serve.settings import Limits, Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from emotone.types import Array


# ----------------------------------------------------------------------------------------------------------------------
# A real server on the loopback interface, in a thread of the test.

WAIT_SECONDS = 30  # upper bound of every wait; a busy machine needs more than an idle one


@dataclass(frozen=True)
class RunningServer:
    """A server that accepts connections."""

    url: str
    service: Service
    server: Server
    thread: threading.Thread

    def client(self, **options: Any) -> httpx2.Client:
        return httpx2.Client(base_url=self.url, timeout=WAIT_SECONDS, trust_env=False, **options)

    def stop(self) -> None:
        """Ask the server to terminate, as SIGTERM does, and wait for its end."""
        self.server.should_exit = True
        self.thread.join(WAIT_SECONDS)
        assert not self.thread.is_alive()


class StartServer(Protocol):
    """Starts a server that ends with the test; see `start_server`."""

    def __call__(self, *, limits: Limits | None = None, **settings: Any) -> RunningServer: ...


@contextlib.contextmanager
def running(bundle: Path, *, limits: Limits | None = None, **settings: Any) -> Iterator[RunningServer]:
    chosen = Settings(
        models=(str(bundle),), port=0, limits=limits or Limits(requests=2, shutdown_seconds=5), **settings
    )
    with listen(chosen) as listener:
        service = Service(chosen, load_models(chosen.models))
        server = Server(service, listener)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        wait_until(lambda: server.started)
        found = RunningServer(server.url.rstrip("/"), service, server, thread)
        try:
            yield found
        finally:
            found.stop()


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < end, "the condition did not become true"
        time.sleep(0.01)


@pytest.fixture(scope="session")
def model(tiny_bundle: Path) -> Model:
    """The model that the servers of these tests use."""
    return load(tiny_bundle)


@pytest.fixture(scope="module")
def server(tiny_bundle: Path) -> Iterator[RunningServer]:
    """One server for the tests of a module that do not change it."""
    with running(tiny_bundle) as found:
        yield found


@pytest.fixture
def start_server(tiny_bundle: Path) -> Iterator[StartServer]:
    """Start servers with other settings: `start_server(limits=..., tokens=...)`."""
    with contextlib.ExitStack() as stack:

        def start(*, limits: Limits | None = None, **settings: Any) -> RunningServer:
            return stack.enter_context(running(tiny_bundle, limits=limits, **settings))

        yield start


def wav(samples: Array, *, rate: int = 16000, format_name: str = "WAV") -> bytes:
    """Return the bytes of a file."""
    stream = io.BytesIO()
    soundfile.write(stream, samples, rate, format=format_name)
    return stream.getvalue()


@pytest.fixture(scope="session")
def recording(speech: Callable[..., Array]) -> bytes:
    """A wav file of 4 s."""
    return wav(speech(4.0))


# ----------------------------------------------------------------------------------------------------------------------
# A client of the stream that is only a socket: it can send what a WebSocket library refuses to send.

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
