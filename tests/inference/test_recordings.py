"""Many recordings: in several processes, and at URLs."""

from __future__ import annotations

import io
import sys
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import soundfile
from fsspec.implementations.memory import MemoryFileSystem

import emotone
from emotone.errors import MissingExtraError
from emotone.inference.adaptation import EmbeddingStatistics
from emotone.inference.inputs import fetched
from emotone.inference.model import load
from emotone.inference.processes import AHEAD, run_pool
from emotone.inference.result import Failure, Prediction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from emotone.inference.model import Model


# ----------------------------------------------------------------------------------------------------------------------
# Several processes give what one gives, in order; one that dies costs the recording it was at, and nothing else.

# Answers every line with a failure that holds its process's number; some names make it die.
PUPPET = """
import json, os, signal, sys, time
for line in sys.stdin:
    name = json.loads(line)
    if name == "kill": os.kill(os.getpid(), signal.SIGKILL)
    if name == "exit": sys.exit(3)
    if name == "half": print('[{"schema"', end="", flush=True); sys.exit(0)
    if name == "slow": time.sleep(0.3)
    if name == "hang": time.sleep(600)
    print(json.dumps([{"file": name, "error": {"code": "ok", "message": str(os.getpid())}}]), flush=True)
"""


@pytest.fixture
def puppet() -> list[str]:
    return [sys.executable, "-c", PUPPET]


def test_processes_give_the_same_results_as_one(
    tiny_bundle: Path, speech: Callable[..., np.ndarray[tuple[int], np.dtype[np.float32]]], tmp_path: Path
) -> None:
    names = ["a.wav", "ż \udcff.wav", "c.wav"]
    for seed, name in enumerate(names):
        with (tmp_path / name).open("wb") as stream:
            soundfile.write(stream, speech(4.2, seed=seed), 16000, format="WAV")
    (tmp_path / "bad.wav").write_bytes(b"no audio at all, but long enough to look at")
    paths = [tmp_path / name for name in ("a.wav", "bad.wav", *names[1:], "gone.wav")]
    model = emotone.load(tiny_bundle)
    alone = [result.to_dict() for result in model.predict_many(paths, channel=0)]
    together = [result.to_dict() for result in model.predict_many(paths, channel=0, workers=2)]
    assert together == alone
    assert [item.get("error", {}).get("code") for item in together] == [None, "not_audio", None, None, "missing_file"]


def test_messages_of_the_log_arrive_from_processes(
    tiny_bundle: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    paths = [tmp_path / f"{name}.wav" for name in "abc"]
    for path in paths:
        soundfile.write(path, np.zeros(16000), 16000)
    model = emotone.load(tiny_bundle)
    for level, count in (("DEBUG", 2), ("INFO", 1), ("WARNING", 0)):
        caplog.clear()
        with caplog.at_level(level, logger="emotone"):
            assert len(list(model.predict_many(paths, workers=2))) == 3
        messages = [record.getMessage() for record in caplog.records]
        assert [sum(message.startswith(str(path)) for message in messages) for path in paths] == [count] * 3


def test_channels_come_in_order_from_processes(tiny_bundle: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    soundfile.write(tmp_path / "call.wav", rng.normal(0, 0.1, (32000, 2)), 16000)
    model = emotone.load(tiny_bundle)
    paths = [tmp_path / "call.wav", tmp_path / "gone.wav"]
    alone = list(model.predict_many(paths, channel="each"))
    assert [result.channel for result in alone[:2] if isinstance(result, emotone.Prediction)] == [0, 1]
    assert isinstance(alone[2], emotone.Failure)
    assert list(model.predict_many(paths, channel="each", workers=2)) == alone


def test_results_come_in_order_and_from_several_processes(puppet: list[str]) -> None:
    names = [*("slow" if index % 5 == 0 else f"{index}" for index in range(20))]
    results = [result for (result,) in run_pool(puppet, names, workers=2)]
    assert [result.file for result in results] == names
    assert len({result.message for result in results if isinstance(result, emotone.Failure)}) == 2


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("kill", "kill: its process was killed by signal 9; try it alone, or with fewer workers"),
        ("exit", "exit: its process ended with status 3"),
        ("half", "half: its process ended with status 0"),
    ],
)
@pytest.mark.parametrize("workers", [1, 2])
def test_a_worker_that_dies_costs_one_recording(puppet: list[str], name: str, message: str, workers: int) -> None:
    names = ["a", name, "b", name, "c", "d"]
    results = [result for (result,) in run_pool(puppet, names, workers=workers) if isinstance(result, emotone.Failure)]
    assert [result.file for result in results] == names
    assert [result.code for result in results] == ["ok", "worker_died", "ok", "worker_died", "ok", "ok"]
    assert results[1].message.startswith(message)


