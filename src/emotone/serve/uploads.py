"""The recording of a request: its body, or a file of a form. It is kept in memory and stored nowhere."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect

from emotone.serve.problems import Problem

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from starlette.requests import Request

    from emotone.serve.settings import Limits

FORM = "multipart/form-data"


@dataclass(frozen=True, slots=True)
class Upload:
    """A recording that was sent.

    Attributes:
        content: the bytes of the whole file.
        name: of the file in a form, or None.

    """

    content: bytes
    name: str | None


class _FormParser(MultiPartParser):
    """Keeps files in memory: the size of the body is limited, and nothing may be written to the disk."""

    spool_max_size = 1 << 62


async def read_upload(request: Request, *, limits: Limits) -> Upload:
    """Return the recording of a request.

    Raises:
        Problem: 413, the body is too large; 408, it does not arrive in time; 422, it is empty, or a form without
            exactly one file; 400, the client disconnected.

    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    _check_declared_size(request, limits=limits)
    try:
        reading = _read_form(request, limits=limits) if kind == FORM else _read_body(request, limits=limits)
        upload = await asyncio.wait_for(reading, limits.body_seconds)
    except asyncio.TimeoutError:
        message = f"the recording did not arrive within {limits.body_seconds:g} s"
        raise Problem(408, "timeout", message, headers={"Connection": "close"}) from None
    except ClientDisconnect:
        raise Problem(400, "disconnected", "the client disconnected") from None
    if not upload.content:
        raise Problem(422, "empty", "the recording is empty; send the bytes of a file")
    return upload


def _check_declared_size(request: Request, *, limits: Limits) -> None:
    declared = request.headers.get("content-length", "0")
    if declared.isdecimal() and int(declared) > limits.body_bytes:
        raise _too_large(limits)


def _too_large(limits: Limits) -> Problem:
    message = f"the body has more than {limits.body_bytes:,} bytes, the maximum; send a shorter or a compressed file"
    return Problem(413, "too_large", message, headers={"Connection": "close"})


async def _limited(request: Request, *, limits: Limits) -> AsyncGenerator[bytes, None]:
    received = 0
    async for piece in request.stream():
        received += len(piece)
        if received > limits.body_bytes:
            raise _too_large(limits)
        yield piece


async def _read_body(request: Request, *, limits: Limits) -> Upload:
    content = bytearray()
    async for piece in _limited(request, limits=limits):
        content += piece
    return Upload(bytes(content), None)


async def _read_form(request: Request, *, limits: Limits) -> Upload:
    parser = _FormParser(request.headers, _limited(request, limits=limits), max_files=1, max_fields=8)
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise Problem(422, "usage", f"the form can't be read: {error.message}") from None
    try:
        files = [value for value in form.values() if isinstance(value, UploadFile)]
        if len(files) != 1:
            raise Problem(422, "usage", "the form contains no file; send one, e.g. in the field 'file'")
        return Upload(await files[0].read(), files[0].filename or None)
    finally:
        await form.close()
