"""Audacity's labels: a line per utterance, with start, end and emotion, for `File > Import > Labels`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emotone.inference.rendering import description, timeline
from emotone.inference.saving import Format

if TYPE_CHECKING:
    from collections.abc import Iterator

    from emotone.inference.result import Prediction


def document(prediction: Prediction) -> Iterator[str]:
    """Yield the lines of a recording."""
    for utterance in prediction.utterances:
        yield f"{utterance.start:.6f}\t{utterance.end:.6f}\t{description(utterance)}\n"


FORMAT = Format(
    suffix=".labels.txt",
    summary="a label track of the utterances for Audacity",
    binary=False,
    open=timeline(document),
    single=True,
)
