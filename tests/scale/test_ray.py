"""The engine ray: what it passes to Ray and how it reports; and a real cluster of two workers, one of them killed."""

from __future__ import annotations

import os
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from emotone.errors import MissingExtraError, UsageError
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
