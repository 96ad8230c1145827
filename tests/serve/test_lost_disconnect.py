"""A client that leaves at the moment in which the server ends its stream."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from starlette.websockets import WebSocket

from emotone.serve.service import Service, load_models
from emotone.serve.settings import Limits, Settings
from emotone.serve.streaming import serve_stream

if TYPE_CHECKING:
    from pathlib import Path


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
