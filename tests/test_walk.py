"""Walking folders and matching patterns: each file once, links followed, failures reported, in a fixed order."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from emotone.walk import FileEntry, match, walk

if TYPE_CHECKING:
    from collections.abc import Callable


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


def names(files: tuple[FileEntry, ...]) -> list[str]:
    return [entry.relative.as_posix() for entry in files]


def test_each_file_is_found_once_and_links_are_followed(tree: Path) -> None:
    found = walk(tree)
    assert names(found.files) == ALL
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
    assert names(found.files) == expected
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
    assert {"a.wav", "linked/one.wav", "sub/b.wav"} <= set(names(found.files)) <= set(ALL) - {"sub/deep/c.wav"}


def test_an_absent_folder_is_a_failure(tmp_path: Path) -> None:
    (failure,) = walk(tmp_path / "none").failures
    assert failure.message == "No such file or directory"


def test_a_link_to_itself_is_listed_as_a_file(tmp_path: Path) -> None:
    (tmp_path / "self.wav").symlink_to("self.wav")
    (tmp_path / "broken.wav").symlink_to("gone.wav")
    assert names(walk(tmp_path).files) == ["broken.wav", "self.wav"]


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
