"""WebVTT: a caption per utterance, for audio and video players."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emotone.inference.rendering import captions, timeline
from emotone.inference.saving import Format

if TYPE_CHECKING:
    from collections.abc import Iterator

    from emotone.inference.result import Prediction


def document(prediction: Prediction) -> Iterator[str]:
    """Yield the document of a recording.

    Reference: https://www.w3.org/TR/webvtt1/
    """
    yield "WEBVTT\n"
    if prediction.channel != "mix":
        yield f"\nNOTE channel {prediction.channel}\n"
    yield from captions(prediction, decimal=".")


FORMAT = Format(
    suffix=".vtt",
    summary="captions of the utterances for media players (WebVTT)",
    binary=False,
    open=timeline(document),
    single=True,
)
