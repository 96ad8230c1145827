"""Windows of features, and where features are stored."""

from __future__ import annotations

import dataclasses
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from emotone.errors import MissingFileError
from emotone.features.front_ends.log_mel import LogMel
from emotone.features.store import FeatureStore
from emotone.features.windows import has_speech, window_starts
from emotone.types import Array, Utterance

# ----------------------------------------------------------------------------------------------------------------------
# The frames of each window: against a slow loop, and properties for any length.


def slow(frames: int, window: int, hop: int) -> list[int]:
    if frames <= window:
        return [0]
    starts = [0]
    while starts[-1] + hop + window <= frames:
        starts.append(starts[-1] + hop)
    if starts[-1] + window != frames:
        starts.append(frames - window)
    return starts


@pytest.mark.parametrize(
    ("frames", "expected"),
    [(1, [0]), (297, [0]), (298, [0]), (299, [0, 1]), (398, [0, 100]), (399, [0, 100, 101]), (498, [0, 100, 200])],
)
def test_windows_of_three_seconds_every_second(frames: int, expected: list[int]) -> None:
    assert window_starts(frames, window=298, hop=100).tolist() == expected


@given(frames=st.integers(1, 400), window=st.integers(1, 60), share=st.floats(0.01, 1.0))
def test_windows_agree_with_the_slow_twin_and_cover_every_frame(frames: int, window: int, share: float) -> None:
    hop = max(1, int(share * window))
    starts = window_starts(frames, window=window, hop=hop).tolist()
    assert starts == slow(frames, window, hop)
    assert len(set(starts)) == len(starts)
    covered = {frame for start in starts for frame in range(start, min(start + window, frames))}
    assert covered == set(range(frames))


@pytest.mark.parametrize(("window", "hop"), [(10, 0), (10, 11), (10, -1)])
def test_a_hop_that_skips_frames_is_refused(window: int, hop: int) -> None:
    with pytest.raises(ValueError, match=rf"0 < hop <= window .*given hop={hop}, window={window}, min_frames=0"):
        window_starts(100, window=window, hop=hop)


def slow_with_minimum(frames: int, window: int, hop: int, min_frames: int) -> list[int]:
    starts, start = [], 0
    while len(range(start, min(start + window, frames))) >= min_frames:
        starts.append(start)
        start += hop
    return starts


@given(frames=st.integers(1, 400), window=st.integers(1, 60), hop=st.floats(0.01, 1.0), share=st.floats(0.01, 1.0))
def test_windows_with_a_minimum_agree_with_the_slow_twin_and_do_not_depend_on_the_end(
    frames: int, window: int, hop: float, share: float
) -> None:
    given_hop, min_frames = max(1, int(hop * window)), max(1, int(share * window))
    starts = window_starts(frames, window=window, hop=given_hop, min_frames=min_frames).tolist()
    assert starts == slow_with_minimum(frames, window, given_hop, min_frames)
    longer = window_starts(frames + 37, window=window, hop=given_hop, min_frames=min_frames).tolist()
    assert longer[: len(starts)] == starts


@pytest.mark.parametrize(
    ("seconds", "starts"),
    [
        (0.1, []),
        (0.99, []),
        (1.0, [0.0]),
        (1.2, [0.0]),
        (1.59, [0.0]),
        (1.6, [0.0, 0.6]),
        (2.5, [0.0, 0.6, 1.2]),
        (3.0, [0.0, 0.6, 1.2, 1.8]),
    ],
)
def test_a_window_of_the_anger_paper_has_a_second_of_sound(seconds: float, starts: list[float]) -> None:
    found = window_starts(round(seconds * 16000), window=19200, hop=9600, min_frames=16000)
    assert found.tolist() == [round(start * 16000) for start in starts]


@pytest.mark.parametrize("min_frames", [-1, 19201])
def test_a_minimum_above_the_window_is_refused(min_frames: int) -> None:
    with pytest.raises(ValueError, match=rf"min_frames <= window; .*min_frames={min_frames}"):
        window_starts(48000, window=19200, hop=9600, min_frames=min_frames)


@pytest.mark.parametrize(
    ("active", "frames", "first", "expected"),
    [
        (20, 100, False, True),
        (19, 100, False, False),
        (19, 100, True, False),
        (20, 59, False, True),
        (19, 59, True, False),
        (20, 59, True, True),
        (1, 3, True, True),
        (1, 4, True, False),
        (1, 3, False, False),
    ],
)
def test_a_window_has_speech_from_0_2_s_of_activity(active: int, frames: int, first: bool, expected: bool) -> None:
    assert has_speech(np.arange(frames) < active, whole=100, first=first) is expected


def test_a_short_window_is_not_a_short_recording() -> None:
    assert not has_speech(np.arange(40) < 19, whole=40, first=True)
    assert has_speech(np.arange(39) < 13, whole=40, first=True)


# ----------------------------------------------------------------------------------------------------------------------
# The feature store: computed once per content, damaged entries recomputed, failures listed, workers equivalent.


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
