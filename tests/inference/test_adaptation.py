"""Adaptation of models: to recordings at once, and while a session runs."""

from __future__ import annotations

import logging
import pickle
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.inference.conftest import LoudDetector, told

import emotone
from emotone.audio.read import read
from emotone.errors import UsageError
from emotone.features.windows import Windows
from emotone.inference.adaptation import EmbeddingStatistics
from emotone.inference.engine import analyse
from emotone.inference.events import Measurement, UtteranceEnd, UtteranceStart
from emotone.inference.running_adaptation import UTTERANCES, RunningAdaptation

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray
    from tests.conftest import MakeBundle

    from emotone.inference.events import Event
    from emotone.inference.model import Model


# ----------------------------------------------------------------------------------------------------------------------
# Adaptation without labels: the same results in memory, from disk, pickled, and in processes.

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


def test_a_detector_has_the_statistics_of_windows(
    make_bundle: MakeBundle, recordings: list[Path], tmp_path: Path
) -> None:
    windows = Windows(seconds=0.6, hop=0.3)
    detector = emotone.load(make_bundle(tmp_path / "one", head=True, labels=("anger", "other"), windows=windows))
    head, before = detector.adapt(recordings[:4]).bundle.head, detector.bundle.head
    assert head is not None
    assert before is not None
    signals = [read(path, rate=detector.bundle.feature.rate)[0] for path in recordings[:4]]
    values = np.concatenate([analyse(detector.bundle, [signal]).segments.outputs for signal in signals])
    assert len(values) > 8
    np.testing.assert_allclose(head.deviation, before.adapted(values).deviation, rtol=1e-5)
    with pytest.raises(UsageError, match="at least 2 recordings with speech; given 1"):
        detector.adapt(recordings[:1])


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


# ----------------------------------------------------------------------------------------------------------------------
# A session that adapts itself: each utterance is classified with the statistics of those before it.

SPOKEN = (2.0, 1.3, 2.6, 1.7, 0.8)  # seconds of each utterance; the last one is shorter than a window


@pytest.fixture
def adaptable(make_bundle: MakeBundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Model:
    """A model with embeddings, and a detector that takes every loud sample for speech."""
    monkeypatch.setattr("emotone.inference.engine.NetworkDetector", LoudDetector)
    return emotone.load(make_bundle(tmp_path / "model", head=True))


@pytest.fixture
def talk(rng: np.random.Generator) -> NDArray[np.float32]:
    """Utterances of different levels, with a second of silence after each."""
    parts = []
    for number, seconds in enumerate(SPOKEN):
        sound = np.cumsum(rng.normal(0, 0.05, round(seconds * RATE)))
        parts += [np.sign(sound) * (0.02 + np.abs(sound) % (0.1 + 0.1 * number)), np.zeros(RATE)]
    return np.concatenate(parts).astype(np.float32)


def utterances(events: list[Event]) -> list[list[Event]]:
    """Return the measurements and the end of each utterance."""
    found: list[list[Event]] = []
    for event in events:
        if isinstance(event, UtteranceStart):
            found.append([])
        else:
            found[-1].append(event)
    return found


def test_an_utterance_is_classified_with_the_statistics_of_those_before_it(
    adaptable: Model, talk: NDArray[np.float32]
) -> None:
    events = utterances(told(adaptable.session(rate=RATE, adapt=True), [talk]))
    assert len(events) == len(SPOKEN)
    bundle, head = adaptable.bundle, adaptable.bundle.head
    assert head is not None
    segments = adaptable.predict(talk, rate=RATE).segments
    embeddings: list[NDArray[np.float32]] = []
    for found in events:
        measured = [event for event in found if isinstance(event, Measurement)]
        inside = [index for index, one in enumerate(segments) if measured[0].start <= one.start <= measured[-1].start]
        outputs = segments.outputs[inside]  # type: ignore[attr-defined]
        used = head if len(embeddings) < 2 else head.adapted(np.stack(embeddings))
        expected = bundle.probabilities_of(outputs, head=used)
        given = [list(event.probabilities.values()) for event in measured]
        np.testing.assert_allclose(given, expected, rtol=0, atol=1e-5)
        embeddings.append(outputs.mean(axis=0))
    plain = told(adaptable.session(rate=RATE), [talk])
    ends = [[list(e.clip.probabilities.values()) for e in found if isinstance(e, UtteranceEnd)] for found in events]
    before = [list(event.clip.probabilities.values()) for event in plain if isinstance(event, UtteranceEnd)]
    changes = [float(np.abs(np.subtract(one[0], other)).max()) for one, other in zip(ends, before, strict=True)]
    assert max(changes[:2]) == 0
    assert min(changes[2:]) > 1e-4


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(cuts=st.lists(st.floats(0, 1), max_size=12))
def test_results_do_not_depend_on_the_pieces(adaptable: Model, talk: NDArray[np.float32], cuts: list[float]) -> None:
    whole = told(adaptable.session(rate=RATE, adapt=True), [talk])
    pieces = np.split(talk, sorted(round(place * len(talk)) for place in cuts))
    assert told(adaptable.session(rate=RATE, adapt=True), pieces) == whole


def test_every_event_is_marked(adaptable: Model, talk: NDArray[np.float32], tmp_path: Path) -> None:
    marks = {event.to_dict()["adapted"] for event in told(adaptable.session(rate=RATE, adapt=True), [talk])}
    assert marks == {True}
    assert {event.adapted for event in told(adaptable.session(rate=RATE), [talk])} == {False}


def test_channels_adapt_by_themselves(adaptable: Model, talk: NDArray[np.float32]) -> None:
    both = np.stack([talk, 0.5 * talk[::-1]])
    events = told(adaptable.session(rate=RATE, channels=2, channel="each", adapt=True), [both])
    for channel in (0, 1):
        alone = told(adaptable.session(rate=RATE, adapt=True), [both[channel].copy()])
        assert [replace(event, channel="mix") for event in events if event.channel == channel] == alone


def test_the_statistics_forget_the_oldest_utterances(adaptable: Model, rng: np.random.Generator) -> None:
    head = adaptable.bundle.head
    assert head is not None
    embeddings = rng.normal(0, 1, (UTTERANCES + 5, head.values)).astype(np.float32)
    running = RunningAdaptation(adaptable.bundle)
    running.add(embeddings[0])
    assert running.head is head
    for embedding in embeddings[1:]:
        running.add(embedding)
    np.testing.assert_array_equal(running.head.mean, head.adapted(embeddings[5:]).mean)


def test_models_that_cannot_be_adapted_are_refused(
    adaptable: Model, tiny_bundle: Path, talk: NDArray[np.float32], tmp_path: Path
) -> None:
    import soundfile

    with pytest.raises(UsageError, match="can't be adapted without labels, because its network returns no embeddings"):
        emotone.load(tiny_bundle).session(rate=RATE, adapt=True)
    soundfile.write(tmp_path / "a.wav", talk, RATE)
    adapted = adaptable.adapt([tmp_path / "a.wav", tmp_path / "a.wav"])
    with pytest.raises(UsageError, match="is adapted already"):
        adapted.session(rate=RATE, adapt=True)
    assert {event.adapted for event in told(adapted.session(rate=RATE), [talk])} == {True}
