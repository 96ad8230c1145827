"""`/v1/stream`: live audio over a WebSocket, one session per connection.

The server reads the next message only when it has analysed the previous one and sent its events. A client that sends
faster than the server works, or does not read, is therefore slowed down by its connection, and memory does not grow.
Large messages are analysed in parts, so that all streams take turns.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from emotone.errors import BundleError, EmotoneError
from emotone.serve.access import PROTOCOL
from emotone.serve.observation import log, log_defect
from emotone.serve.problems import Problem, busy, internal
from emotone.serve.protocol import SessionEnd, SessionStart, ended, error_message, read_message, started

if TYPE_CHECKING:
    from collections.abc import Iterator

    from emotone.inference.events import Event
    from emotone.inference.session import Session
    from emotone.serve.service import Service
    from emotone.types import Seconds

NORMAL, GOING_AWAY, WRONG_KIND, WRONG_CONTENT, POLICY, DEFECT = 1000, 1001, 1003, 1007, 1008, 1011  # close codes
TRY_LATER = 1013
TURN_SECONDS = 0.5  # of audio that are analysed before another stream has its turn


class _SessionEnding(Exception):  # noqa: N818  (also the usual end)
    """The session ends.

    Args:
        reason: `client`, `shutdown`, `idle`, `limit` or `error`.
        close: code of the WebSocket.
        error: code and message of a fatal error, if it is one.
        usable: whether the session can still give its last events.

    """

    def __init__(self, reason: str, close: int, *, error: tuple[str, str] | None = None, usable: bool = True) -> None:
        super().__init__(reason)
        self.reason = reason
        self.close = close
        self.error = error
        self.usable = usable


@dataclass(frozen=True, slots=True)
class _Open:
    """A session that was started."""

    session: Session
    start: SessionStart


async def serve_stream(websocket: WebSocket, service: Service) -> None:
    """Serve one connection, from its handshake to its close."""
    try:
        if service.draining.is_set():
            raise busy("the server is shutting down")
        with service.sessions.enter():
            offered = websocket.scope.get("subprotocols", ())
            await websocket.accept(subprotocol=PROTOCOL if PROTOCOL in offered else None)
            await _Stream(websocket, service).run()
    except Problem as problem:
        service.metrics.refused.labels(problem.code).inc()
        await websocket.send_denial_response(problem.response())


class _Stream:
    """One connection."""

    def __init__(self, websocket: WebSocket, service: Service) -> None:
        self._websocket = websocket
        self._service = service
        self._limits = service.settings.limits
        self._identifier = uuid.uuid4().hex
        self._until = time.monotonic() + self._limits.session_seconds
        self._seconds: Seconds = 0.0  # of accepted audio
        self._patience = self._limits.start_seconds  # with a client that sends nothing
        self._waiting_since = time.monotonic()
        self._task = asyncio.current_task()  # that serves; the watch interrupts it
        self._receiving = False
        self._ending: _SessionEnding | None = None  # set by the watch
        self._refused = 0  # messages
        self._places = contextlib.ExitStack()  # of further channels
        self._events = 0

    async def run(self) -> None:
        """Serve from the accepted handshake to the close."""
        begin = time.monotonic()
        watch = asyncio.ensure_future(self._watch())
        reason = "disconnected"
        try:
            reason = await self._serve()
        except (WebSocketDisconnect, asyncio.TimeoutError):
            pass  # the client is gone, or does not read
        finally:
            watch.cancel()
            self._places.close()
            self._service.metrics.sessions.labels(reason).inc()
            self._service.metrics.audio_seconds.labels("stream").inc(self._seconds)
            log(
                "stream",
                id=self._identifier,
                reason=reason,
                seconds=round(time.monotonic() - begin, 1),
                audio_seconds=round(self._seconds, 1),
                events=self._events,
                refused=self._refused,
            )

    async def _serve(self) -> str:
        """Return why the session ended."""
        opened: _Open | None = None
        try:
            opened = await self._open()
            self._patience = self._limits.idle_seconds
            while True:
                await self._handle(opened, await self._receive())
        except _SessionEnding as found:
            ending = found
        if ending.error is not None:
            await self._send(error_message(*ending.error, fatal=True))
        if opened is not None:
            if ending.usable:
                await self._send_last_events(opened)
            await self._send(ended(ending.reason, duration=self._seconds))
        await self._within_limit(self._websocket.close(ending.close))
        return ending.reason

    async def _open(self) -> _Open:
        message = await self._receive()
        start = self._read_text(message, expected="session.start")
        if not isinstance(start, SessionStart):
            raise _SessionEnding("error", POLICY, error=("protocol", "the first message must be session.start"))
        try:
            model = self._service.models.get(start.model)
            for _ in range(1, start.analysed_channels):  # the connection has a place for the first one
                self._places.enter_context(self._service.sessions.enter())
            session = await self._service.stream(
                lambda: model.session(
                    rate=start.rate,
                    channel=start.channel,
                    channels=start.channels,
                    encoding=start.encoding,
                    adapt=start.adapt,
                    interim=start.interim,
                )
            )
        except Problem as problem:
            self._service.metrics.refused.labels(problem.code).inc()
            raise _SessionEnding("error", TRY_LATER, error=(problem.code, problem.message)) from None
        except EmotoneError as error:
            raise _SessionEnding("error", WRONG_CONTENT, error=(error.code, str(error))) from error
        name = self._service.models.default if start.model is None else start.model
        await self._send(started(self._identifier, start, model, name=name))
        return _Open(session, start)

    async def _receive(self) -> str | bytes:
        """Return the next message; raise if the watch ends the session."""
        if self._ending is not None:  # even if a fast client always has a message ready
            raise self._ending
        self._waiting_since = time.monotonic()
        self._receiving = True
        try:
            message = await self._websocket.receive()
        except asyncio.CancelledError:
            if self._ending is None:  # the connection itself is cancelled
                raise
            raise self._ending from None
        finally:
            self._receiving = False
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", NORMAL))
        text = message.get("text")
        content: str | bytes = message["bytes"] if text is None else text
        return content

    async def _watch(self) -> None:
        """End the session at shutdown, at its maximum duration, and when no message arrives in time."""
        draining = asyncio.ensure_future(self._service.draining.wait())
        longest = min(self._limits.start_seconds, self._limits.idle_seconds)  # the patience may change meanwhile
        try:
            while self._ending is None:
                now = time.monotonic()
                idle = now - self._waiting_since if self._receiving else 0.0
                left = min(self._patience - idle, self._until - now)
                if draining.done():
                    self._interrupt(_SessionEnding("shutdown", GOING_AWAY))
                elif left > 0:
                    await asyncio.wait({draining}, timeout=min(left, longest))
                elif now >= self._until:
                    self._interrupt(self._too_long())
                else:
                    message = f"no message arrived for {self._patience:g} s"
                    self._interrupt(_SessionEnding("idle", POLICY, error=("idle", message)))
        finally:
            draining.cancel()

    def _interrupt(self, ending: _SessionEnding) -> None:
        self._ending = ending
        if self._receiving and self._task is not None:
            self._task.cancel()

    def _too_long(self) -> _SessionEnding:
        message = f"the session lasted {self._limits.session_seconds:g} s, the maximum; start a new one"
        return _SessionEnding("limit", POLICY, error=("session_limit", message))

    def _read_text(self, message: str | bytes, *, expected: str) -> SessionStart | SessionEnd:
        if isinstance(message, bytes):
            raise _SessionEnding(
                "error", WRONG_KIND, error=("protocol", f"a binary message was sent; expected: {expected} as text")
            )
        try:
            return read_message(message)
        except ValueError as error:
            raise _SessionEnding("error", WRONG_CONTENT, error=("protocol", str(error))) from None

    async def _handle(self, opened: _Open, message: str | bytes) -> None:
        if isinstance(message, bytes):
            await self._analyse(opened, message)
            return
        if isinstance(self._read_text(message, expected="session.end"), SessionEnd):
            raise _SessionEnding("client", NORMAL)
        raise _SessionEnding("error", POLICY, error=("protocol", "the session was started already"))

    async def _analyse(self, opened: _Open, message: bytes) -> None:
        begin = time.perf_counter()
        frame = opened.start.frame_bytes
        if len(message) % frame:
            await self._refuse("usage", f"a message has {len(message)} bytes; allowed: multiples of {frame}")
            return
        for part in _parts(message, size=frame * round(opened.start.rate * TURN_SECONDS)):
            try:
                events = await self._push(opened, part)
            except BundleError as error:
                log_defect("stream failed", id=self._identifier, code=error.code)
                problem = internal(error.code)
                raise _SessionEnding("error", DEFECT, error=(problem.code, problem.message), usable=False) from error
            except EmotoneError as error:
                await self._refuse(error.code, str(error))
                break
            self._seconds += len(part) / frame / opened.start.rate
            await self._send_events(events)
        self._service.metrics.message_seconds.observe(time.perf_counter() - begin)
        if self._seconds >= self._limits.session_seconds:
            raise self._too_long()

    async def _push(self, opened: _Open, part: bytes) -> tuple[Event, ...]:
        """Return the events that a part of a message completes."""
        session = opened.session
        if session.only_stores(len(part) // opened.start.frame_bytes):
            return session.push(part)  # takes less time than to pass it to a thread
        return await self._service.stream(lambda: session.push(part))

    async def _refuse(self, code: str, message: str) -> None:
        self._refused += 1
        if self._refused > self._limits.refused_messages:
            raise _SessionEnding("error", POLICY, error=(code, f"{message}; too many messages were refused"))
        await self._send(error_message(code, message, fatal=False))

    async def _send_last_events(self, opened: _Open) -> None:
        try:
            await self._send_events(await self._service.stream(opened.session.end))
        except EmotoneError as error:  # e.g. too short to analyse
            if isinstance(error, BundleError):
                log_defect("stream failed", id=self._identifier, code=error.code)
            await self._send(error_message(error.code, str(error), fatal=False))

    async def _send_events(self, events: tuple[Event, ...]) -> None:
        for event in events:
            await self._send(event.to_dict())
            self._service.metrics.events.labels(event.type).inc()
            self._events += 1

    async def _send(self, message: dict[str, Any]) -> None:
        text = json.dumps(message, ensure_ascii=False, allow_nan=False)
        await self._within_limit(self._websocket.send_text(text))

    async def _within_limit(self, sending: Any) -> None:
        try:
            await asyncio.wait_for(sending, self._limits.send_seconds)
        except RuntimeError as error:
            if self._ending is None:
                raise
            # The watch interrupted the reading just when the client left, so the server does not accept a message.
            raise WebSocketDisconnect from error


def _parts(message: bytes, *, size: int) -> Iterator[bytes]:
    """Yield parts of at most `size` bytes."""
    return (message[at : at + size] for at in range(0, len(message), size))
