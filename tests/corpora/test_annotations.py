"""Files of labels and of transcripts."""

from __future__ import annotations

import dataclasses
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import pytest

from emotone.corpora.base import CORPORA, Annotation, AnnotationFiles
from emotone.corpora.scan import Scan, scan
from emotone.corpora.transcribed import TRANSCRIBED, Transcript, read_transcripts, text_of_characters
from emotone.errors import CorpusError

if TYPE_CHECKING:
    from collections.abc import Iterator


# ----------------------------------------------------------------------------------------------------------------------
# Label files and recordings are joined, and everything that does not match is reported once.


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


# ----------------------------------------------------------------------------------------------------------------------
# Corpora of transcribed speech: folders in the layout of each, what is left out, and the characters of transcripts.

CHARACTERS = "'ABCDEFGHIJKLMNOPQRSTUVWXYZ "


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize("name", TRANSCRIBED)
def test_the_examples_of_every_corpus_are_read_with_their_recordings(name: str, tmp_path: Path) -> None:
    corpus = TRANSCRIBED[name]
    write(tmp_path, dict(corpus.examples))
    for file, text in corpus.examples.items():
        assert corpus.wanted(PurePosixPath(file))
        assert not corpus.wanted(PurePosixPath(file).with_name("readme.txt"))
        for transcript in corpus.read(PurePosixPath(file), text):
            assert isinstance(transcript, Transcript)
            write(tmp_path, {f"{transcript.recording}{corpus.suffixes[0]}": ""})
    clips, problems = read_transcripts(corpus, tmp_path)
    assert clips
    assert problems == ()
    for clip in clips:
        assert clip.path.is_file()
        assert text_of_characters(clip.transcript.text, CHARACTERS)
        assert clip.transcript.speaker
    assert all((corpus.title, corpus.licence, corpus.citation, corpus.access, corpus.layout))


def read_one(name: str, file: str, text: str) -> list[Transcript | str]:
    return list(TRANSCRIBED[name].read(PurePosixPath(file), text))


def test_librispeech() -> None:
    first, second = read_one("librispeech", "a/84/121/84-121.trans.txt", "84-121-0000 GO ON\n\nnot this\n")
    assert first == Transcript("84-121-0000", PurePosixPath("a/84/121/84-121-0000"), "GO ON", "84")
    assert second == "line 3 is not an id and its words: 'not this'"


def test_ted_lium() -> None:
    text = (
        ";; a comment\n"
        "A_1 1 Ann 0.5 2.25 <o,f0,female> <unk> that 's the(2) way {BREATH}\n"
        "A_1 1 Ann 3 4 <o,f0,female> ignore_time_segment_in_scoring\n"
        "A_1 1 Ann 5 4 <o,f0,female> backwards\n"
        "A_1 1 Ann five 6 <o,f0,female> words\n"
        "A_1 1 Ann 7 8 <o,f0,female> {SMACK}\n"
    )
    found = read_one("ted-lium", "train/stm/A_1.stm", text)
    assert found[0] == Transcript("A_1-0002", PurePosixPath("train/sph/A_1"), "that's the way", "Ann", 0.5, 2.25)
    assert found[1] == "line 4 is from 5 to 4 s: the end must be after the start"
    assert str(found[2]).startswith("line 5 is not talk, channel, speaker")
    assert len(found) == 3


def test_voxforge_tells_anonymous_speakers_apart() -> None:
    (named,) = read_one("voxforge", "Ann-2008-kdl/etc/PROMPTS", "Ann-2008-kdl/mfc/b1 GOOD DAY")
    assert named == Transcript("Ann-2008-kdl/b1", PurePosixPath("Ann-2008-kdl/wav/b1"), "GOOD DAY", "ann")
    (hidden, problem) = read_one("voxforge", "anonymous-2008-x/etc/PROMPTS", "a1 YES\nb\n")
    assert isinstance(hidden, Transcript)
    assert hidden.speaker == "anonymous-2008-x"
    assert problem == "line 2 is not a recording and its words: 'b'"


def test_a_manifest_needs_a_file_and_a_text() -> None:
    found = read_one("manifest", "a/manifest.jsonl", '{"file": "1.wav", "text": "hi"}\n\n{"file": "2.wav"}\n[]\n')
    assert found[0] == Transcript("1.wav", PurePosixPath("a/1.wav"), "hi", "1.wav")
    assert [str(one)[:6] for one in found[1:]] == ["line 3", "line 4"]


def test_missing_recordings_and_repeated_ids_are_reported(tmp_path: Path) -> None:
    lines = "84-121-0000 ONE\n84-121-0000 TWO\n84-121-0001 THREE\n"
    write(tmp_path, {"84/121/84-121.trans.txt": lines, "84/121/84-121-0000.wav": ""})
    clips, problems = read_transcripts(TRANSCRIBED["librispeech"], tmp_path)
    assert [clip.transcript.text for clip in clips] == ["ONE"]
    assert clips[0].path == tmp_path / "84/121/84-121-0000.wav"
    assert "84-121-0000 has another transcript; the first one is used" in problems[0]
    assert "84-121-0001 has no recording 84/121/84-121-0001.flac" in problems[1]


def test_folders_without_transcripts_or_recordings_are_refused(tmp_path: Path) -> None:
    corpus = TRANSCRIBED["librispeech"]
    with pytest.raises(CorpusError, match="nowhere is not a folder"):
        read_transcripts(corpus, tmp_path / "nowhere")
    with pytest.raises(CorpusError, match=r"has no transcripts of LibriSpeech; its layout is: dev-clean/84"):
        read_transcripts(corpus, tmp_path)
    write(tmp_path, {"84/121/84-121.trans.txt": ""})
    with pytest.raises(CorpusError, match=r"no transcript with a recording: files are empty"):
        read_transcripts(corpus, tmp_path)
    write(tmp_path, {"84/121/84-121.trans.txt": "84-121-0000 ONE"})
    with pytest.raises(CorpusError, match=r"no transcript with a recording: .*has no recording"):
        read_transcripts(corpus, tmp_path)


def test_transcripts_have_the_characters_of_a_recogniser() -> None:
    assert text_of_characters(" Good-bye,  Mr. O\u2019Neil! ", CHARACTERS) == "GOOD BYE MR O'NEIL"
    assert text_of_characters("Na Ja", "anj ") == "na ja"
    with pytest.raises(CorpusError, match=r"the transcript '\?!' is empty; remove it"):
        text_of_characters("?!", CHARACTERS)
    with pytest.raises(CorpusError, match=r"has the characters 0 1; the recogniser has"):
        text_of_characters("in 10 days", CHARACTERS)


def test_a_broken_line_is_a_problem_and_the_others_are_read(tmp_path: Path) -> None:
    text = "84-121-0000 GO ON\nnot this\n"
    folder = write(tmp_path, {"84/121/84-121.trans.txt": text, "84/121/84-121-0000.flac": ""})
    clips, problems = read_transcripts(TRANSCRIBED["librispeech"], folder)
    assert [clip.transcript.id for clip in clips] == ["84-121-0000"]
    assert problems[0].endswith("84-121.trans.txt: line 2 is not an id and its words: 'not this'")
