"""Files are whole or not there; hashes are of bytes; caches lie where they are told to."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

import pytest

from emotone import files
from emotone.errors import OutputError
from emotone.files import atomic_write, cache_dir, data_dir, sha256_file


def write(path: Path, content: bytes) -> None:
    with atomic_write(path) as stream:
        stream.write(content)


def names(folder: Path) -> list[str]:
    return sorted(item.name for item in folder.iterdir())


def test_a_file_is_written_with_the_folders_on_the_way(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "x.bin"
    write(path, b"content")
    assert path.read_bytes() == b"content"
    assert names(path.parent) == ["x.bin"]


def test_text_is_utf8_with_newlines_as_given(tmp_path: Path) -> None:
    with atomic_write(tmp_path / "x.txt", text=True) as stream:
        stream.write("ä\r\nb\n")
    assert (tmp_path / "x.txt").read_bytes() == b"\xc3\xa4\r\nb\n"


def test_a_failure_inside_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "x.bin"
    write(path, b"old")

    def fail() -> None:
        with atomic_write(path) as stream:
            stream.write(b"new")
            raise ValueError("inside")

    with pytest.raises(ValueError, match="inside"):
        fail()
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["x.bin"]


def test_a_full_disk_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.bin"
    write(path, b"old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match=r"can't write .*x.bin: No space left on device"):
        write(path, b"new")
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["x.bin"]


def test_a_result_is_an_ordinary_file_not_a_private_one(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        write(tmp_path / "x.bin", b"")
        assert os.umask(0o022) == 0o022  # looked at, not changed
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "x.bin").stat().st_mode) == 0o644


def test_a_place_that_cannot_be_written_to_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"can't write .*choose a folder that can be written to"):
        write(tmp_path / "file" / "x.bin", b"")


def test_a_folder_in_the_place_of_the_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "x.bin").mkdir()
    with pytest.raises(OutputError, match=r"can't write .*x.bin: Is a directory"):
        write(tmp_path / "x.bin", b"")
    assert names(tmp_path) == ["x.bin"]


@pytest.mark.parametrize("size", [0, 1, 9, 10, 11, 30])
def test_a_hash_is_of_all_bytes(size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "CHUNK", 10)
    content = bytes(range(size))
    (tmp_path / "x.bin").write_bytes(content)
    assert sha256_file(tmp_path / "x.bin") == hashlib.sha256(content).hexdigest()


def test_the_cache_lies_where_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMOTONE_CACHE", str(tmp_path))
    assert cache_dir() == tmp_path


@pytest.mark.parametrize("value", [None, ""])
def test_the_cache_lies_in_the_platforms_folder_otherwise(value: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EMOTONE_CACHE")
    if value is not None:
        monkeypatch.setenv("EMOTONE_CACHE", value)
    assert cache_dir().name == "emotone"
    assert cache_dir() != Path("emotone")


def test_the_data_folder_is_apart_from_the_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EMOTONE_DATA", str(tmp_path))
    assert data_dir() == tmp_path
    for variable in ("EMOTONE_DATA", "EMOTONE_CACHE"):
        monkeypatch.delenv(variable)
    assert data_dir().name == "emotone"
    assert data_dir() != cache_dir()
