"""Conformance of front ends, augmentations and perturbations."""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.golden.make_paper_front_ends import EVERY, FIRST, SIZE, START
from tests.golden.make_spectrograms import CASES, OFFSETS

from emotone.augment.base import AUGMENTATIONS, Augmentation, augment, reach
from emotone.augment.perturbation import PERTURBATIONS, Scene, chosen
from emotone.features.base import FEATURES, FaceTrack, Feature
from emotone.features.front_ends.audio_visual import AudioVisual
from emotone.features.front_ends.log_mel import VggishLogMel
from emotone.features.front_ends.mfcc_pitch import MfccPitch, WhisperMfccPitch
from emotone.features.windows import pads_end

if TYPE_CHECKING:
    from emotone.types import Array


# ----------------------------------------------------------------------------------------------------------------------
# Every front end: shapes, types, hop, unusual input, pieces, golden values.

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


# ----------------------------------------------------------------------------------------------------------------------
# Every augmentation: a random change of a copy, reproducible, finite for the shortest input.
#
# All get rows of log-mel-like values, or raw samples for augmentations of the waveform.

SHAPES = ((1, 64), (2, 64), (3, 1), (200, 64), (57, 20))
DRAWS = 25  # per augmentation: enough for changes that are not applied to every example


@pytest.fixture(params=AUGMENTATIONS.names)
def augmentation(request: pytest.FixtureRequest) -> Augmentation:
    return AUGMENTATIONS.get(request.param)()


@pytest.fixture
def features(augmentation: Augmentation, rng: np.random.Generator) -> Array:
    return rows_for(augmentation, rng, (200, 64))


def rows_for(augmentation: Augmentation, rng: np.random.Generator, shape: tuple[int, int]) -> Array:
    """Return rows with the dimension of the augmentation's front end."""
    if augmentation.front_ends == ("waveform",):
        return rng.normal(0, 0.1, (shape[0], 1)).astype(np.float32)
    return rng.normal(-9, 3, shape).astype(np.float32)


def drawn_for(augmentation: Augmentation, rng: np.random.Generator, features: Array) -> Any:
    return augmentation.draw(rng, (features.shape[0], features.shape[1]))


def equal(first: Any, second: Any) -> bool:
    """Compare drawn parameters of any kind."""
    if dataclasses.is_dataclass(first) and not isinstance(first, type):
        return type(first) is type(second) and all(
            equal(getattr(first, field.name), getattr(second, field.name)) for field in dataclasses.fields(first)
        )
    return bool(np.array_equal(first, second))


def test_there_are_augmentations() -> None:
    assert set(AUGMENTATIONS.names) >= {"equaliser", "noise-floor", "spec-mask", "warp"}


def test_it_is_a_frozen_spec_with_a_title(augmentation: Augmentation) -> None:
    assert dataclasses.is_dataclass(type(augmentation))
    assert augmentation == type(augmentation)()
    assert augmentation.title


def test_it_names_its_front_ends(augmentation: Augmentation) -> None:
    assert set(augmentation.front_ends) <= set(FEATURES.names)
    assert augmentation.front_ends
    assert augmentation.reach >= 1


@pytest.mark.parametrize("shape", SHAPES)
def test_shape_and_type_stay_and_values_are_finite(
    augmentation: Augmentation, rng: np.random.Generator, shape: tuple[int, int]
) -> None:
    for _ in range(DRAWS):
        features = rows_for(augmentation, rng, shape)
        changed = augmentation.apply(features, drawn_for(augmentation, rng, features))
        assert changed.shape[1] == features.shape[1]
        assert len(changed) >= round(len(features) / augmentation.reach)
        assert len(changed) == len(features) or augmentation.reach > 1
        assert changed.dtype == np.float32
        assert np.isfinite(changed).all()


def test_digital_silence_stays_finite(augmentation: Augmentation, rng: np.random.Generator) -> None:
    silence = np.full((30, 64), np.log(1e-10), np.float32)
    if augmentation.front_ends == ("waveform",):
        silence = np.zeros((3000, 1), np.float32)
    for _ in range(DRAWS):
        assert np.isfinite(augmentation.apply(silence, drawn_for(augmentation, rng, silence))).all()


def test_the_argument_is_not_changed_nor_returned(
    augmentation: Augmentation, rng: np.random.Generator, features: Array
) -> None:
    before = features.copy()
    features.flags.writeable = False
    for _ in range(DRAWS):
        changed = augmentation.apply(features, drawn_for(augmentation, rng, features))
        assert not np.shares_memory(changed, features)
    np.testing.assert_array_equal(features, before)


def test_equal_parameters_give_equal_output(
    augmentation: Augmentation, rng: np.random.Generator, features: Array
) -> None:
    drawn = drawn_for(augmentation, rng, features)
    np.testing.assert_array_equal(augmentation.apply(features, drawn), augmentation.apply(features, drawn))


