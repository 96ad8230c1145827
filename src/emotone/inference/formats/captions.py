"""Captions of the utterances for video and media players (SubRip, WebVTT), and a label track for Audacity."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emotone.inference.rendering import timeline
from emotone.inference.saving import Format

if TYPE_CHECKING:
    from collections.abc import Iterator

    from emotone.inference.result import Prediction
    from emotone.inference.segments import UtteranceSegment
    from emotone.types import Seconds


def srt_document(prediction: Prediction) -> Iterator[str]:
    """Yield the document of a recording; it begins with the first caption, without an empty line."""
    for number, caption in enumerate(captions(prediction, decimal=",")):
        yield caption if number else caption.lstrip("\n")


SRT = Format(
    suffix=".srt",
    summary="captions of the utterances for video players (SubRip)",
    binary=False,
    open=timeline(srt_document),
    single=True,
)


def webvtt_document(prediction: Prediction) -> Iterator[str]:
    """Yield the document of a recording.

    Reference: https://www.w3.org/TR/webvtt1/
    """
    yield "WEBVTT\n"
    if prediction.channel != "mix":
        yield f"\nNOTE channel {prediction.channel}\n"
    yield from captions(prediction, decimal=".")


WEBVTT = Format(
    suffix=".vtt",
    summary="captions of the utterances for media players (WebVTT)",
    binary=False,
    open=timeline(webvtt_document),
    single=True,
)


def audacity_document(prediction: Prediction) -> Iterator[str]:
    """Yield the lines of a recording."""
    for utterance in prediction.utterances:
        yield f"{utterance.start:.6f}\t{utterance.end:.6f}\t{description(utterance)}\n"


AUDACITY = Format(
    suffix=".labels.txt",
    summary="a label track of the utterances for Audacity",
    binary=False,
    open=timeline(audacity_document),
    single=True,
)


def description(utterance: UtteranceSegment) -> str:
    """Return what a person reads of an utterance, e.g. `anger 81 %, changed`."""
    remarks = [*(["unsure"] if utterance.unsure else []), *(["changed"] if utterance.changed else [])]
    return ", ".join([f"{utterance.label} {round(100 * utterance.confidence)} %", *remarks])


def captions(prediction: Prediction, *, decimal: str) -> Iterator[str]:
    """Yield one caption per utterance, numbered from 1, each after an empty line; milliseconds follow `decimal`."""
    for number, one in enumerate(prediction.utterances, start=1):
        times = " --> ".join(_milliseconds(seconds, decimal=decimal) for seconds in (one.start, one.end))
        yield f"\n{number}\n{times}\n{description(one)}\n"


def _milliseconds(seconds: Seconds, *, decimal: str) -> str:
    whole, thousandths = divmod(round(1000 * seconds), 1000)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}{decimal}{thousandths:03}"
