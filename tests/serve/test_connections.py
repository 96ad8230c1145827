"""Connections: limits on slow ones, those that are left, and a disconnection that gets lost."""

from __future__ import annotations

import asyncio
import contextlib
import json
import resource
import socket
import time
from typing import TYPE_CHECKING, Any

import pytest
from benchmarks.stream_faults import CLIENTS, SPARE_FILES, allow_files, leave
from starlette.websockets import WebSocket
from tests.serve.conftest import WAIT_SECONDS, wait_until
from websockets.sync.client import connect

from emotone.serve.service import Service, load_models
from emotone.serve.settings import Limits, Settings
from emotone.serve.streaming import serve_stream

if TYPE_CHECKING:
    from pathlib import Path

    from tests.serve.conftest import RunningServer, StartServer


# ----------------------------------------------------------------------------------------------------------------------
# Connections that are opened and left are closed, and others are not.


@pytest.mark.parametrize("sent", [b"G", b"GET /healthz HTTP/1.1\r\nHost: 127"])
def test_an_incomplete_head_closes_the_connection(sent: bytes, start_server: StartServer) -> None:
    server = start_server(limits=Limits(head_seconds=0.2))
    with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2])), timeout=WAIT_SECONDS) as raw:
        raw.sendall(sent)
        assert raw.recv(100) == b""


def test_streams_and_requests_outlast_the_time_for_the_head(start_server: StartServer) -> None:
    server = start_server(limits=Limits(head_seconds=0.1))
    with connect(server.url.replace("http", "ws", 1) + "/v1/stream", proxy=None) as stream, server.client() as client:
        assert client.get("/healthz").status_code == 200
        time.sleep(0.3)
        stream.send(json.dumps({"type": "session.start", "rate": 16000, "encoding": "s16le"}))
        assert json.loads(stream.recv(timeout=WAIT_SECONDS))["type"] == "session.started"
        assert client.get("/healthz").status_code == 200


def test_many_connections_that_are_left_do_no_harm(start_server: StartServer) -> None:
    server = start_server(limits=Limits(head_seconds=0.5))
    address = ("127.0.0.1", int(server.url.rpartition(":")[2]))
    with contextlib.ExitStack() as stack:
        for _ in range(300):
            raw = stack.enter_context(socket.create_connection(address, timeout=WAIT_SECONDS))
            raw.sendall(b"G")
        with server.client() as client:
            assert client.get("/healthz").status_code == 200


# ----------------------------------------------------------------------------------------------------------------------
# The program that opens connections and leaves them, with few: the server forgets them, and serves others.


@pytest.mark.parametrize("keep", [4, 100])
def test_left_connections_are_forgotten(server: RunningServer, keep: int) -> None:
    host, _, port = server.url.removeprefix("http://").rpartition(":")
    opened = asyncio.run(leave(host, int(port), count=40, keep=keep))
    assert opened == dict.fromkeys(CLIENTS, 10)
    wait_until(lambda: server.service.sessions.holders == 0)
    with server.client() as client:
        assert client.get("/healthz").status_code == 200


def test_the_limit_of_open_files_is_raised_as_far_as_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 5000))
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: found.append(limits))
    assert allow_files(1000) == 1000
    assert allow_files(10_000) == 5000 - SPARE_FILES
    assert found == [(1000 + SPARE_FILES, 5000), (5000, 5000)]


# ----------------------------------------------------------------------------------------------------------------------
# A client that leaves at the moment in which the server ends its stream.


def test_a_connection_that_is_closed_already_is_no_failure(tiny_bundle: Path) -> None:
    settings = Settings(models=(str(tiny_bundle),), limits=Limits(start_seconds=0.05))
    service = Service(settings, load_models(settings.models))
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        if not sent:
            return {"type": "websocket.connect"}
        await asyncio.sleep(30)
        raise AssertionError("the stream was not ended")

    async def send(message: Any) -> None:
        sent.append(message["type"])
        if message["type"] == "websocket.close":
            raise RuntimeError("Unexpected ASGI message 'websocket.close', after sending 'websocket.close'.")

    scope = {"type": "websocket", "path": "/v1/stream", "headers": [], "subprotocols": []}
    asyncio.run(serve_stream(WebSocket(scope, receive, send), service))
    assert sent[0] == "websocket.accept"
    assert sent[-1] == "websocket.close"
    assert service.sessions.holders == 0
