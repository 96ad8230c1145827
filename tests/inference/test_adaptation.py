"""Adaptation without labels: the same results in memory, from disk, pickled, and in processes."""

from __future__ import annotations

import logging
import pickle
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import soundfile

import emotone
from emotone.audio.read import read
from emotone.errors import UsageError
from emotone.inference.adaptation import EmbeddingStatistics
from emotone.inference.engine import analyse

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import MakeBundle

    from emotone.inference.model import Model

RATE = 16000


@pytest.fixture
def model(make_bundle: MakeBundle, tmp_path: Path) -> Model:
    return emotone.load(make_bundle(tmp_path / "model", head=True))


@pytest.fixture
def recordings(tmp_path: Path, speech: Callable[..., Any]) -> list[Path]:
    """Twelve recordings with sounds that the detector takes for speech, of different levels."""
    paths = []
    for number in range(12):
        path = tmp_path / f"{number}.wav"
        soundfile.write(path, speech(2.0, seed=number) * (0.2 + 0.05 * number), RATE, subtype="FLOAT")
        paths.append(path)
    return paths


def test_statistics_are_those_of_the_recordings(model: Model, recordings: list[Path]) -> None:
    adapted = model.adapt(recordings)
    head, before = adapted.bundle.head, model.bundle.head
    assert head is not None
    assert before is not None
    signals = [read(path, rate=model.bundle.feature.rate)[0] for path in recordings]
    values = np.stack([analyse(model.bundle, [signal]).segments.outputs.mean(axis=0) for signal in signals])
    np.testing.assert_allclose(head.mean, before.adapted(values).mean, rtol=1e-5)
    assert adapted.bundle.manifest.adaptation is not None
    assert adapted.bundle.manifest.adaptation.recordings == 12
    assert adapted.bundle.manifest.adaptation.model == "tiny 0.1.0"


def test_results_are_marked_and_equal_everywhere(model: Model, recordings: list[Path], tmp_path: Path) -> None:
    adapted = model.adapt(recordings)
    expected = adapted.predict(recordings[0])
    assert expected.adapted
    assert not model.predict(recordings[0]).adapted
    written = emotone.load(adapted.bundle.write_adapted(tmp_path / "adapted").directory)
    again = pickle.loads(pickle.dumps(adapted))  # noqa: S301  (made here)
    for other in (written, again):
        assert other.bundle.sha256 == adapted.bundle.sha256
        assert other.predict(recordings[0]).to_dict() == expected.to_dict()
    first = next(iter(adapted.predict_many(recordings, workers=2)))
    assert first.to_dict() == expected.to_dict()
    assert "adapted to 12 unlabelled recordings" in (tmp_path / "adapted" / "CARD.md").read_text()


def test_what_cannot_be_used_is_reported(
    model: Model, recordings: list[Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    silent, broken = tmp_path / "silent.wav", tmp_path / "broken.wav"
    soundfile.write(silent, np.zeros(RATE), RATE)
    broken.write_text("no audio")
    with caplog.at_level(logging.WARNING):
        adapted = model.adapt([*recordings[:3], silent, broken])
    assert "not used for the adaptation" in caplog.text
    assert "broken.wav" in caplog.text
    assert "adapted to 3 recordings only" in caplog.text
    assert "1 recording contains no speech and was not used" in caplog.text
    assert adapted.bundle.manifest.adaptation is not None
    assert adapted.bundle.manifest.adaptation.recordings == 3


def test_models_without_embeddings_and_adapted_models_are_refused(
    model: Model, recordings: list[Path], tiny_bundle: Path
) -> None:
    with pytest.raises(UsageError, match="can't be adapted without labels, because its network returns no embeddings"):
        emotone.load(tiny_bundle).adapt(recordings)
    with pytest.raises(UsageError, match="is adapted already"):
        EmbeddingStatistics(model.adapt(recordings).bundle)


def test_an_adapted_bundle_needs_a_folder_of_its_own(model: Model, recordings: list[Path]) -> None:
    with pytest.raises(UsageError, match="contains the model that was adapted"):
        model.adapt(recordings).bundle.write_adapted(model.bundle.directory)
    with pytest.raises(UsageError, match="is not adapted"):
        model.bundle.write_adapted(model.bundle.directory)
