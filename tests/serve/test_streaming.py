"""`/v1/stream` over real connections: its events are those of a session, and its limits hold."""

from __future__ import annotations

import json
import socket
import struct
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.serve.conftest import WAIT_SECONDS, frame, raw_session, running, wait_until
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from emotone.features.windows import Windows
from emotone.inference.model import load
from emotone.serve.settings import Limits, read_tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tests.serve.conftest import RunningServer, StartServer

    from emotone.inference.model import Model
    from emotone.types import Array

START = {"type": "session.start", "rate": 16000, "encoding": "f32le", "channels": 1}
END = {"type": "session.end"}
TOKEN = "0123456789abcdef-ok"  # noqa: S105
MAX_MESSAGES = 10_000


def open_stream(server: RunningServer, **options: Any) -> ClientConnection:
    address = server.url.replace("http", "ws", 1) + "/v1/stream"
    connection: ClientConnection = connect(
        address, open_timeout=WAIT_SECONDS, close_timeout=WAIT_SECONDS, proxy=None, **options
    )
    return connection


def receive(connection: ClientConnection) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(connection.recv(timeout=WAIT_SECONDS))
    return message


def receive_all(connection: ClientConnection) -> tuple[list[dict[str, Any]], int]:
    """Return all messages until the close, and its code."""
    messages: list[dict[str, Any]] = []
    for _ in range(MAX_MESSAGES):
        try:
            messages.append(receive(connection))
        except ConnectionClosed as closed:
            return messages, 0 if closed.rcvd is None else closed.rcvd.code
    raise AssertionError("the stream does not end")


def start(connection: ClientConnection, **changes: Any) -> dict[str, Any]:
    connection.send(json.dumps({**START, **changes}))
    message = receive(connection)
    assert message["type"] == "session.started", message
    return message


def exchange(server: RunningServer, pieces: Sequence[bytes | str], **changes: Any) -> tuple[list[dict[str, Any]], int]:
    """Return what a session with these pieces of audio gets, without `session.started`, and the close code."""
    with open_stream(server) as connection:
        start(connection, **changes)
        for piece in pieces:
            connection.send(piece)
        connection.send(json.dumps(END))
        return receive_all(connection)


def of_session(model: Model, samples: Array, *, rate: int = 16000, **options: Any) -> list[dict[str, Any]]:
    with model.session(rate=rate, **options) as session:
        return [event.to_dict() for event in (*session.push(samples), *session.end())]


def cut(content: bytes, size: int) -> list[bytes]:
    return [content[at : at + size] for at in range(0, len(content), size)]


@pytest.fixture(scope="module")
def samples(speech: Callable[..., Array]) -> Array:
    """Two utterances with a pause."""
    pause = np.zeros(16000, np.float32)
    return np.concatenate([speech(4.0), pause, speech(3.0, seed=3), pause])


@pytest.mark.parametrize("size", [4 * 320, 4 * 1601, 4 * 200_000])
def test_events_equal_those_of_a_session(size: int, server: RunningServer, model: Model, samples: Array) -> None:
    messages, code = exchange(server, cut(samples.tobytes(), size))
    assert messages[:-1] == of_session(model, samples)
    assert messages[-1] == {"type": "session.ended", "reason": "client", "duration": len(samples) / 16000}
    assert {"utterance.start", "measurement", "utterance.end"} == {one["type"] for one in messages[:-1]}
    assert code == 1000


def test_interim_results(make_bundle: Callable[..., Path], tmp_path: Path, samples: Array) -> None:
    quick = make_bundle(tmp_path / "quick", windows=Windows(seconds=1.0, hop=0.5, min_seconds=0.1))
    with running(quick) as server:
        messages, _ = exchange(server, cut(samples.tobytes(), 4 * 1601), interim=True)
    assert messages[:-1] == of_session(load(quick), samples, interim=True)
    assert "utterance.interim" in {one["type"] for one in messages}


