"""What a bulk run processes: every way to name recordings, and everything that can be wrong with it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from emotone.errors import ConfigError, MissingExtraError, UsageError
from emotone.inference.result import Failure
from emotone.scale import listing
from emotone.scale.listing import Item, list_items

if TYPE_CHECKING:
    from pathlib import Path


def ids(*arguments: object) -> list[str]:
    found = list_items([str(one) for one in arguments])
    return [one.id for one in found if isinstance(one, Item)]


def paths(*arguments: object) -> list[str]:
    return [one.path for one in list_items([str(one) for one in arguments]) if isinstance(one, Item)]


def manifest(file: Path, /, **columns: Any) -> Path:
    parquet.write_table(pa.table(columns), file)
    return file


def test_folders_and_patterns_are_those_of_predict_with_absolute_paths(
    archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(archive.parent)
    assert ids("archive") == [f"archive/{name}" for name in ("a.wav", "b.wav", "bad.wav", "c.wav")] + [
        "archive/deep/d.wav",
        "archive/deep/e.wav",
    ]
    assert paths("archive/*/d.wav") == [str(archive / "deep/d.wav")]
    assert paths(f"file://{archive}/a.wav") == [str(archive / "a.wav")]


def test_a_recording_that_is_named_twice_is_processed_once(archive: Path) -> None:
    assert len(ids(archive, archive / "a.wav", archive)) == 6


def test_a_list_has_paths_relative_to_its_folder(archive: Path) -> None:
    names = archive / "calls.txt"
    names.write_text("# calls\n\ndeep/d.wav\n/other/x.wav\ns3://bucket/y.wav\n")
    assert ids(names) == ["deep/d.wav", "/other/x.wav", "s3://bucket/y.wav"]
    assert paths(names) == [str(archive / "deep/d.wav"), "/other/x.wav", "s3://bucket/y.wav"]


def test_a_manifest_gives_paths_and_ids(archive: Path) -> None:
    given = manifest(archive / "m.parquet", path=["a.wav", "deep/d.wav"], id=["call 1", "call 2"], agent=[7, 8])
    assert list(list_items([str(given)])) == [
        Item(str(archive / "a.wav"), "call 1"),
        Item(str(archive / "deep/d.wav"), "call 2"),
    ]
    assert ids(manifest(archive / "n.parquet", path=["b.wav"])) == ["b.wav"]


def test_a_manifest_is_read_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "ROWS", 3)
    names = [f"{number}.wav" for number in range(10)]
    assert ids(manifest(tmp_path / "m.parquet", path=names)) == names


@pytest.mark.parametrize(
    ("columns", "error", "message"),
    [
        ({"file": ["a.wav"]}, ConfigError, r"m.parquet: has the columns file; required: path; optional: id"),
        ({"path": ["a.wav", "b.wav"], "id": ["x", "x"]}, UsageError, r"the id 'x' is given twice.*b.wav"),
        ({"path": ["a.wav", "a.wav"]}, UsageError, r"the id 'a.wav' is given twice"),
        ({"path": ["a.wav", None]}, ConfigError, r"row 1: path is None"),
        ({"path": ["a.wav"], "id": [3]}, ConfigError, r"row 0: id is 3; expected a text"),
        ({"path": pa.array([], pa.string())}, UsageError, r"contains no rows"),
    ],
)
def test_wrong_manifests_are_refused(tmp_path: Path, columns: dict[str, Any], error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        ids(manifest(tmp_path / "m.parquet", **columns))


def test_other_arguments_that_are_refused(tmp_path: Path, archive: Path) -> None:
    (tmp_path / "text.parquet").write_text("no table")
    (tmp_path / "empty.txt").write_text("\n")
    (tmp_path / "one.txt").write_text("archive/a.wav\n")
    other = manifest(tmp_path / "other.parquet", path=["archive/b.wav"], id=["archive/a.wav"])
    for arguments, error, message in (
        (["-"], UsageError, "standard input"),
        ([tmp_path / "gone"], UsageError, "no such file or folder"),
        ([tmp_path / "gone.txt"], UsageError, "gone.txt: can't be read: No such file"),
        ([tmp_path / "gone.parquet"], UsageError, "gone.parquet: can't be read"),
        ([tmp_path / "text.parquet"], ConfigError, "can't be read as Parquet"),
        ([tmp_path / "empty.txt"], UsageError, "contains no paths"),
        ([tmp_path / "one.txt", other], UsageError, r"the id 'archive/a.wav' is given twice"),
    ):
        with pytest.raises(error, match=message):
            ids(*arguments)


def test_a_folder_that_cannot_be_read_is_a_failure(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    scandir = os.scandir

    def refuse(folder: str) -> Any:
        if str(folder).endswith("deep"):
            raise PermissionError(13, "Permission denied")
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    found = list(list_items([str(archive)]))
    assert [one.code for one in found if isinstance(one, Failure)] == ["unreadable_folder"]


def test_objects_at_urls(bucket: str) -> None:
    import fsspec

    files = fsspec.filesystem("memory")
    for name in ("calls/a.wav", "calls/2/b.flac", "calls/notes.md"):
        files.pipe_file(f"/bucket/{name}", b"x")
    assert ids(f"{bucket}/calls") == ["memory:///bucket/calls/2/b.flac", "memory:///bucket/calls/a.wav"]
    assert ids(f"{bucket}/calls/*.md") == ["memory:///bucket/calls/notes.md"]
    assert paths(f"{bucket}/calls/notes.md") == ["memory:///bucket/calls/notes.md"]
    assert ids("https://host/a.wav") == ["https://host/a.wav"]
    files.pipe_file("/bucket/list.txt", b"calls/a.wav\n")
    assert paths(f"{bucket}/list.txt") == ["memory://bucket/calls/a.wav"]
    with pytest.raises(UsageError, match=r"memory://bucket/none: no recordings there"):
        ids(f"{bucket}/none")


def test_a_bucket_without_rights_is_one_line(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from fsspec.implementations.memory import MemoryFileSystem

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError("Access\nDenied")

    monkeypatch.setattr(MemoryFileSystem, "isfile", refuse)
    with pytest.raises(UsageError, match=r"can't be listed: Access Denied; check its name and your rights"):
        ids(f"{bucket}/calls")


def test_packages_that_are_missing_for_urls_and_manifests(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = manifest(archive / "m.parquet", path=["a.wav"])
    monkeypatch.setitem(sys.modules, "s3fs", None)
    for argument in ("s3://bucket/calls", "s3://bucket/list.txt"):
        with pytest.raises(MissingExtraError, match="s3fs"):
            ids(argument)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"reading .*m.parquet needs the package 'pyarrow'"):
        ids(given)
