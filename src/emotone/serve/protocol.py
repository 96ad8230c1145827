"""Messages of a stream: what clients send as text, and what the server adds to the events of a session.

A client sends `session.start`, audio as binary messages, and `session.end`. The server sends `session.started`, the
events of `emotone.inference.events`, `error` and `session.ended`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from emotone.audio.samples import ENCODINGS, MAX_CHANNELS, MAX_RATE, MIN_RATE

if TYPE_CHECKING:
    from emotone.inference.model import Model
    from emotone.types import Seconds

SAMPLE_BYTES = {"s16le": 2, "f32le": 4}


class SessionStart(BaseModel):
    """The first message of a stream.

    Attributes:
        rate: hertz of the audio.
        encoding: of the samples, which are interleaved.
        channels: number of channels of the audio.
        channel: to analyse, counted from 0; "mix" for the mean of all; "each" for every channel by itself.
        model: name of a model; None for the server's default.
        adapt: whether the model adapts itself to the utterances of the session.
        interim: whether utterances have interim results.

    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    type: Literal["session.start"]
    rate: int = Field(ge=MIN_RATE, le=MAX_RATE)
    encoding: Literal["s16le", "f32le"]
    channels: int = Field(default=1, ge=1, le=MAX_CHANNELS)
    channel: Annotated[int, Field(ge=0, lt=MAX_CHANNELS)] | Literal["mix", "each"] = "mix"
    model: str | None = Field(default=None, max_length=200)
    adapt: bool = False
    interim: bool = False

    @property
    def analysed_channels(self) -> int:
        """Number of channels that are analysed."""
        return self.channels if self.channel == "each" else 1

    @property
    def frame_bytes(self) -> int:
        """Bytes of one sample of all channels."""
        return SAMPLE_BYTES[self.encoding] * self.channels


class SessionEnd(BaseModel):
    """The last message of a stream."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    type: Literal["session.end"]


ClientMessage: TypeAlias = SessionStart | SessionEnd
_MESSAGES: TypeAdapter[ClientMessage] = TypeAdapter(Annotated[SessionStart | SessionEnd, Field(discriminator="type")])


def read_message(text: str) -> ClientMessage:
    """Return the message in a text.

    Raises:
        ValueError: it is not JSON, not of a known type, or a field is missing, unknown or wrong.

    """
    try:
        return _MESSAGES.validate_json(text)
    except ValidationError as error:
        raise ValueError("; ".join(_described(one) for one in error.errors(include_input=False))) from None


def started(identifier: str, start: SessionStart, model: Model, *, name: str) -> dict[str, Any]:
    """Return the answer to `session.start`."""
    manifest = model.bundle.manifest
    return {
        "type": "session.started",
        "session": identifier,
        "rate": start.rate,
        "encoding": start.encoding,
        "channels": start.channels,
        "channel": start.channel,
        "adapt": start.adapt,
        "interim": start.interim,
        "model": {
            "name": name,
            "version": manifest.version,
            "sha256": model.bundle.sha256,
            "licence": manifest.licence,
        },
        "labels": list(manifest.labels),
    }


def error_message(code: str, message: str, *, fatal: bool) -> dict[str, Any]:
    """Return an `error`; a fatal one ends the session."""
    return {"type": "error", "code": code, "message": message, "fatal": fatal}


def ended(reason: str, *, duration: Seconds) -> dict[str, Any]:
    """Return the last message of the server; the duration is that of the accepted audio."""
    return {"type": "session.ended", "reason": reason, "duration": round(duration, 3)}


def _described(error: Any) -> str:
    names = [str(part) for part in error["loc"] if part not in {"session.start", "session.end"}]
    return f"{'.'.join(names)}: {error['msg']}" if names else str(error["msg"])


assert set(SAMPLE_BYTES) == set(ENCODINGS)  # noqa: S101
