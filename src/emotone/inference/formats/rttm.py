"""RTTM: a line per utterance, as tools that score who spoke when read them; the emotion stands for the speaker."""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import TYPE_CHECKING

from emotone.inference.filenames import printable
from emotone.inference.format import UNDECIDED, Format, timeline

if TYPE_CHECKING:
    from collections.abc import Iterator

    from emotone.inference.result import Prediction


def document(prediction: Prediction) -> Iterator[str]:
    """Yield the lines of a recording: its name without folder and suffix, start, length, emotion and probability.

    Reference: NIST, The 2009 (RT-09) rich transcription meeting recognition evaluation plan, appendix A.
    """
    name = printable(re.sub(r"\s", "_", PurePath(prediction.file or "samples").stem))
    for one in prediction.utterances:
        label, probability = one.label or UNDECIDED, max(one.probabilities.values())
        yield f"SPEAKER {name} 1 {one.start:.3f} {one.end - one.start:.3f} <NA> <NA> {label} {probability:.4f} <NA>\n"


FORMAT = Format(
    suffix=".rttm",
    summary="a line per utterance for tools of diarisation; the emotion stands for the speaker",
    binary=False,
    open=timeline(document),
)
