"""Label files and recordings are joined, and everything that does not match is reported once."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from emotone.corpora.base import CORPORA, Annotation, AnnotationFiles
from emotone.corpora.scan import Scan, scan

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path, PurePosixPath


def read(relative: PurePosixPath, text: str) -> Iterator[Annotation | str]:
    """Lines are `id recording label`, or `id recording - text`, or cannot be read."""
    for line in text.splitlines():
        fields = line.split()
        if len(fields) == 3:
            yield Annotation(fields[0], fields[1], fields[2], start=0.5, end=1.5, extras={"from": relative.name})
        elif len(fields) == 4:
            yield Annotation(fields[0], fields[1], extras={"text": fields[3], "from": "texts"})
        else:
            yield f"bad line '{line}'"


TOY = dataclasses.replace(
    CORPORA.get("emodb"), annotations=AnnotationFiles(lambda path: path.suffix == ".lab", read, examples={})
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("03a01Fa.wav", "wav/16a01Wb.wav", "other.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def label(folder: Path, text: str, *, name: str = "a.lab") -> Scan:
    (folder / name).write_text(text, "utf-8")
    return scan(TOY, folder)


def test_one_recording_may_contain_several_utterances(folder: Path) -> None:
    found = label(folder, "two 16a01Wb Wut\none 03a01Fa Freude\nthree 16a01Wb neutral\n")
    assert [(item.id, item.path.name, item.speaker, item.label) for item in found.utterances] == [
        ("one", "03a01Fa.wav", "03", "happiness"),
        ("three", "16a01Wb.wav", "16", "neutral"),
        ("two", "16a01Wb.wav", "16", "anger"),
    ]
    one = found.utterances[0]
    assert (one.start, one.end, one.session, one.corpus) == (0.5, 1.5, "03", "emodb")
    assert one.extras["original_label"] == "Freude"
    assert one.extras["sentence"] == "a01"  # information in the name is kept
    assert one.extras["from"] == "a.lab"
    assert (found.problems, found.unrecognised) == ((), (folder / "other.wav",))


def test_extras_from_several_files_are_put_together_and_the_first_file_wins(folder: Path) -> None:
    label(folder, "one 03a01Fa - hello\nnobody 03a01Fa - hm\n", name="z.lab")
    found = label(folder, "one 03a01Fa Freude\ntwo 16a01Wb Wut")
    assert [item.id for item in found.utterances] == ["one", "two"]
    assert (found.utterances[0].extras["text"], found.utterances[0].extras["from"]) == ("hello", "a.lab")
    assert found.problems == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("one 03a01Fa Freude", ": 1 recording has no label; the first: "),
        ("", ": 2 recordings have no label; the first: "),
        ("one 03a01Fa Freude\ntwo 16a01Wb Wut\nx 03a02Fa Wut", ": 1 label has no recording; the first: x"),
        ("one 03a01Fa Freude\ntwo 16a01Wb Wut\nx y Wut\nz y Wut", ": 2 labels have no recording; the first: x"),
        ("one 03a01Fa Freude\ntwo 16a01Wb joy", ": two has the unknown label 'joy'; allowed: Wut, Langeweile, "),
        (
            "one 03a01Fa Freude\ntwo 16a01Wb Wut\none 03a01Fa Wut",
            ": one is labelled 2 times; the first, Freude, is used",
        ),
        ("one 03a01Fa Freude\ntwo 16a01Wb Wut\n?", "a.lab: bad line '?'"),
    ],
)
def test_what_does_not_fit_is_one_line(folder: Path, text: str, message: str) -> None:
    found = label(folder, text)
    assert len(found.problems) == 1
    assert message in found.problems[0]
    assert found.problems[0].startswith(str(folder))


def test_repeated_clips_are_reported_first(folder: Path) -> None:
    (folder / "copy").mkdir()
    (folder / "copy/16a01Wb.wav").touch()
    found = label(folder, "?")
    assert [
        "copies of clips ignored" in problem or "copy of a clip ignored" in problem for problem in found.problems
    ] == [True, False, False]


def test_bytes_that_are_no_utf8_do_not_cost_the_labels(folder: Path) -> None:
    (folder / "a.lab").write_bytes(b"\xef\xbb\xbfone 03a01Fa Freude\ntwo 16a01Wb Wut\nthree 16a01Wb - caf\xe9\n")
    assert len(scan(TOY, folder).utterances) == 2


def test_a_label_file_that_can_not_be_opened(folder: Path) -> None:
    (folder / "a.lab").symlink_to(folder / "gone")
    problems = scan(TOY, folder).problems
    assert problems[0] == f"{folder}/a.lab: can't be read: No such file or directory"
    assert "2 recordings have no label" in problems[1]
