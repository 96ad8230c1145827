from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from emotone.corpora.duplicates import shared_recordings
from emotone.corpora.resolve import resolve
from emotone.corpora.table import read_table
from emotone.errors import CorpusError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.corpora.conftest import Write


@pytest.fixture
def two(write: Write, tmp_path: Path) -> tuple[Path, Path]:
    """Two tables of three recordings each, of which two are the same."""
    for name in ("one/a.wav", "one/b.wav", "one/c.wav", "two/z.wav"):
        write(name)
    shutil.copy(tmp_path / "one/a.wav", tmp_path / "two/x.wav")
    rows = "file,label\na.wav,anger\nb.wav,fear\nc.wav,fear\n"
    (tmp_path / "one/t.csv").write_text(rows, "utf-8")
    (tmp_path / "two/t.csv").write_text("file,label\nx.wav,fear\nz.wav,fear\n../one/b.wav,fear\n", "utf-8")
    return tmp_path / "one/t.csv", tmp_path / "two/t.csv"


def test_equal_files_are_found_under_any_name(two: tuple[Path, Path]) -> None:
    scans = {name: read_table(path, name=name) for name, path in zip(("one", "two"), two, strict=True)}
    one, other = (path.parent for path in two)
    assert shared_recordings(scans) == {
        ("one", "two"): [(one / "a.wav", other / "x.wav"), (one / "b.wav", other / "../one/b.wav")]
    }


def test_copies_within_one_corpus_are_left_to_the_check(two: tuple[Path, Path]) -> None:
    shutil.copy(two[0].parent / "a.wav", two[0].parent / "c.wav")
    assert shared_recordings({"one": read_table(two[0], name="one")}) == {}


def test_empty_and_missing_files_are_equal_to_none(two: tuple[Path, Path]) -> None:
    scans = {name: read_table(path, name=name) for name, path in zip(("one", "two"), two, strict=True)}
    (two[0].parent / "b.wav").write_bytes(b"")
    (two[0].parent / "a.wav").unlink()
    assert shared_recordings(scans) == {}


def test_they_are_refused_together(two: tuple[Path, Path]) -> None:
    with pytest.raises(
        CorpusError,
        match=r"one and two contain the same 2 recordings, so no protocol can be speaker-independent; .*; the f",
    ):
        resolve([f"one={two[0]}", f"two={two[1]}"])
    two[1].write_text("file,label\nx.wav,fear\n", "utf-8")
    with pytest.raises(CorpusError, match="contain the same 1 recording, "):
        resolve([f"one={two[0]}", f"two={two[1]}"])
