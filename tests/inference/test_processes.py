"""Several processes give what one gives, in order; one that dies costs the recording it was at, and nothing else."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile

import emotone
from emotone.inference.processes import AHEAD, run_pool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


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
