"""SubRip: a caption per utterance, for players of films."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emotone.inference.format import Format, captions, timeline

if TYPE_CHECKING:
    from collections.abc import Iterator

    from emotone.inference.result import Prediction


def document(prediction: Prediction) -> Iterator[str]:
    """Yield the document of a recording; it begins with the first caption, and so without an empty line."""
    for number, caption in enumerate(captions(prediction, decimal=",")):
        yield caption if number else caption.lstrip("\n")


FORMAT = Format(
    suffix=".srt",
    summary="captions of the utterances, as players of films take them (SubRip)",
    binary=False,
    open=timeline(document),
    single=True,
)