def test_the_same_state_of_the_generator_gives_the_same_draw(augmentation: Augmentation) -> None:
    first, second = np.random.default_rng(5), np.random.default_rng(5)
    for _ in range(DRAWS):
        assert equal(augmentation.draw(first, (200, 64)), augmentation.draw(second, (200, 64)))
    assert first.bit_generator.state == second.bit_generator.state


def test_draws_differ_and_change_something(
    augmentation: Augmentation, rng: np.random.Generator, features: Array
) -> None:
    draws = [drawn_for(augmentation, rng, features) for _ in range(DRAWS)]
    assert not all(equal(drawn, draws[0]) for drawn in draws)
    results = [augmentation.apply(features, drawn) for drawn in draws]
    assert sum(not np.array_equal(changed, features) for changed in results) > DRAWS // 3


def test_drawing_uses_no_global_randomness(augmentation: Augmentation) -> None:
    np.random.seed(0)  # noqa: NPY002 - a state that must have no effect
    first = augmentation.draw(np.random.default_rng(5), (200, 64))
    np.random.seed(1)  # noqa: NPY002
    assert equal(first, augmentation.draw(np.random.default_rng(5), (200, 64)))


@pytest.mark.parametrize("front_end", ["log-mel", "waveform"])
def test_augmentations_are_applied_in_order(rng: np.random.Generator, front_end: str) -> None:
    every = [AUGMENTATIONS.get(name)() for name in AUGMENTATIONS.names]
    chain = tuple(augmentation for augmentation in every if front_end in augmentation.front_ends)
    features = rows_for(chain[0], rng, (200, 64))
    first = augment(features, chain, np.random.default_rng(3))
    expected, generator = features, np.random.default_rng(3)
    for augmentation in chain:
        expected = augmentation.apply(expected, drawn_for(augmentation, generator, expected))
    np.testing.assert_array_equal(first, expected)
    assert augment(features, (), rng) is features
    assert reach(chain) == np.prod([augmentation.reach for augmentation in chain])


# ----------------------------------------------------------------------------------------------------------------------
# Every setting of every perturbation: a finite copy, the same for the same seed, for any signal and rate.

RATE = 16000
SETTINGS = chosen()


def voice(rate: int = RATE, *, seconds: float = 0.3, seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(0, 0.1, round(seconds * rate)).astype(np.float32)


def scene(rate: int = RATE, *, seed: int = 1) -> Scene:
    return Scene(rate, np.random.default_rng(seed), tuple(voice(rate, seed=number) for number in (1, 2, 3)))


def test_names_are_unique_and_every_perturbation_has_settings() -> None:
    assert len(set(SETTINGS)) == len(SETTINGS) > 20
    assert {name for name, _ in SETTINGS} == set(PERTURBATIONS.names)


@pytest.mark.parametrize("name", PERTURBATIONS.names)
def test_it_has_a_title_and_bounds_of_its_settings(name: str) -> None:
    one = PERTURBATIONS.get(name)
    assert one.title[0].islower()
    assert all(0 < one.bound_of(setting) < 1 for setting in one.settings)
    assert set(one.bounds) <= set(one.settings)


@pytest.mark.parametrize(("name", "setting"), SETTINGS)
def test_a_changed_copy_that_depends_on_the_seed_only(name: str, setting: str) -> None:
    signal = voice()
    before = signal.copy()
    first, second = (PERTURBATIONS.get(name).apply(signal, setting, scene()) for _ in range(2))
    assert np.array_equal(signal, before)
    assert np.array_equal(first, second)
    assert first.dtype == np.float32
    assert first.ndim == 1
    assert not np.array_equal(first, signal)


@pytest.mark.parametrize(
    "signal",
    [np.zeros(4000, np.float32), np.full(1, 0.3, np.float32), np.full(3000, 0.5, np.float32), 3 * voice()],
    ids=["silence", "one sample", "constant", "above full scale"],
)
@pytest.mark.parametrize(("name", "setting"), SETTINGS)
def test_unusual_signals_stay_finite(name: str, setting: str, signal: Array) -> None:
    changed = PERTURBATIONS.get(name).apply(signal, setting, scene())
    assert len(changed)
    assert np.isfinite(changed).all()


@pytest.mark.parametrize("rate", [8000, 22050])
@pytest.mark.parametrize(("name", "setting"), [pair for pair in SETTINGS if pair[0] != "silence"])
def test_other_rates_keep_the_duration_and_the_rate(name: str, setting: str, rate: int) -> None:
    changed = PERTURBATIONS.get(name).apply(voice(rate), setting, scene(rate))
    longer = float(setting.removesuffix("s")) if name == "reverberation" else 0.0
    expected = 0.3 / float(setting) if name in {"speed", "tempo"} else 0.3 + longer
    assert len(changed) / rate == pytest.approx(expected, abs=0.1)  # encoders pad to whole blocks
