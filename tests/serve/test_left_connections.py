"""The program that opens connections and leaves them, with few: the server forgets them, and serves others."""

from __future__ import annotations

import asyncio
import resource
from typing import TYPE_CHECKING

import pytest
from benchmarks.stream_faults import CLIENTS, SPARE_FILES, allow_files, leave
from tests.serve.conftest import wait_until

if TYPE_CHECKING:
    from tests.serve.conftest import RunningServer


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
