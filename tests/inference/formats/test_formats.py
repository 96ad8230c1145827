"""Formats of results: golden files, and timelines."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import os
import re
import subprocess
import sys
from itertools import cycle, islice, product
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest

from emotone.errors import MissingExtraError, OutputError, UnknownNameError
from emotone.inference.display import clock
from emotone.inference.formats.annotations import intervals
from emotone.inference.result import Failure, Prediction, columns, from_dict
from emotone.inference.saving import FORMATS, Page, text_stream
from emotone.inference.segments import Clip, UtteranceSegment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emotone.inference.result import Channel


# ----------------------------------------------------------------------------------------------------------------------
# Every format, byte for byte; all formats state the same result, and nothing unprintable reaches a terminal.

GOLDEN = Path(__file__).parent / "golden"
LABELS = ("anger", "neutral", "sadness")


def written(name: str, results: Sequence[Prediction | Failure], *, single: bool = False, **page: Any) -> str:
    raw = io.BytesIO()
    stream = text_stream(raw)
    writer = FORMATS.get(name).open(stream, Page(labels=LABELS, single=single, **page))
    for result in results:
        writer.write(result)
    writer.finish()
    stream.flush()
    return raw.getvalue().decode()


def test_the_promised_formats_exist() -> None:
    assert {"audformat", "csv", "json", "jsonl", "parquet", "text", *TIMELINES} <= set(FORMATS.names)
    suffixes = [found.suffix for found in FORMATS.all().values()]
    assert len(set(suffixes)) == len(suffixes)
    assert all(found.summary for found in FORMATS.all().values())


TIMELINES = ("audacity", "elan", "rttm", "srt", "textgrid", "webvtt")


FAILURE_LINES = {"csv": 1, "jsonl": 1, "text": 2}  # at the end of the file, which is else that of the prediction alone


@pytest.mark.parametrize("name", ["text", "json", "jsonl", "csv", *TIMELINES])
@pytest.mark.parametrize("case", ["one", "two"])
def test_golden(name: str, case: str, prediction: Prediction, failure: Failure) -> None:
    """Users' scripts depend on every byte: EMOTONE_GOLDEN=write writes the files; read what changed in them."""
    results: list[Prediction | Failure] = [prediction] if case == "one" else [prediction, failure]
    text = written(name, results, single=case == "one")
    # Timelines have no room for a failure.
    golden = GOLDEN / f"{'one' if name in TIMELINES else case if name == 'json' else 'two'}{FORMATS.get(name).suffix}"
    if os.environ.get("EMOTONE_GOLDEN") == "write" and (case == "two" or name == "json"):
        golden.write_bytes(text.encode())
    lines = golden.read_bytes().decode().splitlines(keepends=True)
    left_out = FAILURE_LINES.get(name, 0) if case == "one" else 0
    assert text == "".join(lines[: len(lines) - left_out])


def test_json_reads_back(prediction: Prediction, failure: Failure) -> None:
    assert json.loads(written("json", [prediction], single=True)) == prediction.to_dict()
    assert json.loads(written("json", [failure], single=True)) == failure.to_dict()
    assert json.loads(written("json", [prediction, failure])) == [prediction.to_dict(), failure.to_dict()]
    assert json.loads(written("json", [])) == []
    lines = written("jsonl", [prediction, failure]).splitlines()
    assert [from_dict(json.loads(line)) for line in lines] == [prediction, failure]


@pytest.mark.parametrize("name", ["json", "jsonl"])
def test_a_recording_without_segments_is_still_json(name: str, prediction: Prediction) -> None:
    empty = dataclasses.replace(prediction, segments=[], utterances=[])
    assert json.loads(written(name, [empty], single=True)) == empty.to_dict()


def test_file_names_that_are_not_text(prediction: Prediction) -> None:
    odd = dataclasses.replace(prediction, file="a\udcff.wav")
    assert json.loads(written("jsonl", [odd]))["file"] == "a\udcff.wav"
    assert "a?.wav" in written("text", [odd])
    assert r"a\udcff.wav" in written("csv", [odd])


def table(results: Sequence[Prediction | Failure], rows: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(written("csv", results, rows=rows))))


