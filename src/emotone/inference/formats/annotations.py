"""Utterances as annotations and captions.

Annotations of the utterances for programs that linguists and diarization tools use: Praat, ELAN, RTTM.

Captions of the utterances for video and media players (SubRip, WebVTT), and a label track for Audacity.
"""

from __future__ import annotations

import mimetypes
import re
from hashlib import sha256
from pathlib import PurePath
from typing import IO, TYPE_CHECKING
from xml.etree import ElementTree as ET

from emotone.inference.display import printable
from emotone.inference.rendering import timeline
from emotone.inference.result import Failure
from emotone.inference.saving import Format

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from emotone.inference.rendering import Result
    from emotone.inference.result import Prediction
    from emotone.inference.saving import Page
    from emotone.inference.segments import UtteranceSegment
    from emotone.types import Seconds

ELAN_XSI = "http://www.w3.org/2001/XMLSchema-instance"
ELAN_SCHEMA = "http://www.mpi.nl/tools/elan/EAFv3.0.xsd"
NO_DATE = "1970-01-01T00:00:00+00:00"  # required; a constant, so that equal predictions give equal bytes


def textgrid_document(prediction: Prediction) -> Iterator[str]:
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


TEXTGRID = Format(
    suffix=".TextGrid",
    summary="tiers of the emotions and of their changes for Praat",
    binary=False,
    open=timeline(textgrid_document),
    single=True,
)


def elan_document(prediction: Prediction) -> Iterator[str]:
    """Yield the document of a recording.

    Reference: Max Planck Institute for Psycholinguistics, EAF annotation format 3.0.
    """
    root = ET.Element("ANNOTATION_DOCUMENT", {"AUTHOR": "emotone", "DATE": NO_DATE, "FORMAT": "3.0", "VERSION": "3.0"})
    root.set(f"{{{ELAN_XSI}}}noNamespaceSchemaLocation", ELAN_SCHEMA)
    header = ET.SubElement(root, "HEADER", {"MEDIA_FILE": "", "TIME_UNITS": "milliseconds"})
    if prediction.file is not None:
        name = printable(prediction.file)
        media = {
            "MEDIA_URL": name,
            "RELATIVE_MEDIA_URL": f"./{PurePath(name).name}",
            "MIME_TYPE": mimetypes.guess_type(name)[0] or "audio/x-wav",
        }
        ET.SubElement(header, "MEDIA_DESCRIPTOR", media)
    order = ET.SubElement(root, "TIME_ORDER")
    tiers = {
        name: ET.SubElement(root, "TIER", {"LINGUISTIC_TYPE_REF": "default-lt", "TIER_ID": name})
        for name in ("emotion", "change")
    }
    for tier in tiers.values() if prediction.channel != "mix" else ():
        tier.set("PARTICIPANT", f"channel {prediction.channel}")
    made = 0
    for number, one in enumerate(prediction.utterances, start=1):
        slots = (f"ts{2 * number - 1}", f"ts{2 * number}")
        for slot, seconds in zip(slots, (one.start, one.end), strict=True):
            ET.SubElement(order, "TIME_SLOT", {"TIME_SLOT_ID": slot, "TIME_VALUE": str(round(1000 * seconds))})
        for name in ("emotion", "change") if one.changed else ("emotion",):
            made += 1
            places = {"ANNOTATION_ID": f"a{made}", "TIME_SLOT_REF1": slots[0], "TIME_SLOT_REF2": slots[1]}
            annotation = ET.SubElement(ET.SubElement(tiers[name], "ANNOTATION"), "ALIGNABLE_ANNOTATION", places)
            ET.SubElement(annotation, "ANNOTATION_VALUE").text = one.label
    kind = {"GRAPHIC_REFERENCES": "false", "LINGUISTIC_TYPE_ID": "default-lt", "TIME_ALIGNABLE": "true"}
    ET.SubElement(root, "LINGUISTIC_TYPE", kind)
    ET.register_namespace("xsi", ELAN_XSI)
    ET.indent(root)
    yield '<?xml version="1.0" encoding="UTF-8"?>\n'
    yield ET.tostring(root, encoding="unicode") + "\n"


ELAN = Format(
    suffix=".eaf",
    summary="tiers of the emotions and of their changes for ELAN",
    binary=False,
    open=timeline(elan_document),
    single=True,
)


class RttmDocument:
    """Lines of recordings, each with an identifier that is unique in the document.

    Reference: NIST, The 2009 (RT-09) rich transcription meeting recognition evaluation plan, appendix A.
    """

    def __init__(self, stream: IO[str], page: Page) -> None:  # noqa: ARG002  (every writer takes a page)
        self._stream = stream
        self._owners: dict[str, str] = {}  # file by identifier

    def write(self, result: Result) -> None:
        """Write a recording's lines: identifier, channel, start, duration, emotion and probability."""
        if isinstance(result, Failure):
            return
        name = self._identifier(result.file or "samples")
        channel = 1 if result.channel == "mix" else result.channel + 1
        for one in result.utterances:
            self._stream.write(
                f"SPEAKER {name} {channel} {one.start:.3f} {one.end - one.start:.3f} <NA> <NA> {one.label} "
                f"{one.confidence:.4f} <NA>\n"
            )
        self._stream.flush()

    def finish(self) -> None:
        """Do nothing: such a document has no end."""

    def _identifier(self, file: str) -> str:
        """Return the name without folder and suffix, or with a hash of the path where another file has that name."""
        name = printable(re.sub(r"\s", "_", PurePath(file).stem))
        if self._owners.setdefault(name, file) != file:
            name = f"{name}-{sha256(file.encode(errors='surrogateescape')).hexdigest()[:8]}"
        return name


RTTM = Format(
    suffix=".rttm",
    summary="a line per utterance for diarization tools; the emotion replaces the speaker",
    binary=False,
    open=RttmDocument,
)


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
