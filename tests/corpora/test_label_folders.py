"""Clips in folders that are named after their labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from emotone.corpora.label_folders import read_label_folders
from emotone.errors import CorpusError

if TYPE_CHECKING:
    from pathlib import Path


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def test_the_innermost_emotion_is_the_label_and_other_folders_are_the_speaker(tmp_path: Path) -> None:
    folder = touch(
        tmp_path, "anger/1.wav", "Happy/anna/1.wav", "ben/sadness/2.FLAC", "anger/notes.txt", "3.wav", "x/4.wav"
    )
    found = read_label_folders(folder, name="own")
    assert [(one.id, one.label, one.speaker) for one in found.utterances] == [
        ("Happy/anna/1.wav", "happiness", "anna"),
        ("anger/1.wav", "anger", ""),
        ("ben/sadness/2.FLAC", "sadness", "ben"),
    ]
    assert found.utterances[0].extras == {"original_label": "Happy"}
    assert [path.name for path in found.unrecognised] == ["3.wav", "4.wav"]
    assert all(one.path.exists() and one.corpus == "own" for one in found.utterances)


def test_the_label_map_names_further_words(tmp_path: Path) -> None:
    folder = touch(tmp_path, "tense/1.wav", "calm/2.wav")
    found = read_label_folders(folder, name="own", label_map={"tense": "fear"})
    assert [one.label for one in found.utterances] == ["calm", "fear"]


def test_a_folder_without_emotions_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="has no clips in folders with the name of an emotion"):
        read_label_folders(touch(tmp_path, "monday/1.wav"), name="own")
