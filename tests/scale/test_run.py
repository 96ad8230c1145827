"""Bulk runs: parts, manifests, and runs that were killed."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pyarrow import parquet
from tests.scale.conftest import kill_after_the_first_part

import emotone
from emotone.errors import OutputError, UnknownNameError, UsageError
from emotone.inference.result import Failure
from emotone.scale import engine
from emotone.scale.bulk import predict_bulk
from emotone.scale.engine import ENGINES, PartWorker
from emotone.scale.job import Job, job_from_json
from emotone.scale.listing import Item
from emotone.scale.run import BulkRun, PartRecord, open_run, record_from_json, resume, start
from emotone.scale.store import open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from emotone.scale.store import Store


# ----------------------------------------------------------------------------------------------------------------------
# A run on disk: parts, records, and what is left after a process was killed at any moment.

ITEMS = [Item(f"/x/{number}.wav", f"{number}.wav") for number in range(5)]


def failures_of(items: list[Item]) -> Iterator[tuple[Failure, ...]]:
    return ((Failure(item.path, "gone", f"{item.path}: is gone"),) for item in items)


def test_items_are_divided_into_parts(make_job: Callable[..., Job], store: Store) -> None:
    folder = Failure("deep", "unreadable_folder", "deep: no right to")
    run = start(store, make_job(), [*ITEMS[:3], folder, *ITEMS[3:]])
    assert (run.recordings, run.parts, run.unlisted) == (5, 3, (folder,))
    assert [run.items(number) for number in range(3)] == [ITEMS[:2], ITEMS[2:4], ITEMS[4:]]
    assert open_run(store) == run
    assert resume(store, make_job()) == run


def test_results_have_the_ids_and_messages_too(make_job: Callable[..., Job], store: Store) -> None:
    run = start(store, make_job(), ITEMS)
    results = failures_of(ITEMS)
    record = run.write_part(0, run.items(0), results)
    assert record.failures == (Failure("0.wav", "gone", "0.wav: is gone"), Failure("1.wav", "gone", "1.wav: is gone"))
    lines = (store.read("part-00000.jsonl") or b"").splitlines()
    assert [json.loads(line)["file"] for line in lines] == ["0.wav", "1.wav"]
    assert next(results)[0].file == "/x/2.wav"  # no more than the part has was consumed
    assert run.records() == {0: record}


def test_a_part_is_complete_with_its_record_and_its_results(
    make_job: Callable[..., Job], store: Store, tmp_path: Path
) -> None:
    run = start(store, make_job(), ITEMS)
    for number in range(3):
        run.write_part(number, run.items(number), failures_of(run.items(number)))
    (tmp_path / "out/_run/done/00001.json").unlink()  # killed between the results and their record
    (tmp_path / "out/part-00002.jsonl").unlink()  # deleted by someone
    (tmp_path / "out/.part-00001.jsonl.x7").write_text("half a part")  # killed while it was written
    assert list(run.records()) == [0]


def test_a_part_that_fails_leaves_nothing(make_job: Callable[..., Job], store: Store) -> None:
    run = start(store, make_job(), ITEMS)

    def interrupted() -> Iterator[tuple[Failure, ...]]:
        yield from failures_of(ITEMS[:1])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run.write_part(0, run.items(0), interrupted())
    assert run.records() == {}
    assert store.names() == {"_run"}


def test_an_output_of_another_run_is_refused(make_job: Callable[..., Job], store: Store, tmp_path: Path) -> None:
    start(store, make_job(), ITEMS)
    with pytest.raises(UsageError, match=r"contains another run; continue it with --resume"):
        start(store, make_job(), ITEMS)
    changed = {"channel": 0, "format": "parquet", "sha256": "1" * 64, "emotone": "9.9.9", "arguments": ("other",)}
    for name, value in changed.items():
        with pytest.raises(UsageError, match=rf"other settings: {name} \(.*; now "):
            resume(store, make_job(**{name: value}))
    assert resume(store, make_job(part_size=7)) is not None  # that of the start counts


def test_a_folder_with_other_files_is_refused(make_job: Callable[..., Job], store: Store, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/thesis.tex").write_text("mine")
    with pytest.raises(UsageError, match=r"contains other files \(thesis.tex\)"):
        start(store, make_job(), ITEMS)


def test_a_list_that_was_interrupted_is_written_again(make_job: Callable[..., Job], store: Store) -> None:
    def interrupted() -> Iterator[Item]:
        yield from ITEMS
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        start(store, make_job(), interrupted())
    assert resume(store, make_job()) is None
    assert start(store, make_job(), ITEMS[:2]).recordings == 2


def test_without_recordings_there_is_no_run(make_job: Callable[..., Job], store: Store) -> None:
    with pytest.raises(UsageError, match="no recordings were found; name some"):
        start(store, make_job(), [])
    with pytest.raises(UsageError, match="no recordings were found; deep: closed"):
        start(store, make_job(), [Failure("deep", "unreadable_folder", "deep: closed")])


def test_missing_inputs_are_named(make_job: Callable[..., Job], store: Store) -> None:
    run = BulkRun(store, make_job(), 3, 2)
    with pytest.raises(OutputError, match=r"lacks _run/inputs/00001.jsonl"):
        run.items(1)


@pytest.mark.parametrize("text", [b"{}", b"no json", b'{"schema": "emotone.bulk/0"}', b"[]"])
def test_a_job_that_cannot_be_read_is_refused(text: bytes) -> None:
    with pytest.raises(OutputError, match=r"out was not written by this version .*; expected emotone.bulk/1"):
        job_from_json(text, where="out")


def test_a_job_is_read_back_and_checked(make_job: Callable[..., Job]) -> None:
    job = make_job(channel="each", rows="clips")
    assert job_from_json(job.to_json().encode(), where="out") == job
    assert job.differences(replace(job, model="/elsewhere")) == []
    assert (job.page.rows, job.emotone) == ("clips", emotone.__version__)
    wrong: tuple[tuple[dict[str, Any], str], ...] = (
        ({"format": "csv"}, "the format csv was given"),
        ({"part_size": 0}, "0 was given"),
    )
    for settings, message in wrong:
        with pytest.raises(UsageError, match=message):
            make_job(**settings)


def test_a_record_is_read_back() -> None:
    record = PartRecord(3, 2, 1.5, (Failure("ż \udcff.wav", "gone", "it is"),))
    assert record_from_json(record.to_json()) == record


# ----------------------------------------------------------------------------------------------------------------------
# Bulk prediction: the results of `predict_many`, whatever stops the process on the way.


def results(store: Store) -> list[dict[str, Any]]:
    """Return the results of all parts, in order."""
    names = sorted(name for name in store.names() if name.startswith("part-"))
    return [json.loads(line) for name in names for line in (store.read(name) or b"").splitlines()]


def expected(model: emotone.Model, archive: Path) -> list[dict[str, Any]]:
    paths = sorted(archive.rglob("*.wav"), key=lambda path: path.parts)
    return [one.to_dict() for one in model.predict_many(paths)]


def test_results_equal_those_of_predict_many(
    model: emotone.Model, make_job: Callable[..., Job], store: Store, archive: Path
) -> None:
    lines: list[str] = []
    outcome = predict_bulk(store, make_job(), model=model, report=lines.append)
    assert results(store) == expected(model, archive)
    assert (outcome.recordings, outcome.parts, outcome.kept) == (6, 3, 0)
    assert [one.code for one in outcome.failures] == ["not_audio"]
    assert lines[-1].startswith("6 of 6 recordings, ")
    failures = (store.read("_failures.jsonl") or b"").splitlines()
    assert [json.loads(line) for line in failures] == [expected(model, archive)[2]]


def test_parts_in_parquet_are_one_table(
    model: emotone.Model, make_job: Callable[..., Job], archive: Path, tmp_path: Path
) -> None:
    job = make_job(format="parquet", rows="clips", part_size=4)
    outcome = predict_bulk(open_store(tmp_path / "many"), job, model=model)
    rows = parquet.read_table(tmp_path / "many").to_pylist()  # what begins with _ is skipped
    assert [row["file"] for row in rows] == [one["file"] for one in expected(model, archive)]
    assert (outcome.parts, [row["error"] for row in rows].count("not_audio")) == (2, 1)


def test_only_incomplete_parts_are_done_again(
    model: emotone.Model, make_job: Callable[..., Job], store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    predict_bulk(store, make_job(), model=model)
    before = results(store)
    (tmp_path / "out/_run/done/00001.json").unlink()
    written: list[int] = []
    write_part = BulkRun.write_part

    def watched(run: BulkRun, number: int, *arguments: Any) -> Any:
        written.append(number)
        return write_part(run, number, *arguments)

    monkeypatch.setattr(BulkRun, "write_part", watched)
    lines: list[str] = []
    outcome = predict_bulk(store, make_job(), model=model, again=True, report=lines.append)
    assert (written, outcome.kept, lines[0]) == ([1], 2, "2 of 3 parts are complete")
    assert results(store) == before
    assert [one.code for one in outcome.failures] == ["not_audio"]
    assert predict_bulk(store, make_job(), model=model, again=True).kept == 3
    assert written == [1]


def test_a_killed_run_is_resumed_without_loss_or_duplicates(
    model: emotone.Model, make_job: Callable[..., Job], store: Store, archive: Path
) -> None:
    for number in range(40):
        os.link(archive / "a.wav", archive / f"more-{number}.wav")
    job = make_job(part_size=1)
    kill_after_the_first_part(job, store.location)
    outcome = predict_bulk(store, job, model=model, again=True)
    assert 1 <= outcome.kept < outcome.parts
    assert results(store) == expected(model, archive)


def test_recordings_and_results_in_an_object_store(
    model: emotone.Model, make_job: Callable[..., Job], archive: Path, bucket: str
) -> None:
    import fsspec

    files = fsspec.filesystem("memory")
    for path in sorted(archive.glob("*.wav")):
        files.put_file(str(path), f"/bucket/calls/{path.name}")
    files.pipe_file("/bucket/list.txt", b"calls/gone.wav\n")
    job = make_job(arguments=(f"{bucket}/calls", f"{bucket}/list.txt"))
    store = open_store(f"{bucket}/results")
    outcome = predict_bulk(store, job, model=model)
    assert [one.code for one in outcome.failures] == ["not_audio", "missing_file"]
    found = results(store)
    assert [Path(one["file"]).name for one in found] == ["a.wav", "b.wav", "bad.wav", "c.wav", "gone.wav"]
    assert found[0]["clip"] == expected(model, archive)[0]["clip"]
    assert predict_bulk(store, job, model=model, again=True).kept == 3


def test_engines_are_found_by_name_and_refuse_what_they_do_not_have(
    model: emotone.Model, make_job: Callable[..., Job], store: Store
) -> None:
    assert ENGINES.names == ("local", "ray")
    with pytest.raises(UnknownNameError, match="unknown engine 'spark'"):
        predict_bulk(store, make_job(), model=model, engine="spark")
    with pytest.raises(UsageError, match="the engine local has none"):
        predict_bulk(store, make_job(), model=model, address="auto")


def test_a_worker_of_a_cluster_writes_the_same_parts(
    model: emotone.Model, make_job: Callable[..., Job], store: Store, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from emotone.scale.listing import list_items

    job = make_job()
    run = start(store, job, list_items(job.arguments))
    worker = PartWorker(store.location, job.to_json())
    try:
        records = [worker.predict(number) for number in range(run.parts)]
    finally:
        worker.close()
    assert results(store) == expected(model, archive)
    assert [record.recordings for record in records] == [2, 2, 2]


def test_a_worker_refuses_another_version_model_or_output(
    make_job: Callable[..., Job], store: Store, tmp_path: Path, make_bundle: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from emotone.scale.listing import list_items

    job = make_job()
    start(store, job, list_items(job.arguments))
    with pytest.raises(UsageError, match=r"does not find this run in .*elsewhere; --out must be"):
        PartWorker(str(tmp_path / "elsewhere"), job.to_json()).predict(0)
    with pytest.raises(UsageError, match=r"can't load the model: .*copy it to every machine"):
        engine.loaded_model(make_job(model=str(tmp_path / "no-model")), host="node-7")
    other = make_bundle(tmp_path / "models/other", version="0.2.0")
    with pytest.raises(UsageError, match=r"node-7 has another model in .*other"):
        engine.loaded_model(make_job(model=str(other)), host="node-7")
    newer = make_job(emotone="9.9.9")
    with pytest.raises(UsageError, match=rf"has emotone {emotone.__version__}, and the run was started with 9.9.9"):
        PartWorker(store.location, newer.to_json()).predict(0)
    PartWorker(store.location, newer.to_json()).close()  # never started


def test_the_clock_gives_rate_and_remaining_time() -> None:
    from emotone.scale.bulk import Throughput
    from emotone.scale.run import PartRecord

    times = iter([100.0, 110.0, 110.0, 120.0])
    speed = Throughput(1500, done=500, now=lambda: next(times))
    assert speed.line() == "500 of 1,500 recordings"
    speed.add(PartRecord(5, 100, 600.0, (emotone.Failure("x", "gone", "x"),)))
    assert speed.line() == "600 of 1,500 recordings, 10.0 per second, 60 times real time, 1:30.0 left, 1 failed"
    speed.done = 1500
    assert "left" not in speed.line()
