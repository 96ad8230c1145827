"""Failures of requests: an HTTP status, and the failure object of `emotone.prediction/1` as the body."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse

from emotone.errors import (
    AudioError,
    BundleError,
    EmotoneError,
    MissingExtraError,
    NotAudioError,
    UnknownNameError,
    UsageError,
)
from emotone.inference.result import SCHEMA

if TYPE_CHECKING:
    from collections.abc import Mapping

RETRY_SECONDS = 1
# The first class that fits decides.
_STATUS: tuple[tuple[type[EmotoneError], int], ...] = (
    (NotAudioError, 415),
    (MissingExtraError, 415),
    (UnknownNameError, 404),
    (AudioError, 422),
    (UsageError, 422),
)


class Problem(Exception):  # noqa: N818  (a response, not a defect)
    """A request that can't be answered as it should.

    Args:
        status: of HTTP.
        code: a short word that programs can test.
        message: one line for people.
        headers: of the response.

    """

    def __init__(self, status: int, code: str, message: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = dict(headers or {})

    def response(self, *, file: str | None = None) -> JSONResponse:
        """Return the response with the failure object."""
        return JSONResponse(failure(self.code, self.message, file=file), self.status, self.headers)


def failure(code: str, message: str, *, file: str | None = None) -> dict[str, Any]:
    """Return the failure object."""
    return {"schema": SCHEMA, "file": file, "error": {"code": code, "message": message}}


def busy(what: str) -> Problem:
    """Return the problem of a server at its limits."""
    return Problem(503, "busy", f"{what}; try again in {RETRY_SECONDS} s", headers={"Retry-After": str(RETRY_SECONDS)})


def problem_of(error: EmotoneError) -> Problem:
    """Return the problem for an error of emotone.

    A recording or an argument that can't be used is the client's problem. Others are the server's: their messages may
    contain paths and go to the log only.
    """
    for kind, status in _STATUS:
        if isinstance(error, kind):
            return Problem(status, error.code, str(error))
    return internal(error.code if isinstance(error, BundleError) else "internal")


def internal(code: str = "internal") -> Problem:
    """Return the problem of a defect of the server."""
    return Problem(500, code, "the server failed; its log contains the reason")
