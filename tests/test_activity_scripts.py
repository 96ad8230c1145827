"""The scripts for the weights of speech activity: held-out data is excluded, and the printed code is the package's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scripts.evaluate_activity import count
from scripts.train_activity import (
    LENGTH,
    as_code,
    by_level,
    described,
    labelled,
    meeting_turns,
    sound_clips,
    speech_clips,
    synthetic,
)

from emotone.audio import activity

ROOT = Path(__file__).resolve().parent.parent


def test_the_printed_weights_are_the_code_of_the_package() -> None:
    source = Path(activity.__file__).read_text(encoding="utf-8")
    assert f"\n{as_code(activity.WEIGHTS)}\n" in source


def test_silence_is_not_speech_and_unlabelled_frames_are_excluded(rng: np.random.Generator) -> None:
    signal = np.concatenate([np.zeros(16_000), rng.standard_normal(16_000)]).astype(np.float32)
    labels = np.repeat([1, -1], 100)
    frames = labelled(signal, labels, 0.5)
    assert frames.numbers.shape == (100, 18)
    assert set(frames.speech[:95]) == {0}
    assert set(frames.weight) == {0.5}


def test_frames_of_medium_level_are_unlabelled() -> None:
    assert by_level(np.array([0, 0, 0, -2.4, -3, -4.1, -4.3], np.float32)).tolist() == [1, 1, 1, 1, -1, -1, 0]


def test_synthetic_audio_depends_on_the_seed_only() -> None:
    first, second = (list(synthetic(np.random.default_rng(3))) for _ in range(2))
    assert len(first) == 15
    assert {len(sound) for sound in first} == {LENGTH}
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    assert all(np.isfinite(described(sound)[0]).all() for sound in first)


def test_turns_of_a_meeting_may_overlap(tmp_path: Path) -> None:
    (tmp_path / "ami").mkdir()
    rows = ["SPEAKER a 1 0.1 0.2 <NA> x <NA> <NA>", "SPEAKER a 1 0.2 0.2 <NA> y <NA> <NA>", "SPEAKER b 1 0 1 <NA> x"]
    (tmp_path / "ami/debug.test.rttm").write_text("\n".join(rows), encoding="utf-8")
    spoken = meeting_turns(tmp_path, "test", "a", 50)
    assert np.flatnonzero(spoken).tolist() == list(range(10, 40))


@pytest.mark.shared
def test_held_out_sounds_are_not_trained_on(shared: Path) -> None:
    trained, held_out = (sound_clips(shared / "corpora", held_out=held_out) for held_out in (False, True))
    assert {name: (len(trained[name]), len(held_out[name])) for name in trained} == dict.fromkeys(trained, (24, 16))
    assert {path.name[0] for paths in held_out.values() for path in paths} == {"4", "5"}


@pytest.mark.shared
def test_the_selection_of_speech_clips_is_reproducible(shared: Path) -> None:
    clips = speech_clips(shared / "corpora")
    assert clips == speech_clips(shared / "corpora")
    assert len(set(clips)) == 250


def test_a_clip_with_speech_is_accepted() -> None:
    counts = count([ROOT / "examples/even.flac"])
    assert (counts["clips"], counts["heard"]) == (1, 1)
    assert 20 <= counts["active"] <= counts["frames"]
