"""Corpora of transcribed speech: folders in the layout of each, what is left out, and the characters of transcripts."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from emotone.corpora.transcribed import TRANSCRIBED, Transcript, read_transcripts, text_of_characters
from emotone.errors import CorpusError

CHARACTERS = "'ABCDEFGHIJKLMNOPQRSTUVWXYZ "


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize("name", TRANSCRIBED.names)
def test_the_examples_of_every_corpus_are_read_with_their_recordings(name: str, tmp_path: Path) -> None:
    corpus = TRANSCRIBED.get(name)
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
    return list(TRANSCRIBED.get(name).read(PurePosixPath(file), text))


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
    clips, problems = read_transcripts(TRANSCRIBED.get("librispeech"), tmp_path)
    assert [clip.transcript.text for clip in clips] == ["ONE"]
    assert clips[0].path == tmp_path / "84/121/84-121-0000.wav"
    assert "84-121-0000 has another transcript; the first one is used" in problems[0]
    assert "84-121-0001 has no recording 84/121/84-121-0001.flac" in problems[1]


def test_folders_without_transcripts_or_recordings_are_refused(tmp_path: Path) -> None:
    corpus = TRANSCRIBED.get("librispeech")
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
    clips, problems = read_transcripts(TRANSCRIBED.get("librispeech"), folder)
    assert [clip.transcript.id for clip in clips] == ["84-121-0000"]
    assert problems[0].endswith("84-121.trans.txt: line 2 is not an id and its words: 'not this'")
