"""Windows without speech: training on windows with speech only excludes them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import soundfile
import torch
from tests.toy import LABELS, tiny_recipe

from emotone.audio.activity import speech_activity
from emotone.audio.samples import resample
from emotone.errors import ConfigError, MissingFileError
from emotone.features.windows import Windows, has_speech, window_starts
from emotone.fitting.fit import fit, speech_window_starts
from emotone.fitting.resolve import resolve
from emotone.types import Fold, Utterance

if TYPE_CHECKING:
    from collections.abc import Callable

    from emotone.recipes.recipe import Recipe
    from emotone.types import Array

SECONDS = Windows(seconds=1.0, hop=0.5, min_seconds=0.01, combine="mean-logit")
ASKED = {"crop_mode": "grid", "speech_only": True, "epochs": 1}


@pytest.fixture
def clips(tmp_path: Path, speech: Callable[..., Array]) -> tuple[Utterance, ...]:
    """Silence around speech, speech of 0.4 s, speech alone, and silence."""
    still = np.zeros(16000, np.float32)
    sounds = (
        np.concatenate([still, speech(2.3), still, still[:4000]]),
        speech(0.4, seed=2),
        speech(3.2, seed=1),
        np.zeros(24000, np.float32),
    )
    made = []
    for number, sound in enumerate(sounds):
        path = tmp_path / f"{number}.wav"
        soundfile.write(path, sound, 16000, subtype="FLOAT")
        made.append(Utterance(f"{number}", "toy", path, 0.0, None, f"s{number}", "x", LABELS[number % 2]))
    return tuple(made)


def asking(**changes: Any) -> Recipe:
    return tiny_recipe(**{"windows": SECONDS, "training": ASKED, "augment": {}, **changes})


@pytest.mark.parametrize(("front_end", "pads"), [("log-mel", {}), ("mn-log-mel", {"pads_end": True})])
def test_they_are_the_windows_of_the_grid_with_speech(
    clips: tuple[Utterance, ...], front_end: str, pads: dict[str, bool]
) -> None:
    recipe = asking(front_end={"name": front_end, **pads})
    features = resolve(recipe).extract(clips).features
    found = speech_window_starts(recipe, clips, features)
    assert found is not None
    hop = recipe.feature.hop_seconds
    for clip in clips:
        sound, _ = soundfile.read(clip.path, dtype="float32")
        heard = resample(sound, rate=16000, to=recipe.feature.rate)  # the rate at which clips are read
        active = speech_activity(resample(heard, rate=recipe.feature.rate, to=16000))
        window, step = recipe.windows.frames(recipe.feature)
        minimum = recipe.windows.min_frames(recipe.feature)
        expected = [
            start
            for start in window_starts(len(features[clip.key]), window=window, hop=step, min_frames=minimum)
            if has_speech(active[round(start * hop * 100) :][:100], whole=100, first=start == 0)
        ]
        assert found.get(clip.key, np.zeros(0)).tolist() == expected
    assert set(found) == {"toy/0", "toy/1", "toy/2"}
    assert 0 < len(found["toy/0"]) < len(features["toy/0"]) / 50
    assert found["toy/0"][0] > 0


def test_no_other_windows_are_trained_on(clips: tuple[Utterance, ...]) -> None:
    """Other rows outside the windows with speech give the same weights."""
    resolved = resolve(asking(training={**ASKED, "patience": 1, "batch_size": 2}))
    features = resolved.extract(clips).features
    starts = speech_window_starts(resolved.recipe, clips, features)
    assert starts is not None
    window, _ = SECONDS.frames(resolved.recipe.feature)
    wild = {key: np.full_like(rows, 1e3) for key, rows in features.items()}
    for key, firsts in starts.items():
        for first in firsts.tolist():
            wild[key][first : first + window] = features[key][first : first + window]
    assert any(not np.array_equal(wild[key], features[key]) for key in starts)
    keys = tuple(clip.key for clip in clips)
    fold = Fold("one", train=keys[:2], dev=keys[2:], test=())
    first, second = (fit(resolved, clips, each, fold, labels=LABELS) for each in (features, wild))
    assert first.history[0].score == second.history[0].score
    for name, values in first.net.state_dict().items():
        assert torch.equal(values, second.net.state_dict()[name])


def test_they_change_the_training(clips: tuple[Utterance, ...]) -> None:
    recipe = asking(training={**ASKED, "patience": 1, "batch_size": 2})
    features = resolve(recipe).extract(clips).features
    keys = tuple(clip.key for clip in clips)
    fitted = fit(resolve(recipe), clips, features, Fold("one", train=keys[:2], dev=keys[2:], test=()), labels=LABELS)
    everything = replace(recipe, training=replace(recipe.training, speech_only=False))
    whole = fit(resolve(everything), clips, features, Fold("one", train=keys[:2], dev=keys[2:], test=()), labels=LABELS)
    assert fitted.signature != whole.signature
    assert fitted.history[0].loss != whole.history[0].loss


def test_training_on_all_windows_reads_no_audio() -> None:
    recipe = asking(training={"crop_mode": "grid"})
    nowhere = Utterance("0", "toy", Path("nowhere.wav"), 0.0, None, "s", "x", LABELS[0])
    assert speech_window_starts(recipe, [nowhere], {}) is None
    with pytest.raises(MissingFileError, match=r"nowhere.wav: can't be read"):
        speech_window_starts(asking(), [nowhere], {"toy/0": np.zeros((9, 64), np.float32)})


def test_windows_that_count_in_prediction_can_not_be_excluded() -> None:
    with pytest.raises(ConfigError, match=r"set windows.speech_only = true; given false"):
        asking(windows=replace(SECONDS, speech_only=False))