def test_csv_has_the_same_columns_in_every_row(prediction: Prediction, failure: Failure) -> None:
    rows = table([prediction, failure], "utterances")
    assert [row["start"] for row in rows] == ["0.1", "2.48", "4.02", ""]
    assert [row["unsure"] for row in rows] == ["false", "false", "true", ""]
    assert (rows[-1]["error"], rows[-1]["message"]) == (failure.code, failure.message)
    assert all(None not in row and None not in row.values() for row in rows)
    assert written("csv", []).count("\n") == 1


def test_csv_rows_may_be_segments_or_clips(prediction: Prediction) -> None:
    assert [row["end"] for row in table([prediction], "segments")] == ["2.48", "3.5", "4.5"]
    (clip,) = table([prediction], "clips")
    shown = [clip[name] for name in ("start", "end", "label", "confidence", "p_neutral")]
    assert shown == ["0.0", "6.25", "anger", "0.61", "0.29"]


def test_all_formats_state_the_same_utterances(prediction: Prediction) -> None:
    expected = [(one.start, one.end, one.label) for one in prediction.utterances]
    rows = [(float(row["start"]), float(row["end"]), row["label"]) for row in table([prediction], "utterances")]
    objects = json.loads(written("json", [prediction], single=True))["utterances"]
    assert rows == [(one["start"], one["end"], one["label"]) for one in objects] == expected
    labels = [label for _, _, label in expected]
    for name in (*TIMELINES, "text"):
        text = written(name, [prediction])
        order = [
            label for _, label in sorted((match.start(), match[0]) for match in re.finditer("|".join(LABELS), text))
        ]
        assert order[: len(labels)] == labels, name


def test_text_without_colour_has_no_escape_sequences_and_with_colour_the_same_words(prediction: Prediction) -> None:
    plain = written("text", [prediction])
    coloured = written("text", [prediction], colour=True)
    assert "\x1b" not in plain
    assert "\x1b[" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == plain


@pytest.mark.parametrize("width", [20, 60, 80, 200])
def test_text_has_one_line_per_utterance_at_any_width(prediction: Prediction, width: int) -> None:
    lines = written("text", [prediction], width=width).splitlines()
    assert len(lines) == 1 + 3 + 1 + 1 + 3
    assert all(len(line) <= max(width, 70) for line in lines[1:])


def many_utterances(prediction: Prediction, count: int) -> Prediction:
    parts = [
        UtteranceSegment(5.0 * number, 5.0 * number + 3, label, False, one.probabilities, changed=number > 0)
        for number, one in enumerate(islice(cycle(prediction.utterances), count))
        for label in [one.label]
    ]
    return dataclasses.replace(prediction, duration=5.0 * count, utterances=tuple(parts))


def test_text_of_up_to_40_utterances_has_a_line_for_each(prediction: Prediction) -> None:
    lines = written("text", [many_utterances(prediction, 40)]).splitlines()
    assert len(lines) == 1 + 40 + 1 + 1 + 3


@pytest.mark.parametrize(("count", "width"), [*product((41, 800), (60, 80, 120)), (20_000, 80)])
def test_text_of_more_utterances_is_a_summary(prediction: Prediction, count: int, width: int) -> None:
    long = many_utterances(prediction, count)
    text = written("text", [long], width=width)
    lines = text.splitlines()
    assert f"(60 %) in {count} utterances; the emotion changes {count - 1} times" in lines[1]
    assert "anger" in lines[3]
    assert re.search(r" 6[67] % ", lines[3])
    assert len(lines) <= 44
    assert max(len(line) for line in lines[1:]) <= max(width, 80)
    assert re.search(r"per line:\n +0:00\.0  [█·]+ +anger \d+ %, neutral \d+ %\n", text)
    assert "every utterance: --all-utterances" in text
    assert len(written("text", [long], width=width, all_utterances=True).splitlines()) == 1 + count + 1 + 1 + 3


def test_text_uses_plain_characters_where_blocks_cannot_be_encoded(prediction: Prediction) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="strict")
    writer = FORMATS.get("text").open(stream, Page(labels=LABELS))
    writer.write(dataclasses.replace(prediction, file="a.wav"))
    stream.seek(0)
    assert "####" in stream.read()


