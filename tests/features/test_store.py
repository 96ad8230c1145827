"""The feature store: computed once per content, damaged entries recomputed, failures listed, workers equivalent."""

from __future__ import annotations

import dataclasses
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import soundfile

from emotone.errors import MissingFileError
from emotone.features.front_ends.log_mel import LogMel
from emotone.features.store import FeatureStore
from emotone.types import Array, Utterance


@dataclass(frozen=True)
class CountingLogMel(LogMel):
    """Log-mel that counts its computations."""

    calls: ClassVar[list[int]] = []

    def compute(self, signal: Array) -> Array:
        self.calls.append(len(signal))
        return super().compute(signal)


@pytest.fixture
def store(tmp_path: Path) -> FeatureStore:
    CountingLogMel.calls.clear()
    return FeatureStore("log-mel", CountingLogMel(), tmp_path / "store")


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    return noise(tmp_path / "a.wav", seed=1)


def noise(path: Path, *, seed: int, seconds: float = 0.3) -> Path:
    rng = np.random.default_rng(seed)
    soundfile.write(path, rng.normal(0, 0.1, round(16000 * seconds)), 16000)
    return path


def clip(path: Path, *, start: float = 0.0, end: float | None = None) -> Utterance:
    return Utterance(path.stem, "toy", path, start, end, "s", "s", "anger")


def entries(store: FeatureStore) -> list[Path]:
    assert store.folder is not None
    return sorted(store.folder.rglob("*.npy"))


def test_features_are_computed_once(store: FeatureStore, recording: Path) -> None:
    first = store.get(clip(recording))
    again = store.get(clip(recording))
    assert CountingLogMel.calls == [4800]
    assert first.dtype == again.dtype == np.float32
    np.testing.assert_array_equal(first, again)
    samples, _ = soundfile.read(recording, dtype="float32")
    np.testing.assert_array_equal(first, LogMel().compute(samples))


def test_a_copy_under_another_name_has_the_same_entry(store: FeatureStore, recording: Path, tmp_path: Path) -> None:
    store.get(clip(recording))
    (tmp_path / "elsewhere").mkdir()
    store.get(clip(Path(shutil.copy(recording, tmp_path / "elsewhere" / "b.wav"))))
    recording.rename(tmp_path / "c.wav")
    store.get(clip(tmp_path / "c.wav"))
    assert len(CountingLogMel.calls) == 1


def test_changed_content_is_computed_again(store: FeatureStore, recording: Path) -> None:
    before = store.get(clip(recording))
    noise(recording, seed=2)
    assert not np.array_equal(store.get(clip(recording)), before)
    assert len(CountingLogMel.calls) == 2


def test_another_part_is_another_entry(store: FeatureStore, recording: Path) -> None:
    store.get(clip(recording))
    store.get(clip(recording, start=0.1))
    store.get(clip(recording, start=0.1, end=0.2))
    store.get(clip(recording, start=0.1, end=0.2))
    assert CountingLogMel.calls == [4800, 3200, 1600]


def test_each_channel_and_the_mix_have_entries_of_their_own(store: FeatureStore, tmp_path: Path) -> None:
    stereo = np.random.default_rng(1).normal(0, 0.1, (4800, 2))
    soundfile.write(tmp_path / "stereo.wav", stereo, 16000, subtype="FLOAT")
    whole = clip(tmp_path / "stereo.wav")
    first, second, mix = (store.get(dataclasses.replace(whole, channel=channel)) for channel in (0, 1, None))
    assert len(CountingLogMel.calls) == len(entries(store)) == 3
    for features, signal in ((first, stereo[:, 0]), (second, stereo[:, 1]), (mix, stereo.mean(axis=1))):
        np.testing.assert_allclose(features, LogMel().compute(signal.astype(np.float32)), atol=1e-5)
    np.testing.assert_array_equal(store.get(dataclasses.replace(whole, channel=1)), second)
    assert len(CountingLogMel.calls) == 3


def test_a_channel_that_does_not_exist_is_a_problem(store: FeatureStore, recording: Path) -> None:
    (problem,) = store.extract([dataclasses.replace(clip(recording), channel=1)]).problems
    assert problem.code == "channel"
    assert "channel 1" in problem.message


def test_other_settings_are_other_entries(store: FeatureStore, recording: Path) -> None:
    assert store.get(clip(recording)).shape[1] == 64
    fewer = dataclasses.replace(store, spec=CountingLogMel(bands=20))
    assert fewer.get(clip(recording)).shape[1] == 20
    assert len(CountingLogMel.calls) == 2


@pytest.mark.parametrize("damage", [b"", b"junk", b"\x93NUMPY\x01\x00", None])
def test_a_damaged_entry_is_computed_again(store: FeatureStore, recording: Path, damage: bytes | None) -> None:
    expected = store.get(clip(recording))
    (entry,) = entries(store)
    entry.write_bytes(entry.read_bytes()[:-50] if damage is None else damage)
    np.testing.assert_array_equal(store.get(clip(recording)), expected)
    assert len(CountingLogMel.calls) == 2
    np.testing.assert_array_equal(np.load(entry), expected)


def test_no_pickle_is_ever_loaded(store: FeatureStore, recording: Path) -> None:
    expected = store.get(clip(recording))
    (entry,) = entries(store)
    np.save(entry, np.array([{"anything": 1}], dtype=object), allow_pickle=True)
    np.testing.assert_array_equal(store.get(clip(recording)), expected)


def test_without_a_folder_entries_are_in_the_cache(
    recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMOTONE_CACHE", str(tmp_path / "cache"))
    FeatureStore("log-mel", LogMel()).get(clip(recording))
    (entry,) = (tmp_path / "cache" / "features").rglob("*.npy")
    assert entry.parent.parent.name.startswith("log-mel-")


def test_a_missing_recording_is_an_error(store: FeatureStore, tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"gone.wav: can't be read: No such file"):
        store.get(clip(tmp_path / "gone.wav"))


def test_failures_are_listed_and_do_not_stop_the_others(store: FeatureStore, recording: Path, tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("no sound at all, just some words that are long enough")
    (tmp_path / "empty.wav").touch()
    bad = [clip(tmp_path / name) for name in ("text.wav", "gone.wav", "empty.wav")]
    done: list[int] = []
    extracted = store.extract([bad[0], clip(recording), *bad[1:]], progress=done.append)
    assert list(extracted.features) == ["toy/a"]
    assert [(problem.key, problem.code) for problem in extracted.problems] == [
        ("toy/text", "not_audio"),
        ("toy/gone", "missing_file"),
        ("toy/empty", "empty"),
    ]
    assert all(str(tmp_path) in problem.message for problem in extracted.problems)
    assert sum(done) == 4


def test_no_utterances_give_no_features(store: FeatureStore) -> None:
    extracted = store.extract([])
    assert (extracted.features, extracted.problems) == ({}, ())


def test_two_workers_agree_with_one(tmp_path: Path) -> None:
    clips = [clip(noise(tmp_path / f"{number:02d}.wav", seed=number)) for number in range(20)]
    clips.insert(3, clip(tmp_path / "gone.wav"))
    done: list[int] = []
    alone = FeatureStore("log-mel", LogMel(), tmp_path / "one").extract(clips)
    shared = FeatureStore("log-mel", LogMel(), tmp_path / "two").extract(clips, workers=2, progress=done.append)
    assert alone.problems == shared.problems
    assert list(alone.features) == list(shared.features)
    for key, rows in alone.features.items():
        np.testing.assert_array_equal(rows, shared.features[key])
    assert done == [16, 5]
