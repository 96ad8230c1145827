"""WebVTT: a caption per utterance, for players of sound and film."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emotone.inference.format import Format, captions, timeline

if TYPE_CHECKING:
    from collections.abc import Iterator

    from emotone.inference.result import Prediction


def document(prediction: Prediction) -> Iterator[str]:
    """Yield the document of a recording.

    Reference: https://www.w3.org/TR/webvtt1/
    """
    yield "WEBVTT\n"
    yield from captions(prediction, decimal=".")


FORMAT = Format(
    suffix=".vtt",
    summary="captions of the utterances, as players take them (WebVTT)",
    binary=False,
    open=timeline(document),
    single=True,
)