def test_a_worker_that_never_starts_fails_every_recording() -> None:
    results = [result for (result,) in run_pool([sys.executable, "-c", "raise SystemExit(7)"], ["a", "b"], workers=1)]
    assert [result.to_dict()["error"]["code"] for result in results] == ["worker_died"] * 2
    assert "status 7" in results[0].to_dict()["error"]["message"]


def test_closing_the_results_does_not_wait(puppet: list[str]) -> None:
    start = time.monotonic()
    results = run_pool(puppet, ["a", "hang", "hang", "b"], workers=2)
    next(results)
    results.close()  # type: ignore[attr-defined]
    assert time.monotonic() - start < 60  # the workers hang for 600 s; to start them takes seconds on a busy machine


def test_recordings_are_read_lazily(puppet: list[str]) -> None:
    taken = 0

    def names() -> Iterator[str]:
        nonlocal taken
        for index in range(1000):
            taken += 1
            yield str(index)

    results = run_pool(puppet, names(), workers=1)
    for _ in range(3):
        next(results)
    assert taken == AHEAD + 3
    results.close()  # type: ignore[attr-defined]


# ----------------------------------------------------------------------------------------------------------------------
# Recordings at URLs are predicted like files, and what can't be fetched is a failure with a code.

URL = "memory://calls/a.wav"


@pytest.fixture
def stored(noise: NDArray[np.float32]) -> Iterator[bytes]:
    """Store a recording at the URL."""
    buffer = io.BytesIO()
    soundfile.write(buffer, noise[:32000], 16000, format="WAV")
    MemoryFileSystem.store.clear()
    MemoryFileSystem().pipe_file("/calls/a.wav", buffer.getvalue())
    yield buffer.getvalue()
    MemoryFileSystem.store.clear()


def test_a_url_gives_the_prediction_of_the_file(model: Model, stored: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(stored)
    (remote,) = model.attempt(URL)
    (local,) = model.attempt(tmp_path / "a.wav", name=URL)
    assert isinstance(remote, Prediction)
    assert remote == local
    assert len(model.attempt(URL, channel="each")) == 1


@pytest.mark.usefixtures("stored")
def test_nothing_there_and_no_audio(model: Model) -> None:
    MemoryFileSystem().pipe_file("/calls/text.wav", b"this is a text, and no recording")
    found = [result for name in ("gone", "text") for result in model.attempt(f"memory://calls/{name}.wav")]
    assert [one.code for one in found if isinstance(one, Failure)] == ["missing_file", "not_audio"]
    assert all(isinstance(one, Failure) and one.message.startswith(one.file) for one in found)


@pytest.mark.usefixtures("stored")
def test_no_right_to_read(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError("Access Denied")

    monkeypatch.setattr(MemoryFileSystem, "open", refuse)
    (failure,) = model.attempt(URL)
    assert failure == Failure(URL, "audio", f"{URL}: can't be fetched: Access Denied")


@pytest.mark.usefixtures("stored")
def test_errors_of_the_block_are_not_those_of_fetching() -> None:
    with pytest.raises(FileNotFoundError, match="other"), fetched(URL, name="a"):
        raise FileNotFoundError("other")


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "s3fs", None)
    with pytest.raises(MissingExtraError, match="s3fs"), fetched("s3://bucket/a.wav", name="a"):
        pass


@pytest.mark.usefixtures("stored")
def test_models_are_adapted_to_urls(make_bundle: Any, tmp_path: Path) -> None:
    statistics = EmbeddingStatistics(load(make_bundle(tmp_path / "tiny", head=True)).bundle)
    assert statistics.attempt(URL) is None
    failure = statistics.attempt("memory://calls/gone.wav")
    assert failure is not None
    assert failure.code == "missing_file"