def test_a_recording_without_speech_has_no_probabilities_in_text(prediction: Prediction) -> None:
    clip = Clip(None, None, True, dict.fromkeys(LABELS, 1 / 3), speech=False)
    text = written("text", [dataclasses.replace(prediction, clip=clip, segments=[], utterances=[])])
    assert "whole recording: no speech" in text
    assert "%" not in text


def test_text_marks_changes_unsure_utterances_and_notes(prediction: Prediction) -> None:
    lines = written("text", [prediction], width=200).splitlines()
    assert [line.split()[:2] for line in lines[1:4]] == [
        ["0:00.1", "0:02.5"],
        ["0:02.5", "0:03.5"],
        ["0:04.0", "0:04.5"],
    ]
    assert [line.endswith("  changed") for line in lines[1:4]] == [False, True, True]
    assert [line.index("█") for line in lines[1:4]] == sorted(line.index("█") for line in lines[1:4])
    assert "unsure" in lines[3]
    assert lines[4] == "  note: the last frame is incomplete and was skipped"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0:00.0"), (59.96, "1:00.0"), (600, "10:00.0"), (7325.5, "2:02:05.5")],
)
def test_clock(seconds: float, shown: str) -> None:
    assert clock(seconds) == shown


@pytest.mark.parametrize("suffix", [".json", ".jsonl", ".csv", ".txt", ".parquet", ".JSON", ".vtt", ".textgrid"])
def test_save_chooses_the_format_by_the_suffix(prediction: Prediction, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / "deep" / f"a{suffix}"
    prediction.save(path)
    assert path.stat().st_size > 100
    assert [found.name for found in path.parent.iterdir()] == [path.name]
    if suffix == ".JSON":
        assert json.loads(path.read_text(encoding="utf-8")) == prediction.to_dict()


def test_save_refuses_unknown_suffixes_and_unwritable_files(prediction: Prediction, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"unknown suffix of a result file '.jsn'; did you mean '.json'"):
        prediction.save(tmp_path / "a.jsn")
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="can't write"):
        prediction.save(str(tmp_path / "file" / "a.json"))


