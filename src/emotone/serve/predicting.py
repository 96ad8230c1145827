"""`POST /v1/predict`: the recording of a request, its body or a file of a form, and the emotions in it."""

from __future__ import annotations

import asyncio
import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, cast

from fastapi import APIRouter, Query, Request, Response
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect

from emotone.audio.read import probe, stream
from emotone.errors import EmotoneError
from emotone.inference.saving import FORMATS, Page, to_bytes
from emotone.serve.observation import log_defect
from emotone.serve.problems import Problem, busy, problem_of
from emotone.serve.schemas import FAILURES, MEDIA_TYPES, PREDICTION, REQUEST_BODY, FormatName, PredictionObject

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from emotone.audio.source import Track
    from emotone.inference.model import Model
    from emotone.inference.result import Channel
    from emotone.serve.service import Service
    from emotone.serve.settings import Limits
    from emotone.types import Seconds

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


UNNAMED = "recording"


def prediction_routes(service: Service) -> APIRouter:
    """Return the routes of a service's predictions."""
    router = APIRouter()

    @router.post(
        "/v1/predict",
        summary="Recognise emotions in a recording",
        response_model=PredictionObject,
        responses={200: PREDICTION, **FAILURES},
        openapi_extra={"requestBody": REQUEST_BODY},
    )
    async def predict(
        request: Request,
        model: Annotated[str | None, Query(description="Name of a model; default: the first of /v1/models.")] = None,
        channel: Annotated[
            str, Query(pattern=r"^(mix|[0-9]{1,2})$", description="A channel, from 0, or mix for the mean of all.")
        ] = "mix",
        track: Annotated[
            str,
            Query(pattern=r"^(default|all|[0-9]{1,2})$", description="An audio track, from 0; default; or all."),
        ] = "default",
        format_name: Annotated[
            FormatName, Query(alias="format", description="Of the answer. Failures are always JSON.")
        ] = "json",
    ) -> Response:
        """Return the prediction of a recording: the body of the request, or a file of a form.

        The recording is any format that `emotone predict` reads. It is kept in memory and not stored.
        """
        if service.draining.is_set():
            raise busy("the server is shutting down")
        with service.predictions.enter():
            try:
                chosen = service.models.get(model)
            except EmotoneError as error:
                raise problem_of(error) from error
            upload = await read_upload(request, limits=service.settings.limits)
            longest = service.settings.limits.recording_seconds
            options = _Options(
                channel=cast("Channel", channel if channel == "mix" else int(channel)),
                track=cast("Track", int(track) if track.isdecimal() else track),
                longest=longest,
                format_name=format_name,
            )
            try:
                content, seconds = await service.predict(lambda: _predict(chosen, upload, options))
            except EmotoneError as error:
                problem = problem_of(error)
                if problem.status >= 500:
                    log_defect("prediction failed", code=error.code)
                return problem.response(file=upload.name)
            except Problem as problem:
                return problem.response(file=upload.name)
        service.metrics.audio_seconds.labels("prediction").inc(seconds)
        # Without a parameter: Starlette would add the character set to text/* only.
        return Response(content, headers={"content-type": MEDIA_TYPES[format_name]})

    return router


@dataclasses.dataclass(frozen=True, slots=True)
class _Options:
    channel: Channel
    track: Track
    longest: Seconds
    format_name: FormatName


def _predict(model: Model, upload: Upload, options: _Options) -> tuple[bytes, Seconds]:
    """Return a prediction in the requested format, and the duration of the recording."""
    name = upload.name or UNNAMED
    _check_duration(upload.content, options, name=name)
    prediction = model.predict(upload.content, channel=options.channel, track=options.track, name=name)
    named = dataclasses.replace(prediction, file=upload.name)
    if options.format_name == "json":  # on one line
        return named.to_json().encode(), named.duration
    page = Page(labels=model.labels, single=True)
    return to_bytes(named, FORMATS.get(options.format_name), page), named.duration


def _check_duration(content: bytes, options: _Options, *, name: str) -> None:
    """Refuse a recording that is too long.

    The header may be wrong, and a few megabytes of silence may decode to days: the samples are counted as well. Reading
    takes a small part of the time of a prediction.
    """
    info = probe(content, track=options.track, name=name)
    if info.duration is not None and info.duration > options.longest:
        raise _too_long(options.longest, name=name)
    most = options.longest * info.rate
    count = 0
    with stream(content, rate=info.rate, track=options.track, name=name) as pieces:
        for piece in pieces:
            count += len(piece)
            if count > most:
                raise _too_long(options.longest, name=name)


def _too_long(seconds: Seconds, *, name: str) -> Problem:
    return Problem(413, "too_long", f"{name}: longer than {seconds:g} s, the maximum; send it in parts")
