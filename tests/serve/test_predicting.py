"""`POST /v1/predict` over real connections."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

import numpy as np
import pytest
from tests.serve.conftest import WAIT_SECONDS, RunningServer, StartServer, wait_until, wav

from emotone.inference.saving import FORMATS, Page, to_bytes
from emotone.serve.schemas import MEDIA_TYPES
from emotone.serve.settings import Limits

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx2

    from emotone.inference.model import Model
    from emotone.serve.schemas import FormatName
    from emotone.types import Array


def error_of(response: httpx2.Response) -> tuple[int, str]:
    body = response.json()
    assert body["schema"] == "emotone.prediction/1"
    return response.status_code, body["error"]["code"]


def expected(model: Model, recording: bytes, **changes: Any) -> dict[str, Any]:
    return {**model.predict(recording).to_dict(), **changes}


def test_the_body_is_a_recording(server: RunningServer, model: Model, recording: bytes) -> None:
    with server.client() as client:
        response = client.post("/v1/predict", content=recording)
    assert response.status_code == 200
    assert response.json() == expected(model, recording, file=None)


def test_the_declared_type_of_a_body_does_not_matter(server: RunningServer, recording: bytes) -> None:
    kind = "application/x-www-form-urlencoded"  # what curl sends with --data-binary
    with server.client() as client:
        response = client.post("/v1/predict", content=recording, headers={"Content-Type": kind})
    assert response.status_code == 200


def test_a_form_contains_a_recording(server: RunningServer, model: Model, recording: bytes) -> None:
    with server.client() as client:
        response = client.post("/v1/predict", files={"file": ("call.wav", recording, "audio/wav")})
    assert response.status_code == 200
    assert response.json() == expected(model, recording, file="call.wav")


@pytest.mark.parametrize("name", sorted(set(MEDIA_TYPES) - {"json"}))
def test_an_answer_in_another_format(name: FormatName, server: RunningServer, model: Model, recording: bytes) -> None:
    with server.client() as client:
        response = client.post("/v1/predict", files={"file": ("call.wav", recording)}, params={"format": name})
        refused = client.post("/v1/predict", content=b"nothing", params={"format": name})
    found = model.predict(recording, name="call.wav")
    assert response.content == to_bytes(found, FORMATS.get(name), Page(labels=model.labels, single=True))
    assert response.headers["content-type"] == MEDIA_TYPES[name]
    assert refused.json()["error"]["code"]


def test_an_unknown_format_is_refused(server: RunningServer, recording: bytes) -> None:
    with server.client() as client:
        response = client.post("/v1/predict", content=recording, params={"format": "docx"})
    assert response.status_code == 422
    assert "'json', 'csv'" in response.json()["error"]["message"]


@pytest.mark.parametrize("channel", ["0", "1", "mix"])
def test_a_channel_is_chosen(channel: str, server: RunningServer, model: Model, speech: Callable[..., Array]) -> None:
    content = wav(np.stack([speech(3.0), speech(3.0, seed=1) / 2], axis=1))
    with server.client() as client:
        response = client.post("/v1/predict", content=content, params={"channel": channel, "model": "tiny"})
    chosen: int | Literal["mix"] = "mix" if channel == "mix" else int(channel)
    assert response.json() == {**model.predict(content, channel=chosen).to_dict(), "file": None}


@pytest.mark.parametrize(
    ("content", "params", "status", "code"),
    [
        (b"no recording, but text", {}, 415, "not_audio"),
        (b"", {}, 422, "empty"),
        (wav(np.zeros(100, np.float32)), {}, 422, "too_short"),
        (wav(np.zeros(16000, np.float32)), {"channel": "3"}, 422, "channel"),
        (wav(np.zeros(16000, np.float32)), {"channel": "left"}, 422, "usage"),
        (wav(np.zeros(16000, np.float32)), {"track": "2"}, 422, "channel"),
        (wav(np.zeros(16000, np.float32)), {"model": "other"}, 404, "unknown_name"),
    ],
)
def test_failures_have_a_status_and_a_code(
    content: bytes, params: dict[str, str], status: int, code: str, server: RunningServer
) -> None:
    with server.client() as client:
        assert error_of(client.post("/v1/predict", content=content, params=params)) == (status, code)


def test_a_failure_names_the_file_of_a_form(server: RunningServer) -> None:
    with server.client() as client:
        response = client.post("/v1/predict", files={"file": ("notes.txt", b"no recording")})
    assert error_of(response) == (415, "not_audio")
    assert response.json()["file"] == "notes.txt"
    assert response.json()["error"]["message"].startswith("notes.txt")


@pytest.mark.parametrize(
    ("request_parts", "status"),
    [
        ({"data": {"file": "text"}}, 415),
        ({"files": [("a", ("a.wav", b"1")), ("b", ("b.wav", b"2"))]}, 422),
        ({"content": b"--", "headers": {"Content-Type": "multipart/form-data"}}, 422),
        ({"content": b"--x\r\n", "headers": {"Content-Type": "multipart/form-data; boundary=x"}}, 422),
    ],
    ids=["other form", "two files", "no boundary", "cut"],
)
def test_forms_that_contain_no_recording(request_parts: dict[str, Any], status: int, server: RunningServer) -> None:
    with server.client() as client:
        assert client.post("/v1/predict", **request_parts).status_code == status


@pytest.mark.parametrize("chunked", [False, True])
def test_a_large_body_is_refused(chunked: bool, start_server: StartServer) -> None:
    server = start_server(limits=Limits(body_bytes=1000))
    content = iter([bytes(600), bytes(600)]) if chunked else bytes(1200)
    with server.client() as client:
        assert error_of(client.post("/v1/predict", content=content)) == (413, "too_large")


@pytest.mark.parametrize("kind", ["WAV", "FLAC"])
def test_a_long_recording_is_refused(kind: str, start_server: StartServer) -> None:
    server = start_server(limits=Limits(recording_seconds=2))
    with server.client() as client:
        response = client.post("/v1/predict", content=wav(np.zeros(40000, np.float32), format_name=kind))
        assert error_of(response) == (413, "too_long")


def test_a_recording_that_is_longer_than_its_header_is_refused(start_server: StartServer) -> None:
    server = start_server(limits=Limits(recording_seconds=2))
    part = wav(np.zeros(24000, np.float32), format_name="OGG")
    with server.client() as client:
        assert client.post("/v1/predict", content=part).status_code == 200
        assert error_of(client.post("/v1/predict", content=part + part)) == (413, "too_long")


def test_a_slow_body_is_refused(start_server: StartServer) -> None:
    server = start_server(limits=Limits(body_seconds=0.2))
    address = urlsplit(server.url)
    with socket.create_connection((address.hostname, address.port or 0), timeout=WAIT_SECONDS) as connection:
        head = f"POST /v1/predict HTTP/1.1\r\nHost: {address.netloc}\r\nContent-Length: 1000\r\n\r\nRIFF"
        connection.sendall(head.encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 408")


def test_a_full_queue_answers_503_and_serves_the_others(
    start_server: StartServer, model: Model, recording: bytes
) -> None:
    server = start_server(limits=Limits(requests=1, queue=1))
    address = urlsplit(server.url)
    head = f"POST /v1/predict HTTP/1.1\r\nHost: {address.netloc}\r\nContent-Length: {len(recording)}\r\n\r\n".encode()
    slow = [socket.create_connection((address.hostname, address.port or 0), timeout=WAIT_SECONDS) for _ in range(2)]
    try:
        for connection in slow:
            connection.sendall(head)
        wait_until(lambda: server.service.predictions.holders == 2)
        with server.client() as client:
            response = client.post("/v1/predict", content=recording)
            assert error_of(response) == (503, "busy")
            assert int(response.headers["Retry-After"]) >= 1
            for connection in slow:
                connection.sendall(recording)
                assert connection.recv(100).startswith(b"HTTP/1.1 200")
            wait_until(lambda: server.service.predictions.holders == 0)
            assert client.post("/v1/predict", content=recording).json() == expected(model, recording, file=None)
    finally:
        for connection in slow:
            connection.close()


def test_a_client_that_disconnects_leaves_its_place(start_server: StartServer) -> None:
    server = start_server(limits=Limits(requests=1, queue=0))
    address = urlsplit(server.url)
    with socket.create_connection((address.hostname, address.port or 0), timeout=WAIT_SECONDS) as connection:
        head = f"POST /v1/predict HTTP/1.1\r\nHost: {address.netloc}\r\nContent-Length: 1000\r\n\r\nRIFF"
        connection.sendall(head.encode())
        wait_until(lambda: server.service.predictions.holders == 1)
    wait_until(lambda: server.service.predictions.holders == 0)


def test_predictions_at_the_same_time_are_equal(server: RunningServer, model: Model, recording: bytes) -> None:
    found: list[dict[str, Any]] = []

    def post() -> None:
        with server.client() as client:
            found.append(client.post("/v1/predict", content=recording).json())

    threads = [threading.Thread(target=post) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_SECONDS)
    assert found == [expected(model, recording, file=None)] * 6
