"""Observation of requests: one line of the log and one entry in the metrics for each."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING

from emotone.serve.logs import log

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from emotone.serve.metrics import Metrics

ROUTES = frozenset({"/", "/docs", "/openapi.json", "/healthz", "/readyz", "/metrics", "/v1/models", "/v1/predict"})
METHODS = frozenset({"GET", "HEAD", "POST", "OPTIONS"})
_QUIET = frozenset({"/healthz", "/readyz", "/metrics"})  # polled: their successes would fill the log
_ID_HEADER = b"x-request-id"


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
