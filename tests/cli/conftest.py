"""Run the command in this process; recordings for it."""

from __future__ import annotations

import io
import shutil
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile

from emotone.cli.main import run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@dataclass(frozen=True)
class Outcome:
    """Exit status, standard output and standard error of a command."""

    status: int
    out: str
    err: str


@pytest.fixture
def emotone(capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Outcome]:
    """Run the command: `emotone("predict", path, ..., stdin=b"")`."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    monkeypatch.setenv("COLUMNS", "80")

    def call(*arguments: object, stdin: bytes = b"") -> Outcome:
        capfdbinary.readouterr()
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        status = run([str(argument) for argument in arguments])
        captured = capfdbinary.readouterr()
        return Outcome(status, captured.out.decode(), captured.err.decode())

    return call


@pytest.fixture
def shipped(tiny_bundle: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of shipped models that contains the tiny one as `default`."""
    folder = tmp_path_factory.mktemp("shipped")
    shutil.copytree(tiny_bundle, folder / "default")
    monkeypatch.setattr("emotone.bundles.library.SHIPPED", folder)
    return folder


@pytest.fixture
def calls(speech: Callable[..., np.ndarray[tuple[int], np.dtype[np.float32]]], tmp_path: Path) -> Path:
    """A folder with three recordings, one of them in a subfolder, and two other files."""
    folder = tmp_path / "calls"
    (folder / "deep").mkdir(parents=True)
    for seed, name in enumerate(("a.wav", "b.flac", "deep/c.WAV")):
        soundfile.write(folder / name, speech(1.2 + seed, seed=seed), 16000)
    (folder / "notes.txt").write_text("no recording")
    soundfile.write(folder / "._a.wav", np.zeros(1600), 16000)
    return folder
