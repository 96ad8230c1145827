"""Bulk prediction with an object store, and on a cluster of Ray."""

from __future__ import annotations

import json
import os
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from tests.scale.conftest import kill_after_the_first_part

from emotone.errors import ConfigError, MissingExtraError, OutputError, UsageError
from emotone.inference.model import load
from emotone.scale.bulk import predict_bulk
from emotone.scale.engines import ray as engine
from emotone.scale.store import open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import emotone
    from emotone.scale.job import Job
    from emotone.scale.store import Store


# ----------------------------------------------------------------------------------------------------------------------
# Recordings and results in an object store: a server of moto on this machine, through s3fs.

BUCKET = "calls"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """The address of a running server."""
    pytest.importorskip("s3fs", reason="needs emotone[s3]")
    server = pytest.importorskip("moto.server", reason="needs moto[s3], flask and flask-cors").ThreadedMotoServer(
        ip_address="127.0.0.1", port=0, verbose=False
    )
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def files(endpoint: str, monkeypatch: pytest.MonkeyPatch, archive: Path) -> Iterator[Any]:
    """s3fs's file system of a new bucket with five recordings, and one that can't be read, below `in/`."""
    import s3fs

    for name, value in {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    found = s3fs.S3FileSystem()
    found.mkdir(BUCKET)
    for path in sorted(archive.rglob("*.wav")):
        found.put_file(str(path), f"{BUCKET}/in/{path.relative_to(archive).as_posix()}")
    yield found
    found.rm(BUCKET, recursive=True)
    s3fs.S3FileSystem.clear_instance_cache()


@pytest.fixture
def without_rights(endpoint: str, files: Any) -> Iterator[None]:
    """The server checks rights, and the key has none."""
    import s3fs

    set_unchecked(endpoint, 0)
    s3fs.S3FileSystem.clear_instance_cache()
    yield
    set_unchecked(endpoint, sys.maxsize)


def set_unchecked(endpoint: str, calls: int) -> None:
    """Let the server check rights from its next call but `calls` on."""
    from urllib.request import Request, urlopen

    body, header = str(calls).encode(), {"Content-Type": "text/plain"}
    with urlopen(Request(f"{endpoint}/moto-api/reset-auth", body, header, method="POST")) as answer:  # noqa: S310
        assert answer.status == 200


def results(location: str) -> list[dict[str, Any]]:
    """Return the results of all parts, in order."""
    store = open_store(location)
    names = sorted(name for name in store.names() if name.startswith("part-"))
    return [json.loads(line) for name in names for line in (store.read(name) or b"").splitlines()]


def expected(model: emotone.Model, archive: Path) -> list[Any]:
    paths = sorted(archive.rglob("*.wav"), key=lambda path: path.relative_to(archive).as_posix())
    return [one.to_dict().get("clip") for one in model.predict_many(paths)]


def test_results_equal_those_of_local_files(
    model: emotone.Model, make_job: Callable[..., Job], archive: Path, files: Any
) -> None:
    job = make_job(arguments=("s3://calls/in",))
    outcome = predict_bulk(open_store("s3://calls/out"), job, model=model)
    assert [one.code for one in outcome.failures] == ["not_audio"]
    found = results("s3://calls/out")
    assert [one["file"].removeprefix("s3://calls/in/") for one in found] == [
        "a.wav",
        "b.wav",
        "bad.wav",
        "c.wav",
        "deep/d.wav",
        "deep/e.wav",
    ]
    assert [one.get("clip") for one in found] == expected(model, archive)
    with pytest.raises(UsageError, match="--resume"):
        predict_bulk(open_store("s3://calls/out"), job, model=model)
    assert predict_bulk(open_store("s3://calls/out"), job, model=model, again=True).kept == 3
    pattern = make_job(arguments=("s3://calls/in/*.wav",), format="parquet")
    assert predict_bulk(open_store("s3://calls/table"), pattern, model=model).recordings == 4


def test_a_manifest_in_the_bucket(model: emotone.Model, make_job: Callable[..., Job], files: Any) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    def write(name: str, **columns: list[str]) -> str:
        with files.open(f"{BUCKET}/{name}", "wb") as stream:
            parquet.write_table(pa.table(columns), stream)
        return f"s3://calls/{name}"

    good = write("good.parquet", path=["in/a.wav", "in/deep/d.wav", "in/gone.wav"], id=["first", "second", "third"])
    outcome = predict_bulk(open_store("s3://calls/good"), make_job(arguments=(good,)), model=model)
    assert [one["file"] for one in results("s3://calls/good")] == ["first", "second", "third"]
    assert [(one.file, one.code) for one in outcome.failures] == [("third", "missing_file")]
    columns = write("columns.parquet", file=["in/a.wav"])
    with pytest.raises(ConfigError, match=r"columns\.parquet: has the columns file; required: path; optional: id"):
        predict_bulk(open_store("s3://calls/bad"), make_job(arguments=(columns,)), model=model)
    twice = write("twice.parquet", path=["in/a.wav", "in/b.wav"], id=["x", "x"])
    with pytest.raises(UsageError, match="the id 'x' is given twice"):
        predict_bulk(open_store("s3://calls/bad"), make_job(arguments=(twice,)), model=model)
    assert open_store("s3://calls/bad").read("_run/inputs.json") is None


def test_a_bucket_without_rights(
    model: emotone.Model, make_job: Callable[..., Job], archive: Path, without_rights: None
) -> None:
    with pytest.raises(UsageError, match=r"s3://calls/in: can't be listed: .*check its name and your rights"):
        predict_bulk(open_store("file:///nowhere"), make_job(arguments=("s3://calls/in",)), model=model)
    with pytest.raises(OutputError, match="s3://calls/out: can't "):
        predict_bulk(open_store("s3://calls/out"), make_job(arguments=(str(archive),)), model=model)


def test_a_bucket_that_does_not_exist(model: emotone.Model, make_job: Callable[..., Job], files: Any) -> None:
    with pytest.raises(UsageError, match=r"s3://nosuch/in: (can't be listed|no recordings there)"):
        predict_bulk(open_store("s3://calls/out"), make_job(arguments=("s3://nosuch/in",)), model=model)


def test_a_killed_run_is_resumed_in_the_bucket(
    model: emotone.Model, make_job: Callable[..., Job], archive: Path, files: Any
) -> None:
    job = make_job(arguments=("s3://calls/in",), part_size=1)
    kill_after_the_first_part(job, "s3://calls/killed")
    outcome = predict_bulk(open_store("s3://calls/killed"), job, model=model, again=True)
    assert 1 <= outcome.kept < outcome.parts == 6
    assert [one.get("clip") for one in results("s3://calls/killed")] == expected(model, archive)


# ----------------------------------------------------------------------------------------------------------------------
# The engine ray: what it passes to Ray and how it reports; and a real cluster of two workers, one of them killed.


class FakeDataset:
    """The rows of a dataset, with `map_batches` in this process."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self.rows = rows

    def map_batches(self, function: type, *, batch_size: int, fn_constructor_args: tuple[str, str], **_: Any) -> Any:
        assert batch_size == 1
        worker = function(*fn_constructor_args)
        batches = [worker({"part": [row["part"]]}) for row in reversed(self.rows)]  # parts end in any order
        worker.worker.close()
        return FakeDataset([{name: values[0] for name, values in batch.items()} for batch in batches])

    def iter_rows(self) -> Iterator[dict[str, Any]]:
        return iter(self.rows)


class FakeRay:
    """A cluster in this process."""

    def __init__(self, *, running: bool = False) -> None:
        self.calls: list[Any] = []
        self.running, self.broken = running, False
        context = SimpleNamespace(enable_progress_bars=True)
        self.data = SimpleNamespace(
            DataContext=SimpleNamespace(get_current=lambda: context),
            from_items=lambda rows, **_: FakeDataset(rows),
            ActorPoolStrategy=lambda **options: options,
        )

    def is_initialized(self) -> bool:
        return self.running

    def init(self, **options: Any) -> None:
        if self.broken:
            raise ConnectionError("no answer")
        self.calls.append(options["address"])

    def shutdown(self) -> None:
        self.calls.append("shutdown")


class InProcess:
    """A worker process that is this process."""

    def __init__(self, command: list[str]) -> None:
        self._model = load(command[3])

    def ask(self, file: str) -> Any:
        return self._model.attempt(file)

    def close(self) -> None:
        pass

    def reap(self) -> None:
        pass


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> FakeRay:
    fake = FakeRay()
    monkeypatch.setattr("emotone.scale.engine.WorkerProcess", InProcess)
    monkeypatch.setitem(sys.modules, "ray", fake)
    monkeypatch.setitem(sys.modules, "ray.data", fake.data)
    for name in ("RAY_USAGE_STATS_ENABLED", "RAY_BACKEND_LOG_LEVEL"):
        monkeypatch.setenv(name, "")
    return fake


def test_results_equal_those_of_the_local_engine(
    model: emotone.Model, make_job: Callable[..., Job], store: Store, tmp_path: Path, cluster: FakeRay
) -> None:
    local = open_store(tmp_path / "local")
    expected = predict_bulk(local, make_job(), model=model)
    outcome = predict_bulk(store, make_job(), model=model, engine="ray")
    assert cluster.calls == ["local", "shutdown"]
    assert outcome.failures == expected.failures
    for number in range(3):
        name = f"part-{number:05d}.jsonl"
        assert store.read(name) == local.read(name)


def test_a_refusal_of_a_worker_is_the_error_of_the_run(
    model: emotone.Model, make_job: Callable[..., Job], store: Store, cluster: FakeRay, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.running = True
    job = make_job(emotone="9.9.9")
    with pytest.raises(UsageError, match=r"the run was started with 9\.9\.9; install"):
        predict_bulk(store, job, model=model, engine="ray")
    assert cluster.calls == []  # the cluster of the caller goes on


def test_no_cluster_and_no_package(
    model: emotone.Model, make_job: Callable[..., Job], store: Store, cluster: FakeRay, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.broken = True
    for address, message in (
        ("nowhere:1", r"no Ray cluster answers at nowhere:1; start one with: ray start --head \(no answer\)"),
        (None, "Ray did not start on this machine, which may be overloaded: no answer"),
    ):
        with pytest.raises(UsageError, match=message):
            predict_bulk(store, make_job(), model=model, engine="ray", address=address, again=True)
    cluster.broken = False
    predict_bulk(store, make_job(), model=model, engine="ray", address="auto", again=True)
    assert cluster.calls == ["auto", "shutdown"]
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"the engine ray needs the package 'ray'.*emotone\[ray\]"):
        engine.import_ray()


@pytest.mark.timeout(240)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")  # of Ray itself
@pytest.mark.skipif("EMOTONE_TEST_RAY" not in os.environ, reason="starts a Ray cluster: set EMOTONE_TEST_RAY=1")
def test_a_cluster_of_two_workers(
    model: emotone.Model, make_job: Callable[..., Job], store: Store, tmp_path: Path
) -> None:
    pytest.importorskip("ray")
    local = open_store(tmp_path / "local")
    predict_bulk(local, make_job(), model=model)
    predict_bulk(store, make_job(), model=model, engine="ray", workers=2)
    for number in range(3):
        name = f"part-{number:05d}.jsonl"
        assert store.read(name) == local.read(name)
