"""Bulk prediction: the results of `predict_many`, whatever stops the process on the way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pyarrow import parquet
from tests.scale.conftest import KILLED

import emotone
from emotone.errors import UnknownNameError, UsageError
from emotone.scale import part_worker
from emotone.scale.bulk import predict_bulk
from emotone.scale.engine import ENGINES
from emotone.scale.part_worker import PartWorker
from emotone.scale.run import BulkRun, start
from emotone.scale.store import open_store

if TYPE_CHECKING:
    from collections.abc import Callable

    from emotone.scale.job import Job
    from emotone.scale.store import Store

SOURCE = Path(emotone.__file__).parent.parent


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
    command = [sys.executable, "-c", KILLED, store.location]
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(job.to_json().encode())
        process.stdin.close()
        process.stdout.readline()  # the first part is complete
        process.send_signal(signal.SIGKILL)
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
        part_worker.loaded_model(make_job(model=str(tmp_path / "no-model")), host="node-7")
    other = make_bundle(tmp_path / "models/other", version="0.2.0")
    with pytest.raises(UsageError, match=r"node-7 has another model in .*other"):
        part_worker.loaded_model(make_job(model=str(other)), host="node-7")
    newer = make_job(emotone="9.9.9")
    with pytest.raises(UsageError, match=rf"has emotone {emotone.__version__}, and the run was started with 9.9.9"):
        PartWorker(store.location, newer.to_json()).predict(0)
    PartWorker(store.location, newer.to_json()).close()  # never started


def test_the_clock_gives_rate_and_remaining_time() -> None:
    from emotone.scale.run import PartRecord
    from emotone.scale.throughput import Throughput

    times = iter([100.0, 110.0, 110.0, 120.0])
    speed = Throughput(1500, done=500, now=lambda: next(times))
    assert speed.line() == "500 of 1,500 recordings"
    speed.add(PartRecord(5, 100, 600.0, (emotone.Failure("x", "gone", "x"),)))
    assert speed.line() == "600 of 1,500 recordings, 10.0 per second, 60 times real time, 1:30.0 left, 1 failed"
    speed.done = 1500
    assert "left" not in speed.line()