def test_parquet_has_the_types_of_the_table(prediction: Prediction, failure: Failure, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "a.parquet"
    with path.open("wb") as stream:
        writer = FORMATS.get("parquet").open(stream, Page(labels=LABELS))
        for result in (prediction, failure, dataclasses.replace(prediction, file="a\udcff.wav")):
            writer.write(result)
        writer.finish()
    table = parquet.read_table(path)
    assert {field.name: str(field.type) for field in table.schema} == {
        **dict.fromkeys(("file", "channel", "label", "error", "message"), "string"),
        **dict.fromkeys(("start", "end", "confidence", "p_anger", "p_neutral", "p_sadness"), "double"),
        **dict.fromkeys(("derived_valence", "derived_arousal"), "double"),
        **dict.fromkeys(("unsure", "changed"), "bool"),
    }
    assert table.column_names == columns(LABELS)
    rows = table.to_pylist()
    assert [row["start"] for row in rows] == [0.1, 2.48, 4.02, None, 0.1, 2.48, 4.02]
    assert rows[0]["p_anger"] == 0.8
    assert rows[3]["error"] == "truncated"
    assert rows[-1]["file"] == r"a\udcff.wav"


def test_parquet_writes_in_groups(prediction: Prediction, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    monkeypatch.setattr("emotone.inference.formats.records.GROUP", 2)
    prediction.save(tmp_path / "a.parquet")
    assert parquet.read_metadata(tmp_path / "a.parquet").num_row_groups == 2
    assert parquet.read_table(tmp_path / "a.parquet").num_rows == 3


def test_parquet_names_its_extra(prediction: Prediction, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'emotone\[parquet\]'"):
        prediction.save(tmp_path / "a.parquet")
    assert not list(tmp_path.iterdir())


def test_the_formats_for_programs_need_no_rich() -> None:
    code = (
        "import sys, emotone.inference.formats.records, emotone.inference.formats.records; print('rich' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "False"


def test_results_are_flushed_one_by_one(prediction: Prediction) -> None:
    for name in ("text", "json", "jsonl", "csv"):
        raw = io.BytesIO()
        stream: IO[str] = io.TextIOWrapper(io.BufferedWriter(raw, 1 << 20), encoding="utf-8")
        writer = FORMATS.get(name).open(stream, Page(labels=LABELS))
        writer.write(prediction)
        assert b"anger" in raw.getvalue(), name


# ----------------------------------------------------------------------------------------------------------------------
# Timelines contain every utterance, as the programs that read them expect, and are empty without speech.

NAMES = ("anger", "neutral", "anger")
SPANS = [(0.1, 2.48), (2.48, 3.5), (4.02, 4.5)]


def written_timeline(name: str, *results: Prediction | Failure) -> str:
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
    text = written_timeline("textgrid", prediction)
    assert "intervals: size = 6" in text
    assert "points: size = 2" in text
    assert re.findall(r"number = (.*)\n *mark = (.*)", text) == [("2.48", '"neutral"'), ("4.02", '"anger"')]
    assert list(intervals([], 2.0)) == [(0.0, 2.0, "")]


@pytest.mark.parametrize(("name", "decimal"), [("webvtt", "."), ("srt", ",")])
def test_captions_are_numbered_and_have_hours(prediction: Prediction, name: str, decimal: str) -> None:
    late = dataclasses.replace(prediction.utterances[1], start=3599.9996, end=36000.0)
    text = written_timeline(name, dataclasses.replace(prediction, utterances=[*prediction.utterances, late]))
    blocks = text.removeprefix("WEBVTT\n\n").split("\n\n")
    assert [block.splitlines()[0] for block in blocks] == ["1", "2", "3", "4"]
    assert blocks[0].splitlines()[1:] == [f"00:00:00{decimal}100 --> 00:00:02{decimal}480", "anger 80 %"]
    assert blocks[1].splitlines()[2] == "neutral 88 %, changed"
    assert blocks[3].splitlines()[1] == f"01:00:00{decimal}000 --> 10:00:00{decimal}000"


def test_audacity_labels_are_lines_with_tabs(prediction: Prediction) -> None:
    fields = [line.split("\t") for line in written_timeline("audacity", prediction).splitlines()]
    assert [(float(start), float(end)) for start, end, _ in fields] == SPANS
    assert [text.split()[0] for *_, text in fields] == list(NAMES)


def test_rttm_has_ten_fields_whatever_the_name(prediction: Prediction, failure: Failure) -> None:
    odd = dataclasses.replace(prediction, file="calls/my first\tcall.wav")
    fields = [line.split(" ") for line in written_timeline("rttm", odd, failure, prediction).splitlines()]
    assert {len(line) for line in fields} == {10}
    assert [line[1] for line in fields[::3]] == ["my_first_call", '"zażółć",_1']
    assert [(float(line[3]), round(float(line[3]) + float(line[4]), 3)) for line in fields[:3]] == SPANS
    assert [line[7] for line in fields[:3]] == list(NAMES)


def test_elan_reads_times_tiers_and_the_recording(prediction: Prediction) -> None:
    root = parsed(written_timeline("elan", prediction))
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
    unnamed = parsed(written_timeline("elan", dataclasses.replace(prediction, file=None)))
    assert not list(unnamed.iter("MEDIA_DESCRIPTOR"))


def test_rttm_identifiers_are_unique_and_channels_are_counted_from_one(prediction: Prediction) -> None:
    results = [dataclasses.replace(prediction, file=file, channel=channel) for file, channel in PLACES]
    fields = [line.split(" ") for line in written_timeline("rttm", *results).splitlines()[::3]]
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
    assert words in written_timeline(name, dataclasses.replace(prediction, channel=1))
    assert words not in written_timeline(name, prediction)


@pytest.mark.parametrize("name", ["audacity", "elan", "rttm", "srt", "textgrid", "webvtt"])
def test_without_speech_the_document_has_no_emotions(name: str, prediction: Prediction) -> None:
    text = written_timeline(name, dataclasses.replace(prediction, utterances=[]))
    assert "anger" not in text


def test_the_longest_suffix_names_the_format(prediction: Prediction, tmp_path: Path) -> None:
    prediction.save(tmp_path / "a.labels.txt")
    prediction.save(tmp_path / "a.txt")
    assert (tmp_path / "a.labels.txt").read_text(encoding="utf-8").startswith("0.100000\t2.480000\tanger")
    assert "whole recording" in (tmp_path / "a.txt").read_text(encoding="utf-8")
