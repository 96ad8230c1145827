"""Silence and faint noise around speech, or in a pause, change few labels of the shipped models.

The ends of utterances follow the level of the sound. Where it does not fall, as in noise, they depend on the detector's
network, whose state depends on what comes before; this changes labels whose probabilities are nearly equal. The aim is
no change in 98 % of recordings. Measured were at most 2, 0 and 1 of 40; the bounds below allow one more, because
processors round differently.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile

from emotone.inference.model import load

if TYPE_CHECKING:
    from collections.abc import Iterator

    from emotone.inference.model import Model
    from emotone.types import Array

EXAMPLES = sorted((Path(__file__).resolve().parents[2] / "examples").glob("*.flac"))
CORPORA = {"emodb": "wav/*", "emovo": "**/*", "savee": "**/*", "ravdess": "**/*"}
PER_CORPUS = 10
NOISE = 1e-4  # -80 dB relative to full scale
PAUSE = 1.5  # seconds between two recordings: longer than a pause within an utterance
# By model: changed clip labels of 40 recordings with one kind of padding: silence before them, after them, in a pause.
BOUNDS = {"small": (3, 1, 2), "default": (3, 1, 1)}
SURE = 0.6  # labels of the default model with a higher confidence do not change


@pytest.fixture(scope="module", params=sorted(BOUNDS))
def model(request: pytest.FixtureRequest) -> Model:
    return load(request.param)


def pads(rate: int) -> Iterator[Array]:
    """Yield digital silence and faint noise of 1 and 5 s."""
    rng = np.random.default_rng(0)
    for seconds in (1, 5):
        yield np.zeros(seconds * rate, np.float32)
        yield (NOISE * rng.standard_normal(seconds * rate)).astype(np.float32)


def read(path: Path) -> tuple[Array, int]:
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    return samples.mean(axis=1), rate


def labels(model: Model, signal: Array, rate: int) -> list[str | None]:
    prediction = model.predict(signal, rate=rate)
    return [prediction.clip.label, *(utterance.label for utterance in prediction.utterances)]


def sure_labels(model: Model, signal: Array, rate: int) -> list[str]:
    """Return the utterances' labels; "unsure" where a model with thresholds has a confidence of at most `SURE`."""
    least = SURE if model.bundle.manifest.thresholds else 0.0
    utterances = model.predict(signal, rate=rate).utterances
    return [one.label if one.confidence > least else "unsure" for one in utterances]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_silence_around_the_examples_changes_no_utterance(model: Model, path: Path) -> None:
    """The default model is unsure of these synthetic voices: its labels may change, and none may become sure."""
    signal, rate = read(path)
    expected = sure_labels(model, signal, rate)
    for pad in pads(rate):
        for padded in ([pad, signal], [signal, pad], [pad, signal, pad]):
            assert sure_labels(model, np.concatenate(padded), rate) == expected


@pytest.fixture(scope="module")
def recordings(shared: Path) -> list[tuple[Array, int]]:
    """Ten recordings of each of four corpora, drawn with a fixed seed; all are sampled at one rate."""
    chosen: list[Path] = []
    for corpus, pattern in CORPORA.items():
        found = [path for path in (shared / "corpora" / corpus).glob(pattern) if path.suffix in {".flac", ".ogg"}]
        chosen += random.Random(1).sample(sorted(found), PER_CORPUS)
    return [read(path) for path in chosen]


def test_silence_around_real_recordings_changes_few_labels(model: Model, recordings: list[tuple[Array, int]]) -> None:
    changed = np.zeros((2, 4), int)  # [before or after, pad]
    sure = np.zeros((2, 4), int)
    for signal, rate in recordings:
        expected = model.predict(signal, rate=rate).clip
        for number, pad in enumerate(pads(rate)):
            for place, padded in enumerate(([pad, signal], [signal, pad])):
                found = model.predict(np.concatenate(padded), rate=rate).clip
                differs = found.label != expected.label
                changed[place, number] += differs
                sure[place, number] += differs and max(expected.confidence or 0, found.confidence or 0) > SURE
    before, after, _ = BOUNDS[model.bundle.manifest.name]
    assert changed[0].max() <= before, changed
    assert changed[1].max() <= after, changed
    if model.bundle.manifest.thresholds:
        assert not sure.any(), sure


def test_a_longer_pause_between_real_utterances_changes_few_labels(
    model: Model, recordings: list[tuple[Array, int]]
) -> None:
    changed = np.zeros(4, int)
    pairs = list(zip(recordings, recordings[1:] + recordings[:1], strict=True))
    for (first, rate), (second, _) in pairs:
        pause = np.zeros(round(PAUSE * rate), np.float32)
        expected = labels(model, np.concatenate([first, pause, second]), rate)
        for number, pad in enumerate(pads(rate)):
            found = labels(model, np.concatenate([first, pause, pad, second]), rate)
            changed[number] += found[0] != expected[0]
    assert changed.max() <= BOUNDS[model.bundle.manifest.name][2], changed
