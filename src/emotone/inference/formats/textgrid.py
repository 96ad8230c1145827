"""TextGrid: a tier of intervals with the emotions, and one of points where they change, for Praat."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emotone.inference.format import Format, name_of, timeline

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from emotone.inference.result import Prediction, Spoken
    from emotone.types import Seconds


def document(prediction: Prediction) -> Iterator[str]:
    """Yield the document of a recording, in Praat's long text format.

    Reference: https://www.fon.hum.uva.nl/praat/manual/TextGrid_file_formats.html
    """
    end = prediction.duration
    yield f'File type = "ooTextFile"\nObject class = "TextGrid"\n\nxmin = 0\nxmax = {end}\n'
    yield "tiers? <exists>\nsize = 2\nitem []:\n"
    count = sum(1 for _ in intervals(prediction.utterances, end))
    yield _tier(1, "IntervalTier", "emotion", end) + f"        intervals: size = {count}\n"
    for number, (first, last, label) in enumerate(intervals(prediction.utterances, end), start=1):
        yield f"        intervals [{number}]:\n            xmin = {first}\n            xmax = {last}\n"
        yield f'            text = "{label}"\n'
    changes = [one for one in prediction.utterances if one.changed]
    yield _tier(2, "TextTier", "change", end) + f"        points: size = {len(changes)}\n"
    for number, one in enumerate(changes, start=1):
        yield f'        points [{number}]:\n            number = {one.start}\n            mark = "{name_of(one)}"\n'


def intervals(utterances: Sequence[Spoken], end: Seconds) -> Iterator[tuple[Seconds, Seconds, str]]:
    """Yield start, end and text of what covers a recording without gap: utterances, and nothing in between."""
    at = 0.0
    for one in utterances:
        if one.start > at:
            yield at, one.start, ""
        yield one.start, one.end, name_of(one)
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
