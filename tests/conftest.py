"""Fixtures for the whole suite: seeds, private user directories, and real recordings where there are any."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent


def shared_dir() -> Path | None:
    """Return the folder of real recordings: `$EMOTONE_SHARED`, or `../shared` beside the repository."""
    given = Path(os.environ.get("EMOTONE_SHARED", ROOT.parent / "shared"))
    return given if (given / "corpora").is_dir() else None


@pytest.fixture(scope="session")
def shared() -> Path:
    """Real recordings; a test that asks for them is skipped where there are none."""
    found = shared_dir()
    if found is None:
        pytest.skip("no real recordings: set EMOTONE_SHARED, or put them in ../shared")
    return found


@pytest.fixture
def rng() -> np.random.Generator:
    """A seeded generator: the same draws in every run."""
    return np.random.default_rng(20260101)


@pytest.fixture(autouse=True)
def private_directories(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Point every user directory at a temporary one, and forget corpora named by the environment."""
    monkeypatch.setenv("EMOTONE_CACHE", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.delenv("EMOTONE_CORPORA", raising=False)
