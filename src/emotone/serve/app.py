"""The application: routes, static pages, access, and failures as JSON objects."""

from __future__ import annotations

import base64
import hashlib
import re
from contextlib import asynccontextmanager
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, FastAPI, Request, Response, Security, WebSocket
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.security import HTTPBearer
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import HTMLResponse

import emotone
from emotone.serve.access import AccessControl
from emotone.serve.observation import CONTENT_TYPE, Observer
from emotone.serve.predicting import prediction_routes
from emotone.serve.problems import Problem, failure, internal
from emotone.serve.schemas import FORBIDDEN, REFUSALS, ModelsObject, StatusObject
from emotone.serve.streaming import serve_stream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from emotone.serve.service import Service

_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)
_STYLE = re.compile(r"<style>(.*?)</style>", re.DOTALL)


def page(name: str) -> HTMLResponse:
    """Return the response with a page of the folder `static`."""
    text = _read(name)
    headers = {
        "Content-Security-Policy": _policy(text),
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-cache",
    }
    return HTMLResponse(text, headers=headers)


@cache
def _read(name: str) -> str:
    return files("emotone.serve").joinpath("static", name).read_text(encoding="utf-8")


@cache
def _policy(text: str) -> str:
    """Return a policy that allows the page's own scripts and styles, its own server, and recordings as blobs."""
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src {_hashes(_SCRIPT.findall(text))} blob:",  # an AudioWorklet is a blob
            f"style-src {_hashes(_STYLE.findall(text))}",
            "connect-src 'self'",
            "media-src blob:",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        ]
    )


def _hashes(parts: Iterable[str]) -> str:
    digests = [base64.b64encode(hashlib.sha256(part.encode()).digest()).decode() for part in parts]
    return " ".join(f"'sha256-{digest}'" for digest in digests)


METRICS: dict[int | str, dict[str, Any]] = {
    200: {"description": "The metrics.", "content": {"text/plain": {"schema": {"type": "string"}}}},
    **REFUSALS,
}
_CODES = {404: "unknown_path", 405: "unknown_method"}


def create_app(service: Service) -> FastAPI:
    """Return the ASGI application of a service."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        service.close()

    app = FastAPI(
        title="emotone",
        summary="Speech emotion recognition",
        version=emotone.__version__,
        docs_url=None,  # the usual page loads scripts from another server
        redoc_url=None,
        lifespan=lifespan,
    )
    # Only for the document: `AccessControl` checks the token.
    security = [] if service.settings.tokens is None else [Security(HTTPBearer(auto_error=False))]
    app.include_router(prediction_routes(service), dependencies=security)
    app.include_router(_information_routes(service), dependencies=security)
    _add_open_routes(app, service)
    _add_failures(app, service)
    # The last one is the outermost.
    app.add_middleware(
        CORSMiddleware,
        allow_origins=list(service.settings.origins),
        allow_methods=["GET", "POST"],
        allow_headers=["authorization", "content-type"],
        expose_headers=["x-request-id", "retry-after"],
    )
    app.add_middleware(AccessControl, service=service)
    app.add_middleware(Observer, metrics=service.metrics)
    return app


def _information_routes(service: Service) -> APIRouter:
    router = APIRouter()

    @router.get("/v1/models", summary="List the models", response_model=ModelsObject, responses=REFUSALS)
    async def models() -> Any:
        """Return the models that requests can name."""
        return JSONResponse({"models": service.models.describe()})

    @router.get("/metrics", summary="Metrics for Prometheus", response_class=Response, responses=METRICS)
    async def metrics() -> Response:
        """Return counters and latencies in the text format of Prometheus."""
        return Response(service.metrics.text(), media_type=CONTENT_TYPE)

    return router


def _add_open_routes(app: FastAPI, service: Service) -> None:
    """Add the paths that need no token, and the stream."""

    @app.get("/healthz", summary="Whether the process runs", response_model=StatusObject, responses=FORBIDDEN)
    async def health() -> dict[str, str]:
        """Return 200 as long as the process answers."""
        return {"status": "ok"}

    @app.get(
        "/readyz",
        summary="Whether requests are accepted",
        response_model=StatusObject,
        responses={**FORBIDDEN, 503: {"model": StatusObject, "description": "The server shuts down."}},
    )
    async def ready() -> Response:
        """Return 200 if the server accepts requests, and 503 while it shuts down."""
        draining = service.draining.is_set()
        return JSONResponse({"status": "draining" if draining else "ready"}, 503 if draining else 200)

    @app.websocket("/v1/stream")
    async def stream(websocket: WebSocket) -> None:
        await serve_stream(websocket, service)

    @app.get("/", include_in_schema=False)
    async def index() -> Response:
        return page("index.html")

    @app.get("/docs", include_in_schema=False)
    async def reference() -> Response:
        return page("reference.html")


def _add_failures(app: FastAPI, service: Service) -> None:
    @app.exception_handler(Problem)
    async def on_problem(_: Request, problem: Problem) -> Response:
        service.metrics.refused.labels(problem.code).inc()
        return problem.response()

    @app.exception_handler(RequestValidationError)
    async def on_wrong_arguments(_: Request, error: RequestValidationError) -> Response:
        messages = [f"{'.'.join(str(part) for part in one['loc'][1:])}: {one['msg']}" for one in error.errors()]
        return JSONResponse(failure("usage", "; ".join(messages)), 422)

    @app.exception_handler(HTTPException)
    async def on_http_error(_: Request, error: HTTPException) -> Response:
        code = _CODES.get(error.status_code, "http")
        return JSONResponse(failure(code, str(error.detail)), error.status_code, error.headers)

    @app.exception_handler(Exception)
    async def on_defect(_: Request, __: Exception) -> Response:
        return internal().response()
