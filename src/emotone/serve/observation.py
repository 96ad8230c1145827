"""Observation of requests: structured logs, one JSON object per line, and metrics.

The metrics are in the text format of Prometheus.
"""

from __future__ import annotations

import json
import logging
import sys
import time
import uuid
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOGGER = "emotone.serve"
CLIENT_ERRORS = (  # how the errors begin that uvicorn logs for
    "Invalid UTF-8 sequence received from client",  # a stream that is closed with 1007
    "ASGI callable returned without completing handshake",  # a handshake that is refused, e.g. with 503
)
_FIELDS = "fields"


class JsonFormatter(logging.Formatter):
    """Formats records as JSON objects with `time`, `level`, `event` and the fields of the record."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line."""
        seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line: dict[str, Any] = {
            "time": f"{seconds}.{int(record.msecs):03}Z",
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **getattr(record, _FIELDS, {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def log(event: str, /, **fields: Any) -> None:
    """Log an event with its fields."""
    logging.getLogger(LOGGER).info(event, extra={_FIELDS: fields})


def log_defect(event: str, /, **fields: Any) -> None:
    """Log an event with the exception that is being handled."""
    logging.getLogger(LOGGER).exception(event, extra={_FIELDS: fields})


class _WithoutClientErrors(logging.Filter):
    """Drops errors of uvicorn that any client can cause: they could fill the log."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the record is kept."""
        return not record.getMessage().startswith(CLIENT_ERRORS)


def configure_logs(*, level: int = logging.INFO) -> None:
    """Write the logs of the server, and warnings of uvicorn, to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    for name, lowest in ((LOGGER, level), ("uvicorn.error", logging.WARNING)):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.filters = [_WithoutClientErrors()]
        logger.propagate = False
        logger.setLevel(lowest)


CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_REQUEST_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_MESSAGE_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0, 2.5)

ROUTES = frozenset({"/", "/docs", "/openapi.json", "/healthz", "/readyz", "/metrics", "/v1/models", "/v1/predict"})
METHODS = frozenset({"GET", "HEAD", "POST", "OPTIONS"})
_QUIET = frozenset({"/healthz", "/readyz", "/metrics"})  # polled: their successes would fill the log
_ID_HEADER = b"x-request-id"


class Metrics:
    """Counters, gauges and latencies of one server.

    Attributes:
        requests: answered requests by route, method and status.
        request_seconds: time from the head of a request to the end of its response, by route.
        audio_seconds: seconds of audio that were analysed, by `prediction` or `stream`.
        sessions: ended streams by the reason of their end.
        events: events that were sent, by type.
        message_seconds: time from the arrival of a message with audio to the sending of its last event.
        refused: requests and streams that were refused, by code.

    """

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        registry = self._registry
        self.requests = Counter(
            "emotone_requests", "Answered requests.", ["route", "method", "status"], registry=registry
        )
        self.request_seconds = Histogram(
            "emotone_request_seconds",
            "Time from the head of a request to the end of its response.",
            ["route"],
            buckets=_REQUEST_BUCKETS,
            registry=registry,
        )
        self.audio_seconds = Counter(
            "emotone_audio_seconds", "Seconds of audio that were analysed.", ["kind"], registry=registry
        )
        self.sessions = Counter("emotone_sessions", "Ended streams.", ["reason"], registry=registry)
        self.events = Counter("emotone_events", "Events that were sent to streams.", ["type"], registry=registry)
        self.message_seconds = Histogram(
            "emotone_stream_message_seconds",
            "Time from the arrival of a message with audio to the sending of its last event.",
            buckets=_MESSAGE_BUCKETS,
            registry=registry,
        )
        self.refused = Counter("emotone_refused", "Refused requests and streams.", ["code"], registry=registry)

    def watch(self, name: str, description: str, value: Callable[[], float]) -> None:
        """Add a gauge whose value is read when the metrics are."""
        Gauge(name, description, registry=self._registry).set_function(value)

    def text(self) -> bytes:
        """Return all metrics."""
        return generate_latest(self._registry)


class Observer:
    """ASGI middleware that counts and logs HTTP requests, and gives each an identifier, sent as `X-Request-Id`.

    Args:
        app: handles the requests.
        metrics: counts them.

    """

    def __init__(self, app: ASGIApp, *, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection; streams log themselves."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start = time.perf_counter()
        identifier = uuid.uuid4().hex
        status = 500  # unless a response starts
        size = 0

        async def observed_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {**message, "headers": [*message.get("headers", ()), (_ID_HEADER, identifier.encode())]}
            await send(message)

        async def observed_receive() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            return message

        try:
            await self._app(scope, observed_receive, observed_send)
        finally:
            seconds = time.perf_counter() - start
            route = scope["path"] if scope["path"] in ROUTES else "other"
            method = scope["method"] if scope["method"] in METHODS else "other"
            self._metrics.requests.labels(route, method, str(status)).inc()
            self._metrics.request_seconds.labels(route).observe(seconds)
            if route not in _QUIET or status >= 400:
                log(
                    "request",
                    id=identifier,
                    route=route,
                    method=method,
                    status=status,
                    milliseconds=round(1000 * seconds, 1),
                    bytes=size,
                )