def test_events_arrive_while_audio_is_sent(server: RunningServer, samples: Array) -> None:
    with open_stream(server) as connection:
        start(connection)
        connection.send(samples.tobytes())
        assert receive(connection)["type"] == "utterance.start"


def test_interleaved_16_bit_channels(server: RunningServer, model: Model, speech: Callable[..., Array]) -> None:
    one, other = (np.round(speech(3.0, rate=44100, seed=seed) * 32767).astype("<i2") for seed in (0, 1))
    content = np.stack([one, other], axis=1).tobytes()
    options = {"encoding": "s16le", "channels": 2, "rate": 44100, "model": "tiny"}
    both = np.stack([one, other])
    for channel in (0, 1, "mix", "each"):
        messages, _ = exchange(server, cut(content, 4 * 2205), channel=channel, **options)
        assert messages[:-1] == of_session(model, both, rate=44100, channel=channel, channels=2)
    assert {0, 1} == {message["channel"] for message in messages[:-1]}


def test_each_channel_takes_a_place(start_server: StartServer) -> None:
    server = start_server(limits=Limits(sessions=3))
    two = {"channels": 2, "channel": "each"}
    with open_stream(server) as connection:
        start(connection, **two)
        with open_stream(server) as other:
            other.send(json.dumps({**START, **two}))
            messages, code = receive_all(other)
            assert [one["code"] for one in messages] == ["busy"]
            assert code == 1013
        wait_until(lambda: server.service.sessions.holders == 2)
    wait_until(lambda: server.service.sessions.holders == 0)


def test_a_model_that_can_not_be_adapted_is_refused(server: RunningServer) -> None:
    with open_stream(server) as connection:
        connection.send(json.dumps({**START, "adapt": True}))
        messages, code = receive_all(connection)
    assert "can't be adapted without labels" in messages[0]["message"]
    assert (messages[0]["code"], code) == ("usage", 1007)


def test_a_model_that_adapts_itself(make_bundle: Callable[..., Path], tmp_path: Path, samples: Array) -> None:
    adaptable = make_bundle(tmp_path / "adaptable", head=True)
    with running(adaptable) as server:
        messages, _ = exchange(server, cut(samples.tobytes(), 4 * 1601), adapt=True)
    assert messages[:-1] == of_session(load(adaptable), samples, adapt=True)
    assert {one["adapted"] for one in messages[:-1]} == {True}


def test_the_start_is_answered_with_the_model(server: RunningServer, model: Model) -> None:
    with open_stream(server) as connection:
        message = start(connection)
    assert message["labels"] == list(model.labels)
    assert message["model"]["sha256"] == model.bundle.sha256
    assert (message["rate"], message["encoding"], message["channels"]) == (16000, "f32le", 1)


def test_an_empty_session(server: RunningServer) -> None:
    assert exchange(server, []) == ([{"type": "session.ended", "reason": "client", "duration": 0.0}], 1000)


def test_a_short_session_has_an_error_and_ends_in_order(server: RunningServer) -> None:
    messages, code = exchange(server, [bytes(4 * 160)])
    assert [(one["type"], one.get("code")) for one in messages] == [("error", "too_short"), ("session.ended", None)]
    assert code == 1000


@pytest.mark.parametrize(
    ("message", "code", "close"),
    [
        ("no JSON", "protocol", 1007),
        ("{}", "protocol", 1007),
        ("[]", "protocol", 1007),
        (json.dumps({"type": "session.begin"}), "protocol", 1007),
        (json.dumps({**START, "rate": 3999}), "protocol", 1007),
        (json.dumps({**START, "rate": "16000"}), "protocol", 1007),
        (json.dumps({**START, "rate": 1e400}), "protocol", 1007),
        (json.dumps({**START, "encoding": "mp3"}), "protocol", 1007),
        (json.dumps({**START, "channels": 0}), "protocol", 1007),
        (json.dumps({**START, "colour": "red"}), "protocol", 1007),
        (json.dumps({**START, "channel": 1}), "channel", 1007),
        (json.dumps({**START, "model": "other"}), "unknown_name", 1007),
        (json.dumps(END), "protocol", 1008),
        (bytes(320), "protocol", 1003),
    ],
)
def test_a_wrong_start_is_refused(message: str | bytes, code: str, close: int, server: RunningServer) -> None:
    with open_stream(server) as connection:
        connection.send(message)
        messages, closed = receive_all(connection)
    assert [(one["type"], one["code"], one["fatal"]) for one in messages] == [("error", code, True)]
    assert closed == close


