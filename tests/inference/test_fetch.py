"""Recordings at URLs are predicted like files, and what can't be fetched is a failure with a code."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest
import soundfile
from fsspec.implementations.memory import MemoryFileSystem

from emotone.errors import MissingExtraError
from emotone.inference.adaptation import EmbeddingStatistics
from emotone.inference.inputs import fetched
from emotone.inference.model import load
from emotone.inference.result import Failure, Prediction

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from emotone.inference.model import Model

URL = "memory://calls/a.wav"


@pytest.fixture(autouse=True)
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


def test_nothing_there_and_no_audio(model: Model) -> None:
    MemoryFileSystem().pipe_file("/calls/text.wav", b"this is a text, and no recording")
    found = [result for name in ("gone", "text") for result in model.attempt(f"memory://calls/{name}.wav")]
    assert [one.code for one in found if isinstance(one, Failure)] == ["missing_file", "not_audio"]
    assert all(isinstance(one, Failure) and one.message.startswith(one.file) for one in found)


def test_no_right_to_read(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError("Access Denied")

    monkeypatch.setattr(MemoryFileSystem, "open", refuse)
    (failure,) = model.attempt(URL)
    assert failure == Failure(URL, "audio", f"{URL}: can't be fetched: Access Denied")


def test_errors_of_the_block_are_not_those_of_fetching() -> None:
    with pytest.raises(FileNotFoundError, match="other"), fetched(URL, name="a"):
        raise FileNotFoundError("other")


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "s3fs", None)
    with pytest.raises(MissingExtraError, match="s3fs"), fetched("s3://bucket/a.wav", name="a"):
        pass


def test_models_are_adapted_to_urls(make_bundle: Any, tmp_path: Path) -> None:
    statistics = EmbeddingStatistics(load(make_bundle(tmp_path / "tiny", head=True)).bundle)
    assert statistics.attempt(URL) is None
    failure = statistics.attempt("memory://calls/gone.wav")
    assert failure is not None
    assert failure.code == "missing_file"
