"""The same outputs in a folder and in an object store; every file complete or absent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from emotone.errors import OutputError
from emotone.scale.store import open_store

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(params=["folder", "url"])
def location(request: pytest.FixtureRequest, tmp_path: Path, bucket: str) -> str:
    return str(tmp_path / "new/out") if request.param == "folder" else f"{bucket}/new/out/"


def test_what_is_written_is_read(location: str) -> None:
    store = open_store(location)
    assert store.names() == set()
    assert store.read("deep/a.bin") is None
    with store.writing("deep/a.bin") as stream:
        stream.write(b"one")
    with store.writing("deep/a.bin") as stream:
        stream.write(b"two")
    assert store.read("deep/a.bin") == b"two"
    assert (store.names(), store.names("deep")) == ({"deep"}, {"a.bin"})


def test_a_write_that_fails_leaves_the_old_content(location: str) -> None:
    store = open_store(location)
    with store.writing("a") as stream:
        stream.write(b"old")

    def fail() -> None:
        with store.writing("a") as stream:
            stream.write(b"new")
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fail()
    assert store.read("a") == b"old"
    assert store.names() == {"a"}


def test_a_folder_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    store = open_store(tmp_path / "file")
    with pytest.raises(OutputError, match=r"can't write results to .*Not a directory"):
        store.names()
    with pytest.raises(OutputError, match=r"can't read .*Not a directory"):
        store.read("a")


def test_an_object_store_without_rights(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from fsspec.implementations.memory import MemoryFileSystem

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError("Access Denied")

    store = open_store(bucket)
    monkeypatch.setattr(MemoryFileSystem, "cat_file", refuse)
    with pytest.raises(OutputError, match="memory://bucket: can't read a: Access Denied"):
        store.read("a")
