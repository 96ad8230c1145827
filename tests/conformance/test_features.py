"""Every front end: shapes, types, hop, unusual input, pieces, golden values."""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.golden.make_paper_front_ends import EVERY, FIRST, SIZE, START
from tests.golden.make_spectrograms import CASES, OFFSETS

from emotone.features.base import FEATURES, FaceTrack, Feature
from emotone.features.front_ends.audio_visual import AudioVisual
from emotone.features.front_ends.log_mel import VggishLogMel
from emotone.features.front_ends.mfcc_pitch import MfccPitch, WhisperMfccPitch
from emotone.features.windows import pads_end

GOLDEN = tuple((Path(__file__).resolve().parent.parent / "golden").glob("*.npz"))
GOLDEN_TOLERANCE = {
    "waveform": 0.0,
    "mn-log-mel": 1e-4,
    "whisper-log-mel": 2e-4,
    "two-channel-spectrogram": 1e-3,
    "hand-built": 2e-3,
    "mfcc-pitch": 1e-3,
    "power-spectrogram": 1e-3,
    "recogniser-spectrogram": 1e-5,
    "whisper-mfcc-pitch": 1e-3,
}
CENTRED = (MfccPitch, WhisperMfccPitch)  # most values of a row are those of a part of its window


@pytest.fixture(params=FEATURES.names)
def feature(request: pytest.FixtureRequest) -> Feature:
    return FEATURES.get(request.param)()


