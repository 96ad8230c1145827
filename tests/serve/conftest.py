"""A real server on the loopback interface, in a thread of the test."""

from __future__ import annotations

import contextlib
import io
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
