"""Timelines contain every utterance, as the programs that read them expect, and are empty without speech."""

from __future__ import annotations

import dataclasses
import io
import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from emotone.inference.formats.annotations import intervals
from emotone.inference.saving import FORMATS, Page

if TYPE_CHECKING:
    from pathlib import Path

    from emotone.inference.result import Channel, Failure, Prediction

NAMES = ("anger", "neutral", "anger")
SPANS = [(0.1, 2.48), (2.48, 3.5), (4.02, 4.5)]


def written(name: str, *results: Prediction | Failure) -> str:
    stream = io.StringIO()
    writer = FORMATS.get(name).open(stream, Page(labels=("anger", "neutral", "sadness"), single=len(results) == 1))
    for result in results:
        writer.write(result)
    writer.finish()
    return stream.getvalue()


def parsed(text: str) -> ET.Element:
    return ET.fromstring(text)  # noqa: S314  (written by ourselves)


def test_a_textgrid_covers_the_recording_without_gap(prediction: Prediction) -> None:
    found = list(intervals(prediction.utterances, prediction.duration))
    assert [label for *_, label in found] == ["", "anger", "neutral", "", "anger", ""]
    assert [start for start, *_ in found] == [0.0, *(end for _, end, _ in found[:-1])]
    assert found[-1][1] == prediction.duration
    text = written("textgrid", prediction)
    assert "intervals: size = 6" in text
    assert "points: size = 2" in text
    assert re.findall(r"number = (.*)\n *mark = (.*)", text) == [("2.48", '"neutral"'), ("4.02", '"anger"')]
    assert list(intervals([], 2.0)) == [(0.0, 2.0, "")]


@pytest.mark.parametrize(("name", "decimal"), [("webvtt", "."), ("srt", ",")])
def test_captions_are_numbered_and_have_hours(prediction: Prediction, name: str, decimal: str) -> None:
    late = dataclasses.replace(prediction.utterances[1], start=3599.9996, end=36000.0)
    text = written(name, dataclasses.replace(prediction, utterances=[*prediction.utterances, late]))
    blocks = text.removeprefix("WEBVTT\n\n").split("\n\n")
    assert [block.splitlines()[0] for block in blocks] == ["1", "2", "3", "4"]
    assert blocks[0].splitlines()[1:] == [f"00:00:00{decimal}100 --> 00:00:02{decimal}480", "anger 80 %"]
    assert blocks[1].splitlines()[2] == "neutral 88 %, changed"
    assert blocks[3].splitlines()[1] == f"01:00:00{decimal}000 --> 10:00:00{decimal}000"


def test_audacity_labels_are_lines_with_tabs(prediction: Prediction) -> None:
    fields = [line.split("\t") for line in written("audacity", prediction).splitlines()]
    assert [(float(start), float(end)) for start, end, _ in fields] == SPANS
    assert [text.split()[0] for *_, text in fields] == list(NAMES)


def test_rttm_has_ten_fields_whatever_the_name(prediction: Prediction, failure: Failure) -> None:
    odd = dataclasses.replace(prediction, file="calls/my first\tcall.wav")
    fields = [line.split(" ") for line in written("rttm", odd, failure, prediction).splitlines()]
    assert {len(line) for line in fields} == {10}
    assert [line[1] for line in fields[::3]] == ["my_first_call", '"zażółć",_1']
    assert [(float(line[3]), round(float(line[3]) + float(line[4]), 3)) for line in fields[:3]] == SPANS
    assert [line[7] for line in fields[:3]] == list(NAMES)


def test_elan_reads_times_tiers_and_the_recording(prediction: Prediction) -> None:
    root = parsed(written("elan", prediction))
    slots = {slot.attrib["TIME_SLOT_ID"]: int(slot.attrib["TIME_VALUE"]) for slot in root.iter("TIME_SLOT")}
    tiers = {tier.attrib["TIER_ID"]: list(tier.iter("ALIGNABLE_ANNOTATION")) for tier in root.iter("TIER")}
    found = [(slots[one.attrib["TIME_SLOT_REF1"]], slots[one.attrib["TIME_SLOT_REF2"]]) for one in tiers["emotion"]]
    assert found == [(round(1000 * start), round(1000 * end)) for start, end in SPANS]
    assert [one.findtext("ANNOTATION_VALUE") for one in tiers["emotion"]] == list(NAMES)
    assert [one.findtext("ANNOTATION_VALUE") for one in tiers["change"]] == ["neutral", "anger"]
    numbers = [one.attrib["ANNOTATION_ID"] for tier in tiers.values() for one in tier]
    assert len(set(numbers)) == len(numbers)
    (media,) = root.iter("MEDIA_DESCRIPTOR")
    assert media.attrib["MEDIA_URL"] == prediction.file
    unnamed = parsed(written("elan", dataclasses.replace(prediction, file=None)))
    assert not list(unnamed.iter("MEDIA_DESCRIPTOR"))


def test_rttm_identifiers_are_unique_and_channels_are_counted_from_one(prediction: Prediction) -> None:
    results = [dataclasses.replace(prediction, file=file, channel=channel) for file, channel in PLACES]
    fields = [line.split(" ") for line in written("rttm", *results).splitlines()[::3]]
    names = [line[1] for line in fields]
    assert names[0] == names[1] == "call"
    assert re.fullmatch("call-[0-9a-f]{8}", names[2])
    assert [line[2] for line in fields] == ["1", "2", "1"]


PLACES: tuple[tuple[str, Channel], ...] = (("a/call.wav", 0), ("a/call.wav", 1), ("b/call.wav", "mix"))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("textgrid", 'name = "emotion channel 1"'),
        ("elan", 'PARTICIPANT="channel 1"'),
        ("webvtt", "\nNOTE channel 1\n\n1\n"),
        ("text", ", channel 1, "),
    ],
)
def test_documents_of_one_channel_name_it(name: str, words: str, prediction: Prediction) -> None:
    assert words in written(name, dataclasses.replace(prediction, channel=1))
    assert words not in written(name, prediction)


@pytest.mark.parametrize("name", ["audacity", "elan", "rttm", "srt", "textgrid", "webvtt"])
def test_without_speech_the_document_has_no_emotions(name: str, prediction: Prediction) -> None:
    text = written(name, dataclasses.replace(prediction, utterances=[]))
    assert "anger" not in text


def test_the_longest_suffix_names_the_format(prediction: Prediction, tmp_path: Path) -> None:
    prediction.save(tmp_path / "a.labels.txt")
    prediction.save(tmp_path / "a.txt")
    assert (tmp_path / "a.labels.txt").read_text(encoding="utf-8").startswith("0.100000\t2.480000\tanger")
    assert "whole recording" in (tmp_path / "a.txt").read_text(encoding="utf-8")