def signals(rate: int) -> dict[str, np.ndarray[tuple[int], np.dtype[np.float32]]]:
    rng = np.random.default_rng(1)
    return {
        "silence": np.zeros(rate, np.float32),
        "constant": np.full(rate, 0.5, np.float32),
        "full scale": np.ones(rate, np.float32),
        "square at full scale": np.sign(np.sin(np.arange(rate) * 0.1)).astype(np.float32),
        "one sample": np.array([0.3], np.float32),
        "nothing": np.zeros(0, np.float32),
        "0.2 s": rng.normal(0, 0.1, rate // 5).astype(np.float32),
        "noise": rng.normal(0, 0.1, rate).astype(np.float32),
        "far above full scale": (1e4 * rng.normal(0, 1, rate)).astype(np.float32),
        "denormal": np.full(rate, 1e-40, np.float32),
    }


SIGNALS = tuple(signals(16000))


def test_there_are_front_ends() -> None:
    assert {"log-mel", "vggish-log-mel", "waveform"} <= set(FEATURES.names)


def test_it_is_a_frozen_spec(feature: Any) -> None:
    assert isinstance(feature, Feature)
    assert dataclasses.is_dataclass(type(feature))
    assert feature == type(feature)()
    assert hash(feature) == hash(type(feature)())
    with pytest.raises(dataclasses.FrozenInstanceError):
        feature.rate = 8000  # type: ignore[misc]


def test_hop_in_seconds_follows_from_hop_and_rate(feature: Feature) -> None:
    assert feature.hop_seconds == pytest.approx(feature.hop / feature.rate)
    assert 0 < feature.hop <= feature.window


@pytest.mark.parametrize("name", SIGNALS)
def test_every_signal_gives_finite_float32_rows(feature: Feature, name: str) -> None:
    signal = signals(feature.rate)[name]
    rows = feature.compute(signal)
    assert rows.shape == (feature.frames(len(signal)), feature.dimension)
    assert rows.dtype == np.float32
    assert np.isfinite(rows).all()


@pytest.mark.parametrize("extra", [-1, 0, 1])
def test_there_is_a_row_for_each_complete_hop(feature: Feature, extra: int) -> None:
    samples = feature.window + 3 * feature.hop + extra
    if pads_end(feature):
        assert feature.frames(0) == feature.frames(1) == feature.frames(feature.hop) == 1
        assert feature.frames(samples) == -(-samples // feature.hop)
    else:
        assert feature.frames(0) == feature.frames(1) == feature.frames(feature.window) == 1
        assert feature.frames(samples) == 4 + extra // feature.hop
    assert len(feature.compute(np.zeros(samples, np.float32))) == feature.frames(samples)


def test_a_signal_shorter_than_a_window_is_padded_with_zeros(feature: Feature) -> None:
    missing = min(7, feature.window - 1)  # a row of one sample has nothing to pad
    short = signals(feature.rate)["noise"][: feature.window - missing]
    padded = np.concatenate([short, np.zeros(missing, np.float32)])
    np.testing.assert_array_equal(feature.compute(short), feature.compute(padded)[: feature.frames(len(short))])


def test_the_argument_is_not_changed(feature: Feature) -> None:
    signal = signals(feature.rate)["noise"]
    before = signal.copy()
    signal.flags.writeable = False
    feature.compute(signal)
    np.testing.assert_array_equal(signal, before)


@pytest.mark.parametrize("rows_per_piece", [1, 7, 512, 600])
def test_pieces_give_the_rows_of_the_whole(feature: Feature, rows_per_piece: int, rng: np.random.Generator) -> None:
    signal = rng.normal(0, 0.1, 11 * feature.rate + 123).astype(np.float32)
    whole = feature.compute(signal)
    pieces = []
    step = rows_per_piece * feature.hop
    for start in range(0, feature.frames(len(signal)) * feature.hop, step):
        end = min(start + step - feature.hop + feature.window, len(signal))
        pieces.append(feature.compute(signal[start:end])[:rows_per_piece])
    np.testing.assert_allclose(np.concatenate(pieces), whole, atol=1e-5)


def test_a_row_depends_on_its_own_window_only(feature: Feature, rng: np.random.Generator) -> None:
    signal = rng.normal(0, 0.1, feature.window + 20 * feature.hop).astype(np.float32)
    changed = signal.copy()
    changed[: 9 * feature.hop] = 0.0
    changed[9 * feature.hop + feature.window :] = 0.0
    difference = np.abs(feature.compute(changed) - feature.compute(signal)).max(axis=1)
    assert difference[9] < 1e-5
    if not isinstance(feature, CENTRED):
        assert difference[8] > 0.01
        assert difference[10] > 0.01


@functools.cache
def golden(name: str, case: str) -> Any:
    """Return one array of the golden values of a front end: its signal, or rows."""
    for file in GOLDEN:
        with np.load(file, allow_pickle=False) as arrays:
            if f"{name}/{case}" in arrays:
                return arrays[f"{name}/{case}"]
    raise LookupError(f"there are no golden values {name}/{case}")


@pytest.mark.parametrize("name", FEATURES.names)
def test_golden_values_exist(name: str) -> None:
    assert golden(name, "signal").ndim == 1
    assert golden(name, "default").ndim == 2


@pytest.mark.parametrize("case", CASES)
def test_log_mel_agrees_with_its_golden_values(case: str) -> None:
    spec = FEATURES.get("log-mel")(**dataclasses.asdict(CASES[case]))
    # Single precision at 120 dB below the loudest band, in natural logarithm.
    np.testing.assert_allclose(spec.compute(golden("log-mel", "signal")), golden("log-mel", case), atol=1e-3)


@pytest.mark.parametrize(("case", "offset"), OFFSETS.items())
def test_vggish_log_mel_agrees_with_its_golden_values(case: str, offset: float) -> None:
    rows = VggishLogMel(offset=offset).compute(golden("vggish-log-mel", "signal"))
    np.testing.assert_allclose(rows, golden("vggish-log-mel", case), atol=5e-5)


@pytest.mark.parametrize(("name", "tolerance"), GOLDEN_TOLERANCE.items())
def test_other_front_ends_agree_with_their_golden_values(name: str, tolerance: float) -> None:
    rows = FEATURES.get(name)().compute(golden(name, "signal"))
    np.testing.assert_allclose(rows, golden(name, "default"), rtol=1e-7 if tolerance else 0, atol=tolerance)


def test_the_audio_visual_front_end_agrees_with_its_golden_values() -> None:
    faces = golden("audio-visual", "faces").astype(np.float32)
    feature = AudioVisual(size=SIZE)
    sound = feature.compute(golden("audio-visual", "signal"))
    rows = feature.with_faces(sound, FaceTrack(faces, EVERY), start=START, first=FIRST)
    np.testing.assert_allclose(rows, golden("audio-visual", "default"), atol=1e-3)


def test_golden_default_is_the_default() -> None:
    assert dataclasses.asdict(FEATURES.get("log-mel")()) == dataclasses.asdict(CASES["default"])  # type: ignore[call-overload]
