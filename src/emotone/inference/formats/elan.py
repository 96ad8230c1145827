"""ELAN annotations: one tier with the emotions and one with their changes."""

from __future__ import annotations

import mimetypes
from pathlib import PurePath
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from emotone.inference.display import printable
from emotone.inference.rendering import timeline
from emotone.inference.saving import Format

if TYPE_CHECKING:
    from collections.abc import Iterator

    from emotone.inference.result import Prediction

XSI = "http://www.w3.org/2001/XMLSchema-instance"
SCHEMA = "http://www.mpi.nl/tools/elan/EAFv3.0.xsd"
NO_DATE = "1970-01-01T00:00:00+00:00"  # required; a constant, so that equal predictions give equal bytes


def document(prediction: Prediction) -> Iterator[str]:
    """Yield the document of a recording.

    Reference: Max Planck Institute for Psycholinguistics, EAF annotation format 3.0.
    """
    root = ET.Element("ANNOTATION_DOCUMENT", {"AUTHOR": "emotone", "DATE": NO_DATE, "FORMAT": "3.0", "VERSION": "3.0"})
    root.set(f"{{{XSI}}}noNamespaceSchemaLocation", SCHEMA)
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
    ET.register_namespace("xsi", XSI)
    ET.indent(root)
    yield '<?xml version="1.0" encoding="UTF-8"?>\n'
    yield ET.tostring(root, encoding="unicode") + "\n"


FORMAT = Format(
    suffix=".eaf",
    summary="tiers of the emotions and of their changes for ELAN",
    binary=False,
    open=timeline(document),
    single=True,
)
