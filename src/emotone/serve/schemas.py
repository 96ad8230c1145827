"""The JSON objects of the server for its OpenAPI document."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

JSON = "application/json"
FormatName: TypeAlias = Literal["json", "csv", "srt", "webvtt", "audacity", "textgrid", "elan", "rttm"]
"""Formats of an answer: those of one recording that need no further package."""

MEDIA_TYPES: dict[FormatName, str] = {
    "json": JSON,
    "csv": "text/csv; charset=utf-8",
    "srt": "application/x-subrip",
    "webvtt": "text/vtt; charset=utf-8",
    "audacity": "text/plain; charset=utf-8",
    "textgrid": "text/plain; charset=utf-8",
    "elan": "application/xml",
    "rttm": "text/plain; charset=utf-8",
}
PREDICTION: dict[str, Any] = {
    "description": "The prediction, in the requested format.",
    "content": {
        kind.partition(";")[0]: {"schema": {"type": "string"}} for kind in MEDIA_TYPES.values() if kind != JSON
    },
}
_BINARY = {"type": "string", "format": "binary"}
REQUEST_BODY: dict[str, Any] = {
    "required": True,
    "description": "A recording: wav, flac, ogg, opus, mp3 and more.",
    "content": {
        "application/octet-stream": {"schema": _BINARY},
        "audio/*": {"schema": _BINARY},
        "multipart/form-data": {
            "schema": {"type": "object", "required": ["file"], "properties": {"file": _BINARY}},
        },
    },
}

NOVELTY = (
    "How unlike the training data the speech sounds: the share of recordings by new speakers of the training corpora "
    "that are more like it. Null where there is no speech, and for models that don't measure it."
)
DERIVED = "Null where there is no speech, and for models with a label without a position, such as `other`."


class ModelObject(BaseModel):
    """The model that made a prediction."""

    name: str
    version: str
    sha256: str
    licence: str


class ServedModelObject(ModelObject):
    """A model of the server."""

    description: str
    labels: list[str]
    rate: int = Field(description="Sampling rate of the front end in hertz; recordings may have any.")
    default: bool = Field(description="Whether this model is used where a request names none.")


class ModelsObject(BaseModel):
    """The models of the server."""

    models: list[ServedModelObject]


class DerivedObject(BaseModel):
    """Valence and arousal, derived from the probabilities and published positions of the emotions."""

    valence: float = Field(ge=-1, le=1, description="From unpleasant to pleasant.")
    arousal: float = Field(ge=-1, le=1, description="From passive to active.")


class ClipObject(BaseModel):
    """The result of a recording."""

    label: str | None
    confidence: float | None
    unsure: bool
    probabilities: dict[str, float]
    speech: bool
    novelty: float | None = Field(ge=0, le=1, description=NOVELTY)
    derived: DerivedObject | None = Field(description=DERIVED)


class UtteranceObject(BaseModel):
    """Speech with one emotion."""

    start: float
    end: float
    label: str
    unsure: bool
    probabilities: dict[str, float]
    changed: bool
    derived: DerivedObject | None = Field(description=DERIVED)


class SegmentObject(BaseModel):
    """The result of one window."""

    start: float
    end: float
    label: str
    probabilities: dict[str, float]
    speech: bool
    derived: DerivedObject | None = Field(description=DERIVED)


class PredictionObject(BaseModel):
    """The prediction of a recording."""

    model_config = ConfigDict(populate_by_name=True, protected_namespaces=())

    schema_: Literal["emotone.prediction/1"] = Field(alias="schema")
    file: str | None
    duration: float
    rate: int
    model: ModelObject
    labels: list[str]
    channel: int | Literal["mix"]
    adapted: bool
    clip: ClipObject
    utterances: list[UtteranceObject]
    segments: list[SegmentObject]
    notes: list[str] = Field(default_factory=list)


class StatusObject(BaseModel):
    """Whether the server runs, or accepts requests."""

    status: Literal["ok", "ready", "draining"]


class ErrorObject(BaseModel):
    """Why there is no prediction."""

    code: str = Field(description="A short word that programs can test.")
    message: str = Field(description="One line for people.")


class FailureObject(BaseModel):
    """A request that failed."""

    schema_: Literal["emotone.prediction/1"] = Field(alias="schema")
    file: str | None
    error: ErrorObject


FAILURES: dict[int | str, dict[str, Any]] = {
    status: {"model": FailureObject, "description": description}
    for status, description in {
        400: "The request is not valid HTTP, or the client disconnected.",
        401: "A bearer token is missing or wrong.",
        403: "The origin or the host is not allowed.",
        404: "The server has no such model.",
        408: "The recording did not arrive in time.",
        413: "The recording is too large or too long.",
        415: "The recording is in a format that can't be decoded.",
        422: "The recording or an argument can't be used.",
        500: "The server failed.",
        503: "The server is at its limits; Retry-After contains the seconds to wait.",
    }.items()
}
REFUSALS: dict[int | str, dict[str, Any]] = {status: FAILURES[status] for status in (401, 403)}
"""Failures of every path that needs a token."""

FORBIDDEN: dict[int | str, dict[str, Any]] = {403: FAILURES[403]}
"""Failures of the other paths."""
