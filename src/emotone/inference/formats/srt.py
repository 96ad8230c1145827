"""SubRip: a caption per utterance, for video players."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emotone.inference.rendering import captions, timeline
from emotone.inference.saving import Format

if TYPE_CHECKING:
    from collections.abc import Iterator

    from emotone.inference.result import Prediction


def document(prediction: Prediction) -> Iterator[str]:
    """Yield the document of a recording; it begins with the first caption, without an empty line."""
    for number, caption in enumerate(captions(prediction, decimal=",")):
        yield caption if number else caption.lstrip("\n")


FORMAT = Format(
    suffix=".srt",
    summary="captions of the utterances for video players (SubRip)",
    binary=False,
    open=timeline(document),
    single=True,
)
