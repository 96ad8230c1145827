"""Connections that are opened and left are closed, and others are not."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from typing import TYPE_CHECKING

import pytest
from tests.serve.conftest import WAIT_SECONDS
from websockets.sync.client import connect

from emotone.serve.settings import Limits

if TYPE_CHECKING:
    from tests.serve.conftest import StartServer


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
