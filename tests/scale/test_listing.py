"""Listings of recordings, groups of them, and where results are stored."""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
import soundfile
from pyarrow import parquet

import emotone
from emotone.errors import ConfigError, MissingExtraError, OutputError, UsageError
from emotone.inference.processes import WorkerProcess, worker_command
from emotone.inference.result import Failure
from emotone.scale import listing
from emotone.scale.bulk import predict_bulk
from emotone.scale.engine import PartWorker, spread
from emotone.scale.listing import Item, list_items
from emotone.scale.store import open_store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import MakeBundle

    from emotone.scale.job import Job
    from emotone.scale.store import Store


# ----------------------------------------------------------------------------------------------------------------------
# What a bulk run processes: every way to name recordings, and everything that can be wrong with it.


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
    monkeypatch.setitem(sys.modules, "gcsfs", None)  # fsspec keeps s3fs once another test has used it
    for argument in ("gs://bucket/calls", "gs://bucket/list.txt"):
        with pytest.raises(MissingExtraError, match="gcsfs"):
            ids(argument)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"reading .*m.parquet needs the package 'pyarrow'"):
        ids(given)


# ----------------------------------------------------------------------------------------------------------------------
# Adaptation to groups of a manifest: each group has the results of a model adapted to it alone.

RATE = 16000
SPEAKERS = ("anna", "bert", "anna", "bert", "carl")


@pytest.fixture
def model(make_bundle: MakeBundle, tmp_path: Path) -> emotone.Model:
    return emotone.load(make_bundle(tmp_path / "model", head=True))


@pytest.fixture
def archive_of_tars(tmp_path: Path, speech: Callable[..., Any]) -> Path:
    """A manifest of five recordings of three speakers, one of whom has one."""
    names = []
    for number, _ in enumerate(SPEAKERS):
        names.append(f"{number}.wav")
        soundfile.write(tmp_path / names[-1], speech(1.0, seed=number) * (0.2 + 0.1 * number), RATE, subtype="FLOAT")
    table = pa.table({"path": names, "id": [f"call-{name}" for name in names], "speaker": SPEAKERS})
    parquet.write_table(table, tmp_path / "calls.parquet")
    return tmp_path / "calls.parquet"


def clips(store: Store) -> dict[str, Any]:
    """Return whether each recording was analysed by an adapted model, and its clip, by id."""
    names = sorted(name for name in store.names() if name.startswith("part-"))
    lines = [json.loads(line) for name in names for line in (store.read(name) or b"").splitlines()]
    return {one["file"]: (one["adapted"], one["clip"]) for one in lines}


def expected(model: emotone.Model, folder: Path) -> dict[str, Any]:
    found = {}
    for speaker in sorted(set(SPEAKERS)):
        paths = [folder / f"{number}.wav" for number, name in enumerate(SPEAKERS) if name == speaker]
        adapted = model.adapt(paths) if len(paths) > 1 else model
        for one in adapted.predict_many(paths):
            found[f"call-{one.file.rpartition('/')[2]}"] = (one.adapted, one.to_dict()["clip"])  # type: ignore[union-attr]
    return found


@pytest.mark.filterwarnings("ignore")
def test_each_group_has_the_results_of_its_own_model(
    model: emotone.Model, make_job: Callable[..., Job], store: Store, archive_of_tars: Path
) -> None:
    job = make_job(arguments=(str(archive_of_tars),), adapt_by="speaker")
    outcome = predict_bulk(store, job, model=model, workers=2)
    assert (outcome.recordings, outcome.parts, outcome.failures) == (5, 3, ())
    found = clips(store)
    assert found == expected(model, archive_of_tars.parent)
    assert [adapted for _, (adapted, _) in sorted(found.items())] == [True] * 4 + [False]
    assert predict_bulk(store, job, model=model, again=True).kept == 3
    with pytest.raises(UsageError, match=r"adapt_by \(speaker; now \)"):
        predict_bulk(store, make_job(arguments=(str(archive_of_tars),)), model=model, again=True)
    worker = PartWorker(store.location, job.to_json())  # of a cluster
    try:
        records = [worker.predict(number) for number in (2, 0)]
    finally:
        worker.close()
    assert [record.recordings for record in records] == [1, 2]
    assert clips(store) == found


def test_a_process_that_died_is_adapted_again(model: emotone.Model, archive_of_tars: Path) -> None:
    paths = [str(archive_of_tars.parent / f"{number}.wav") for number in range(3)]
    process = WorkerProcess(worker_command(model.bundle.directory, channel="mix"))
    try:
        process.adapt([*paths, str(archive_of_tars)])  # the last is left out
        (before,) = process.ask(paths[0])
        assert process._process is not None
        os.kill(process._process.pid, signal.SIGKILL)
        (failure,) = process.ask(paths[0])
        assert "was killed by signal 9" in failure.message  # type: ignore[union-attr]
        assert process.ask(paths[0]) == (before,)
        process.adapt([])
        (after,) = process.ask(paths[0])
    finally:
        process.close()
        process.reap()
    assert (before.adapted, after.adapted) == (True, False)  # type: ignore[union-attr]
    assert after == model.attempt(paths[0])[0]


def test_wrong_manifests_and_models(
    model: emotone.Model, make_job: Callable[..., Job], store: Store, archive_of_tars: Path, tiny_bundle: Path
) -> None:
    with pytest.raises(UsageError, match="only manifests have columns, and --adapt-by speaker needs one"):
        predict_bulk(store, make_job(arguments=(str(archive_of_tars.parent),), adapt_by="speaker"), model=model)
    with pytest.raises(ConfigError, match="has the columns path, id, speaker; required: path, room; optional: id"):
        predict_bulk(store, make_job(arguments=(str(archive_of_tars),), adapt_by="room"), model=model)
    with pytest.raises(UsageError, match="embeddings"):
        predict_bulk(
            store, make_job(arguments=(str(archive_of_tars),), adapt_by="speaker"), model=emotone.load(tiny_bundle)
        )
    parquet.write_table(pa.table({"path": ["0.wav"], "speaker": [None]}), archive_of_tars)
    with pytest.raises(ConfigError, match="row 0: speaker is missing; every recording needs a group"):
        predict_bulk(store, make_job(arguments=(str(archive_of_tars),), adapt_by="speaker"), model=model)


def test_statistics_of_large_groups_come_from_some_recordings() -> None:
    items = [Item(str(number), "") for number in range(10)]
    assert [one.path for one in spread(items, 4)] == ["0", "2", "5", "7"]
    assert spread(items, 10) == items


# ----------------------------------------------------------------------------------------------------------------------
# The same outputs in a folder and in an object store; every file complete or absent.


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
