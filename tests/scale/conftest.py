"""Recordings, a job and a store for bulk runs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import soundfile

import emotone
from emotone.scale.job import Job
from emotone.scale.store import Store, open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

KILLED = """
import sys, emotone
from emotone.scale.bulk import predict_bulk
from emotone.scale.job import job_from_json
from emotone.scale.store import open_store
job = job_from_json(sys.stdin.buffer.read(), where="input")
predict_bulk(open_store(sys.argv[1]), job, model=emotone.load(job.model), report=lambda line: print(line, flush=True))
"""
"""A program that starts a run in the store that its argument names; the job is on its standard input."""


def kill_after_the_first_part(job: Job, location: str) -> None:
    """Start a run in another process, and kill it once a part is complete."""
    environment = {**os.environ, "PYTHONPATH": str(Path(emotone.__file__).parent.parent)}
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, location], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(job.to_json().encode())
        process.stdin.close()
        process.stdout.readline()  # the first part is complete
        process.send_signal(signal.SIGKILL)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Five recordings of a second of noise, and one that can't be read."""
    rng = np.random.default_rng(5)
    folder = tmp_path / "archive"
    (folder / "deep").mkdir(parents=True)
    for name in ("a.wav", "b.wav", "c.wav", "deep/d.wav", "deep/e.wav"):
        soundfile.write(folder / name, rng.normal(0, 0.1, 16000), 16000)
    (folder / "bad.wav").write_bytes(b"no audio at all, but long enough to look at")
    return folder


@pytest.fixture
def model(tiny_bundle: Path) -> emotone.Model:
    return emotone.load(tiny_bundle)


@pytest.fixture
def make_job(model: emotone.Model, archive: Path) -> Callable[..., Job]:
    """Return the function that makes a job: `make_job(part_size=2, format="jsonl")`."""

    def make(**changes: Any) -> Job:
        settings = {
            "arguments": (str(archive),),
            "model": str(model.bundle.directory),
            "sha256": model.bundle.sha256,
            "labels": model.labels,
            "part_size": 2,
            "format": "jsonl",
            **changes,
        }
        return Job(**settings)

    return make


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path / "out")


@pytest.fixture
def bucket() -> Iterator[str]:
    """The URL of an empty object store in the memory of this process."""
    from fsspec.implementations.memory import MemoryFileSystem

    yield "memory://bucket"
    MemoryFileSystem.store.clear()
    MemoryFileSystem.pseudo_dirs[:] = [""]