def test_a_message_names_the_wrong_field(server: RunningServer) -> None:
    with open_stream(server) as connection:
        connection.send(json.dumps({**START, "rate": 3999}))
        assert receive(connection)["message"].startswith("rate: ")


@pytest.mark.parametrize(
    ("bad", "code"),
    [(np.array([0, np.nan], np.float32).tobytes(), "not_finite"), (bytes(321), "usage")],
    ids=["not finite", "odd"],
)
def test_a_refused_message_changes_nothing(
    bad: bytes, code: str, server: RunningServer, model: Model, samples: Array
) -> None:
    first, *rest = cut(samples.tobytes(), 4 * 16000)
    messages, closed = exchange(server, [first, bad, *rest])
    errors = [one for one in messages if one["type"] == "error"]
    assert [(one["code"], one["fatal"]) for one in errors] == [(code, False)]
    assert [one for one in messages if one["type"] != "error"][:-1] == of_session(model, samples)
    assert closed == 1000


def test_many_refused_messages_end_the_session(start_server: StartServer) -> None:
    server = start_server(limits=Limits(refused_messages=2))
    messages, closed = exchange(server, [bytes(3)] * 3)
    assert [one.get("fatal") for one in messages] == [False, False, True, None]
    assert (messages[-1]["reason"], closed) == ("error", 1008)


@pytest.mark.parametrize("text", ["audio", json.dumps(START)])
def test_wrong_text_in_a_session_ends_it(text: str, server: RunningServer, model: Model, samples: Array) -> None:
    messages, closed = exchange(server, [samples.tobytes(), text])
    assert messages[-1]["reason"] == "error"
    assert [one for one in messages if one["type"] != "error"][:-1] == of_session(model, samples)
    assert closed in {1007, 1008}


def test_a_large_message_is_refused(start_server: StartServer) -> None:
    server = start_server(limits=Limits(message_bytes=10_000))
    with open_stream(server) as connection:
        start(connection)
        connection.send(bytes(20_000))
        assert receive_all(connection) == ([], 1009)
    wait_until(lambda: server.service.sessions.holders == 0)


def test_an_idle_session_ends(start_server: StartServer, model: Model, samples: Array) -> None:
    server = start_server(limits=Limits(idle_seconds=0.3))
    with open_stream(server) as connection:
        start(connection)
        connection.send(samples.tobytes())
        messages, closed = receive_all(connection)
    assert [one for one in messages if one["type"] != "error"][:-1] == of_session(model, samples)
    assert (messages[-1]["reason"], closed) == ("idle", 1008)


def test_a_connection_without_a_start_ends(start_server: StartServer) -> None:
    with open_stream(start_server(limits=Limits(start_seconds=0.2))) as connection:
        messages, closed = receive_all(connection)
    assert ([one["code"] for one in messages], closed) == (["idle"], 1008)


def test_a_long_session_ends_with_its_events(start_server: StartServer) -> None:
    server = start_server(limits=Limits(session_seconds=5))
    messages, closed = exchange(server, [bytes(4 * 16000)] * 5)
    assert [one["type"] for one in messages] == ["error", "session.ended"]
    assert (messages[0]["code"], messages[1]["reason"], closed) == ("session_limit", "limit", 1008)
    with open_stream(start_server(limits=Limits(session_seconds=0.3))) as connection:
        start(connection)
        messages, closed = receive_all(connection)
    assert (messages[-1]["reason"], closed) == ("limit", 1008)


