"""Files of tables: found as written, with backslashes, in another case, and with a suggestion where none is found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from emotone.corpora.recording_paths import RecordingFinder
from emotone.errors import CorpusError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "calls").mkdir()
    (tmp_path / "calls" / "One.wav").write_bytes(b"")
    return tmp_path


def test_a_file_is_found_as_written_with_backslashes_and_in_another_case(folder: Path) -> None:
    finder = RecordingFinder(folder)
    assert finder.find("calls/One.wav") == (folder / "calls" / "One.wav", "calls/One.wav")
    assert finder.find("calls\\One.wav") == (folder / "calls" / "One.wav", "calls/One.wav")
    assert finder.find("Calls/one.WAV")[0] == folder / "calls" / "One.wav"
    assert finder.find("./calls/../calls/one.wav")[0].resolve() == (folder / "calls" / "One.wav").resolve()


@pytest.mark.parametrize("file", ["calls/other.wav", "nothing/One.wav", "calls/One.wav/One.wav", "calls", "x\0y/a.wav"])
def test_what_is_no_file_is_refused(folder: Path, file: str) -> None:
    with pytest.raises(CorpusError, match="no such file"):
        RecordingFinder(folder).find(file)
