"""HTTP connections that must send the head of a request in time, so that silent clients do not use all of them up."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    import asyncio

    from emotone.types import Seconds


def timed_protocol(seconds: Seconds) -> type[H11Protocol]:
    """Return a protocol that closes a connection without a complete head of its first request after `seconds`."""

    class TimedProtocol(H11Protocol):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self.loop.call_later(seconds, self._close_without_request)

        def _close_without_request(self) -> None:
            # A WebSocket takes the transport over and leaves this protocol without a request.
            if cast("object | None", self.cycle) is None and self in self.connections:
                self.transport.close()

    return TimedProtocol