def test_too_many_sessions_are_refused(start_server: StartServer) -> None:
    server = start_server(limits=Limits(sessions=1))
    with open_stream(server) as connection:
        start(connection)
        with pytest.raises(InvalidStatus, match="HTTP 503") as refusal:
            open_stream(server)
        assert refusal.value.response.headers["Retry-After"] == "1"
        connection.send(json.dumps(END))
        receive_all(connection)
    wait_until(lambda: server.service.sessions.holders == 0)
    assert exchange(server, [])[1] == 1000


def test_clients_that_vanish_leave_their_places(start_server: StartServer) -> None:
    server = start_server(limits=Limits(sessions=4))
    for _ in range(4):
        with raw_session(server) as raw:
            raw.sendall(b"\x82\xfe\xff\xff")  # the head of a message that never follows
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # reset instead of a close
    wait_until(lambda: server.service.sessions.holders == 0)
    assert exchange(server, [])[1] == 1000


def test_a_client_that_never_reads_is_dropped(
    start_server: StartServer, model: Model, speech: Callable[..., Array]
) -> None:
    server = start_server(limits=Limits(send_seconds=0.5, refused_messages=1 << 30))
    short = speech(3.0)
    with raw_session(server, receive_buffer=2048) as raw:
        raw.settimeout(0.1)
        refused = frame(2, bytes(3)) * 1000  # each is answered, which fills the buffers of the connection
        sent = 0
        for _ in range(10_000):
            try:
                sent += raw.send(refused[sent % len(refused) :])
            except TimeoutError:  # the server does not read either
                break
        messages, _ = exchange(server, cut(short.tobytes(), 4 * 1600))
        assert messages[:-1] == of_session(model, short)
        wait_until(lambda: server.service.sessions.holders == 0)


def test_a_shutdown_ends_sessions_with_their_last_events(
    start_server: StartServer, model: Model, samples: Array
) -> None:
    server = start_server()
    with open_stream(server) as connection:
        start(connection)
        connection.send(samples.tobytes())
        first = receive(connection)
        server.server.should_exit = True
        messages, closed = receive_all(connection)
    assert messages[-1]["type"] == "session.ended"
    assert (messages[-1]["reason"], closed) == ("shutdown", 1001)
    received = round(messages[-1]["duration"] * 16000)
    assert [first, *messages[:-1]] == of_session(model, samples[:received])


def test_tokens(start_server: StartServer, tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    path.write_text(TOKEN)
    server = start_server(tokens=read_tokens(path))
    with pytest.raises(InvalidStatus, match="HTTP 401"):
        open_stream(server)
    with pytest.raises(InvalidStatus, match="HTTP 401"):
        open_stream(server, subprotocols=["emotone", "bearer.wrong"])
    with open_stream(server, additional_headers={"Authorization": f"Bearer {TOKEN}"}) as connection:
        start(connection)
    with open_stream(server, subprotocols=["emotone", f"bearer.{TOKEN}"]) as connection:
        assert connection.subprotocol == "emotone"
        start(connection)


def test_other_origins_are_refused(server: RunningServer) -> None:
    with pytest.raises(InvalidStatus, match="HTTP 403"):
        open_stream(server, origin="https://example.org")
    with open_stream(server, origin=server.url) as connection:
        start(connection)


def test_metrics_count_sessions_and_events(start_server: StartServer, samples: Array) -> None:
    server = start_server()
    messages, _ = exchange(server, [samples.tobytes()])
    wait_until(lambda: server.service.sessions.holders == 0)
    with server.client() as client:
        text = client.get("/metrics").text
    count = sum(one["type"] == "measurement" for one in messages)
    assert f'emotone_events_total{{type="measurement"}} {count:.1f}' in text
    assert 'emotone_sessions_total{reason="client"} 1.0' in text
    assert 'emotone_audio_seconds_total{kind="stream"} 9.0' in text
    assert "emotone_stream_message_seconds_count 1.0" in text
