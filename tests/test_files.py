"""Files: paths that are walked, written and fetched, and URLs."""

from __future__ import annotations

import hashlib
import os
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from emotone import files
from emotone.errors import MissingExtraError, OutputError, UsageError
from emotone.files import (
    FileEntry,
    Walk,
    atomic_write,
    cache_dir,
    data_dir,
    filesystem,
    is_url,
    match,
    one_line,
    sha256_file,
    walk,
)

if TYPE_CHECKING:
    from collections.abc import Callable


# ----------------------------------------------------------------------------------------------------------------------
# Files: paths that are walked, written and fetched.

# ----------------------------------------------------------------------------------------------------------------------
# Files are whole or not there; hashes are of bytes; caches lie where they are told to.


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


# ----------------------------------------------------------------------------------------------------------------------
# Walking folders and matching patterns: each file once, links followed, failures reported, in a fixed order.


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return a folder with a linked folder, a link loop, hidden files and a sub-folder."""
    for name in (
        "a.wav",
        "sub/b.wav",
        "sub/deep/c.wav",
        ".hidden.wav",
        ".git/d.wav",
        "__MACOSX/e.wav",
        "sub/notes.txt",
    ):
        path = tmp_path / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "store").mkdir()
    (tmp_path / "store/one.wav").touch()
    (tmp_path / "tree/linked").symlink_to(tmp_path / "store")
    (tmp_path / "tree/loop").symlink_to(".")
    (tmp_path / "tree/again").symlink_to(tmp_path / "tree/sub")
    return tmp_path / "tree"


@pytest.fixture
def lock(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Return a function that makes a folder unreadable; permissions do not stop the user root."""
    scandir = os.scandir

    def function(folder: Path) -> None:
        def refuse(path: Any = ".") -> Any:
            if Path(path).resolve() == folder.resolve():
                raise PermissionError(13, "Permission denied", str(path))
            return scandir(path)

        monkeypatch.setattr("os.scandir", refuse)

    return function


ALL = ["a.wav", "linked/one.wav", "sub/b.wav", "sub/deep/c.wav", "sub/notes.txt"]


def paths_of(files: tuple[FileEntry, ...]) -> list[str]:
    return [entry.relative.as_posix() for entry in files]


def test_each_file_is_found_once_and_links_are_followed(tree: Path) -> None:
    found = walk(tree)
    assert paths_of(found.files) == ALL
    assert [entry.path for entry in found.files] == [str(tree / name) for name in ALL]
    assert found.failures == ()
    assert not any(entry.named for entry in found.files)


@pytest.mark.parametrize(
    ("pattern", "expected", "named"),
    [
        ("**", ALL, False),
        ("**/*.wav", [name for name in ALL if name.endswith(".wav")], True),
        ("*.wav", ["a.wav"], True),
        ("*/*.wav", ["again/b.wav", "linked/one.wav", "loop/a.wav", "sub/b.wav"], True),
        ("s*", ["sub/b.wav", "sub/deep/c.wav", "sub/notes.txt"], False),
        ("s*/deep/*", ["sub/deep/c.wav"], True),
        ("**/deep/*.wav", ["sub/deep/c.wav"], True),
        ("sub/**/c.wav", ["deep/c.wav"], True),
        (".*.wav", [".hidden.wav"], True),
        ("?.mp3", [], True),
    ],
)
def test_patterns(tree: Path, pattern: str, expected: list[str], named: bool) -> None:
    found = match(f"{tree}/{pattern}")
    assert paths_of(found.files) == expected
    assert all(entry.named is named for entry in found.files)
    assert all(Path(entry.path).is_file() for entry in found.files)


def test_a_relative_pattern_keeps_its_spelling(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tree)
    assert [entry.path for entry in match("*.wav").files] == ["a.wav"]
    assert [entry.path for entry in match("./*.wav").files] == ["./a.wav"]
    assert [entry.path for entry in walk(".").files][:1] == ["./a.wav"]


@pytest.mark.parametrize("search", [walk, lambda tree: match(f"{tree}/**"), lambda tree: match(f"{tree}/**/*.wav")])
def test_an_unreadable_folder_is_a_failure_and_the_rest_is_walked(
    tree: Path, lock: Callable[[Path], None], search: Callable[[Path], Any]
) -> None:
    lock(tree / "sub/deep")
    found = search(tree)
    assert [str(failure) for failure in found.failures] == [f"can't read the folder {tree}/sub/deep: Permission denied"]
    assert {"a.wav", "linked/one.wav", "sub/b.wav"} <= set(paths_of(found.files)) <= set(ALL) - {"sub/deep/c.wav"}


def test_a_file_in_the_place_of_a_folder_matches_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.wav").touch()
    assert match(f"{tmp_path}/a.wav/*") == match(f"{tmp_path}/*/b.wav") == Walk((), ())


def test_an_absent_folder_is_a_failure(tmp_path: Path) -> None:
    (failure,) = walk(tmp_path / "none").failures
    assert failure.message == "No such file or directory"


def test_a_link_to_itself_is_listed_as_a_file(tmp_path: Path) -> None:
    (tmp_path / "self.wav").symlink_to("self.wav")
    (tmp_path / "broken.wav").symlink_to("gone.wav")
    assert paths_of(walk(tmp_path).files) == ["broken.wav", "self.wav"]


def test_the_order_does_not_depend_on_the_file_system(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Reversed:
        """A folder listed backwards."""

        def __init__(self, path: str) -> None:
            with scandir(path) as entries:
                self._entries = sorted(entries, key=lambda entry: entry.name, reverse=True)

        def __enter__(self) -> Any:
            return iter(self._entries)

        def __exit__(self, *_: object) -> None: ...

    expected, scandir = walk(tree), os.scandir
    monkeypatch.setattr("os.scandir", Reversed)
    assert walk(tree) == expected


# ----------------------------------------------------------------------------------------------------------------------
# URLs: what is one, and what is missing to read it.


@pytest.mark.parametrize("text", ["s3://bucket/a.wav", "gs://b", "memory://x", "HTTPS://host/a", "az+tls://b/c"])
def test_urls(text: str) -> None:
    assert is_url(text)


@pytest.mark.parametrize(
    "text", ["a.wav", "/a/b.wav", "C://a.wav", "a:b", "calls/s3://x", Path("s3://bucket"), b"s3://x"]
)
def test_other_names(text: object) -> None:
    assert not is_url(text)


def test_a_file_system_and_a_path() -> None:
    files, path = filesystem("memory://bucket/a.wav")
    assert (files.protocol, path) == ("memory", "/bucket/a.wav")


def test_an_unknown_protocol() -> None:
    with pytest.raises(UsageError, match=r"nope://x: Protocol not known: nope; allowed: s3, gs, http, file"):
        filesystem("nope://x")


def test_packages_that_are_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gcsfs", None)  # not s3fs: fsspec remembers it after its first use
    with pytest.raises(MissingExtraError, match=r"gs://bucket/a: Please install gcsfs .*emotone\[s3\]"):
        filesystem("gs://bucket/a")
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    with pytest.raises(MissingExtraError, match=r"reading s3://bucket/a needs the package 'fsspec'.*emotone\[bulk\]"):
        filesystem("s3://bucket/a")


def test_messages_are_one_line() -> None:
    assert one_line(PermissionError(13, "Permission denied", "x")) == "Permission denied"
    assert one_line(ValueError("two\n  lines")) == "two lines"
    assert one_line(KeyboardInterrupt()) == "KeyboardInterrupt"
