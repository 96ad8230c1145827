"""Adaptation to groups of a manifest: each group has the results of a model adapted to it alone."""

from __future__ import annotations

import json
import os
import signal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
import soundfile
from pyarrow import parquet

import emotone
from emotone.errors import ConfigError, UsageError
from emotone.inference.processes import WorkerProcess, worker_command
from emotone.scale.bulk import predict_bulk
from emotone.scale.listing import Item
from emotone.scale.part_worker import PartWorker, spread

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import MakeBundle

    from emotone.scale.job import Job
    from emotone.scale.store import Store

RATE = 16000
SPEAKERS = ("anna", "bert", "anna", "bert", "carl")


@pytest.fixture
def model(make_bundle: MakeBundle, tmp_path: Path) -> emotone.Model:
    return emotone.load(make_bundle(tmp_path / "model", head=True))


@pytest.fixture
def archive(tmp_path: Path, speech: Callable[..., Any]) -> Path:
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
    model: emotone.Model, make_job: Callable[..., Job], store: Store, archive: Path
) -> None:
    job = make_job(arguments=(str(archive),), adapt_by="speaker")
    outcome = predict_bulk(store, job, model=model, workers=2)
    assert (outcome.recordings, outcome.parts, outcome.failures) == (5, 3, ())
    found = clips(store)
    assert found == expected(model, archive.parent)
    assert [adapted for _, (adapted, _) in sorted(found.items())] == [True] * 4 + [False]
    assert predict_bulk(store, job, model=model, again=True).kept == 3
    with pytest.raises(UsageError, match=r"adapt_by \(speaker; now \)"):
        predict_bulk(store, make_job(arguments=(str(archive),)), model=model, again=True)
    worker = PartWorker(store.location, job.to_json())  # of a cluster
    try:
        records = [worker.predict(number) for number in (2, 0)]
    finally:
        worker.close()
    assert [record.recordings for record in records] == [1, 2]
    assert clips(store) == found


def test_a_process_that_died_is_adapted_again(model: emotone.Model, archive: Path) -> None:
    paths = [str(archive.parent / f"{number}.wav") for number in range(3)]
    process = WorkerProcess(worker_command(model.bundle.directory, channel="mix"))
    try:
        process.adapt([*paths, str(archive)])  # the last is left out
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
    model: emotone.Model, make_job: Callable[..., Job], store: Store, archive: Path, tiny_bundle: Path
) -> None:
    with pytest.raises(UsageError, match="only manifests have columns, and --adapt-by speaker needs one"):
        predict_bulk(store, make_job(arguments=(str(archive.parent),), adapt_by="speaker"), model=model)
    with pytest.raises(ConfigError, match="has the columns path, id, speaker; required: path, room; optional: id"):
        predict_bulk(store, make_job(arguments=(str(archive),), adapt_by="room"), model=model)
    with pytest.raises(UsageError, match="embeddings"):
        predict_bulk(store, make_job(arguments=(str(archive),), adapt_by="speaker"), model=emotone.load(tiny_bundle))
    parquet.write_table(pa.table({"path": ["0.wav"], "speaker": [None]}), archive)
    with pytest.raises(ConfigError, match="row 0: speaker is missing; every recording needs a group"):
        predict_bulk(store, make_job(arguments=(str(archive),), adapt_by="speaker"), model=model)


def test_statistics_of_large_groups_come_from_some_recordings() -> None:
    items = [Item(str(number), "") for number in range(10)]
    assert [one.path for one in spread(items, 4)] == ["0", "2", "5", "7"]
    assert spread(items, 10) == items
