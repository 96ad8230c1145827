"""Access to a server: which hosts and origins, and which tokens, a request may come with.

The checks are those of a server that a browser can reach. A page of another server must not use this one unless its
origin is allowed, and a server on the loopback interface only answers requests for its own names, so that a page can't
reach it through a name that resolves to this machine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.datastructures import Headers

from emotone.serve.problems import Problem
from emotone.serve.settings import LOOPBACK_NAMES

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from emotone.serve.service import Service
    from emotone.serve.settings import Settings

OPEN_PATHS = frozenset({"/", "/docs", "/openapi.json", "/healthz", "/readyz", "/favicon.ico"})
PROTOCOL = "emotone"  # of a WebSocket
TOKEN_PROTOCOL = "bearer."  # noqa: S105  (prefix of a subprotocol: browsers can't set headers of a WebSocket)


class AccessControl:
    """ASGI middleware that answers requests which are not allowed.

    Args:
        app: receives the others.
        service: whose settings decide.

    """

    def __init__(self, app: ASGIApp, *, service: Service) -> None:
        self._app = app
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] in {"http", "websocket"}:
            try:
                _check(scope, self._service.settings)
            except Problem as problem:
                self._service.metrics.refused.labels(problem.code).inc()
                await problem.response()(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _check(scope: Scope, settings: Settings) -> None:
    headers = Headers(scope=scope)
    _check_host(headers.get("host", ""), settings)
    if "origin" in headers:
        _check_origin(headers["origin"], host=headers.get("host", ""), settings=settings)
    is_preflight = scope["type"] == "http" and scope["method"] == "OPTIONS"
    if settings.tokens is None or scope["path"] in OPEN_PATHS or is_preflight:
        return
    token = _token(headers, scope.get("subprotocols", ()))
    if token is None or not settings.tokens.accepts(token):
        message = "this server needs a bearer token: send 'Authorization: Bearer TOKEN'"
        raise Problem(401, "unauthorized", message, headers={"WWW-Authenticate": "Bearer"})


def _check_host(host: str, settings: Settings) -> None:
    if not settings.is_local:
        return
    allowed = LOOPBACK_NAMES | {_host_name(urlsplit(origin).netloc) for origin in settings.origins}
    if _host_name(host) not in allowed:
        raise Problem(
            403,
            "forbidden_host",
            "this server is for its own machine; behind a proxy, allow the address of its page with --origin",
        )


def _check_origin(origin: str, *, host: str, settings: Settings) -> None:
    same = urlsplit(origin).netloc.lower() == host.lower() and urlsplit(origin).scheme in {"http", "https"}
    if not same and origin.rstrip("/").lower() not in {one.rstrip("/").lower() for one in settings.origins}:
        raise Problem(403, "forbidden_origin", "pages of this origin may not use the server; allow it with --origin")


def _host_name(host: str) -> str:
    """Return a host without its port, in lower case; an IPv6 address without its brackets."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _token(headers: Headers, subprotocols: list[str]) -> str | None:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return token.strip()
    offered = [one.removeprefix(TOKEN_PROTOCOL) for one in subprotocols if one.startswith(TOKEN_PROTOCOL)]
    return offered[0] if offered else None
