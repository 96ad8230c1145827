"""Runs the application with uvicorn: the listening socket, and a shutdown that ends streams before connections.

HTTP connections must send the head of a request in time, so that silent clients do not use all of them up.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, cast

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from emotone.errors import UsageError
from emotone.serve.app import create_app
from emotone.serve.observation import log

if TYPE_CHECKING:
    import asyncio

    from emotone.serve.service import Service
    from emotone.serve.settings import Settings
    from emotone.types import Seconds

UNSENT_SECONDS = 30  # after which the kernel drops a connection whose peer reads nothing
SILENT_SECONDS = 10  # in which a new connection must send its first bytes to be accepted
MAX_CONNECTIONS = 1024
GRACE_SECONDS = 3  # for connections that are still open when streams and predictions have ended


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


class Server(uvicorn.Server):
    """A server that drains its service before it closes connections.

    Args:
        service: what is served.
        listener: from `listen`.

    """

    def __init__(self, service: Service, listener: socket.socket) -> None:
        settings = service.settings
        super().__init__(
            uvicorn.Config(
                create_app(service),
                log_config=None,
                access_log=False,
                server_header=False,
                http=timed_protocol(settings.limits.head_seconds),
                # Compression gains nothing on audio and costs memory for each connection.
                ws="websockets-sansio",
                ws_per_message_deflate=False,
                ws_max_size=settings.limits.message_bytes,
                limit_concurrency=MAX_CONNECTIONS + settings.limits.sessions,
                timeout_graceful_shutdown=GRACE_SECONDS,
                ssl_certfile=settings.tls_cert,
                ssl_keyfile=settings.tls_key,
            )
        )
        self._service = service
        self._listener = listener

    @property
    def url(self) -> str:
        """The address of the page."""
        host, port = self._listener.getsockname()[:2]
        return f"{self._service.settings.scheme}://{f'[{host}]' if ':' in host else host}:{port}/"

    def serve_forever(self) -> None:
        """Serve until the process is asked to terminate."""
        log("started", url=self.url, models=list(self._service.models.by_name))
        try:
            self.run([self._listener])
        finally:  # an interrupt arrives here after the shutdown
            log("stopped")

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept no more connections, send running streams their last events, and close."""
        for server in self.servers:
            server.close()
        log("draining", sessions=self._service.sessions.holders, predictions=self._service.predictions.holders)
        await self._service.drain(seconds=self._service.settings.limits.shutdown_seconds)
        await super().shutdown(sockets)


def listen(settings: Settings) -> socket.socket:
    """Return a socket that listens on the address of the settings.

    Raises:
        UsageError: the address can't be used.

    """
    try:
        family, _, _, _, address = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0]
        listener = socket.create_server(address, family=family, backlog=1024)
    except OSError as error:
        raise UsageError(f"can't listen on {settings.host}, port {settings.port}: {error.strerror or error}") from error
    # Accepted connections inherit both. They exist on Linux only.
    for name, value in (("TCP_USER_TIMEOUT", 1000 * UNSENT_SECONDS), ("TCP_DEFER_ACCEPT", SILENT_SECONDS)):
        option = getattr(socket, name, None)
        if option is not None:
            listener.setsockopt(socket.IPPROTO_TCP, option, value)
    return listener
