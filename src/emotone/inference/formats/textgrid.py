"""TextGrid for Praat: a tier of intervals with the emotions, and a tier of points where they change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emotone.inference.rendering import timeline
from emotone.inference.saving import Format

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from emotone.inference.result import Prediction
    from emotone.inference.segments import UtteranceSegment
    from emotone.types import Seconds


def document(prediction: Prediction) -> Iterator[str]:
    """Yield the document of a recording, in Praat's long text format.

    Reference: https://www.fon.hum.uva.nl/praat/manual/TextGrid_file_formats.html
    """
    end = prediction.duration
    yield f'File type = "ooTextFile"\nObject class = "TextGrid"\n\nxmin = 0\nxmax = {end}\n'
    yield "tiers? <exists>\nsize = 2\nitem []:\n"
    count = sum(1 for _ in intervals(prediction.utterances, end))
    channel = "" if prediction.channel == "mix" else f" channel {prediction.channel}"
    yield _tier(1, "IntervalTier", f"emotion{channel}", end) + f"        intervals: size = {count}\n"
    for number, (first, last, label) in enumerate(intervals(prediction.utterances, end), start=1):
        yield f"        intervals [{number}]:\n            xmin = {first}\n            xmax = {last}\n"
        yield f'            text = "{label}"\n'
    changes = [one for one in prediction.utterances if one.changed]
    yield _tier(2, "TextTier", f"change{channel}", end) + f"        points: size = {len(changes)}\n"
    for number, one in enumerate(changes, start=1):
        yield f'        points [{number}]:\n            number = {one.start}\n            mark = "{one.label}"\n'


def intervals(utterances: Sequence[UtteranceSegment], end: Seconds) -> Iterator[tuple[Seconds, Seconds, str]]:
    """Yield start, end and text of intervals that cover a recording without gaps; the text between utterances is ""."""
    at = 0.0
    for one in utterances:
        if one.start > at:
            yield at, one.start, ""
        yield one.start, one.end, one.label
        at = one.end
    if at < end:
        yield at, end, ""


def _tier(number: int, kind: str, name: str, end: Seconds) -> str:
    head = f'    item [{number}]:\n        class = "{kind}"\n        name = "{name}"\n'
    return f"{head}        xmin = 0\n        xmax = {end}\n"


FORMAT = Format(
    suffix=".TextGrid",
    summary="tiers of the emotions and of their changes for Praat",
    binary=False,
    open=timeline(document),
    single=True,
)
