"""Augmentations: what each changes, what it leaves alone, and how often."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from emotone.augment.augmentations.log_mel import Equaliser, MaskRanges, NoiseFloor, SpecMask, Warp, WarpParameters
from emotone.augment.augmentations.tempo import Ninefold, TempoGain, TempoGainParameters, Variant
from emotone.augment.augmentations.waveform import TempoPitch, TempoPitchParameters, WhiteNoise, WhiteNoiseParameters
from emotone.errors import ConfigError
from emotone.features.front_ends.mfcc_pitch import WhisperMfccPitch
from emotone.features.front_ends.spectrograms import TwoChannelSpectrogram
from emotone.recipes.library import load_net_recipe

if TYPE_CHECKING:
    from emotone.types import Array


# ----------------------------------------------------------------------------------------------------------------------
# Equaliser: the gains that it adds, and their distribution.


def test_every_frame_gets_the_same_gains(rng: np.random.Generator) -> None:
    features = rng.normal(-9, 3, (40, 64)).astype(np.float32)
    gains = Equaliser().draw(rng, (40, 64))
    assert gains.shape == (64,)
    np.testing.assert_allclose(Equaliser().apply(features, gains) - features, np.tile(gains, (40, 1)), atol=1e-5)


def test_gains_are_straight_between_the_points(rng: np.random.Generator) -> None:
    gains = Equaliser(points=4).draw(rng, (10, 61))  # points at bands 0, 20, 40, 60
    bends = np.flatnonzero(np.abs(np.diff(gains, 2)) > 1e-5) + 1
    assert bends.tolist() == [20, 40]


def test_gains_have_the_deviation_that_was_asked_for(rng: np.random.Generator) -> None:
    first = [float(Equaliser(decibels=6.0).draw(rng, (1, 64))[0]) for _ in range(2000)]
    assert np.std(first) * 10 / np.log(10) == pytest.approx(6.0, rel=0.1)
    assert np.mean(first) == pytest.approx(0.0, abs=0.1)


# ----------------------------------------------------------------------------------------------------------------------
# Noise floor: level, frequency and spectral tilt of the noise.


def test_noise_has_the_configured_power(rng: np.random.Generator) -> None:
    spec = NoiseFloor(snr_low=10.0, snr_high=10.0, tilt=0.0, probability=1.0)
    features = rng.normal(-9, 1, (300, 64)).astype(np.float32)
    powers = [np.exp(spec.apply(features, spec.draw(rng, (300, 64)))) - np.exp(features) for _ in range(10)]
    assert np.mean(powers) / np.exp(features).mean() == pytest.approx(0.1, rel=0.02)


def test_power_is_only_ever_added(rng: np.random.Generator) -> None:
    features = rng.normal(-9, 3, (50, 64)).astype(np.float32)
    spec = NoiseFloor(probability=1.0)
    assert (spec.apply(features, spec.draw(rng, (50, 64))) >= features).all()


def test_it_happens_as_often_as_was_asked_for(rng: np.random.Generator) -> None:
    spec = NoiseFloor(probability=0.3)
    happened = [spec.draw(rng, (2, 2)) is not None for _ in range(2000)]
    assert np.mean(happened) == pytest.approx(0.3, abs=0.04)


def test_no_noise_is_a_plain_copy(rng: np.random.Generator) -> None:
    features = rng.normal(-9, 3, (50, 64)).astype(np.float32)
    spec = NoiseFloor(probability=0.0)
    np.testing.assert_array_equal(spec.apply(features, spec.draw(rng, (50, 64))), features)


def test_the_tilt_turns_around_the_middle_band(rng: np.random.Generator) -> None:
    drawn = NoiseFloor(snr_low=20.0, snr_high=20.0, tilt=10.0, probability=1.0).draw(rng, (5, 65))
    assert drawn is not None
    assert drawn.level[32] == pytest.approx(-2 * np.log(10), abs=1e-5)
    np.testing.assert_allclose(np.diff(drawn.level, 2), 0.0, atol=1e-5)


# ----------------------------------------------------------------------------------------------------------------------
# Masks: positions, lengths and values.


def test_masked_cells_take_the_mean_and_the_others_stay(rng: np.random.Generator) -> None:
    features = rng.normal(-9, 3, (20, 10)).astype(np.float32)
    masked = SpecMask().apply(features, MaskRanges(times=((2, 5),), bands=((0, 1), (8, 10))))
    hidden = np.zeros((20, 10), bool)
    hidden[2:5] = True
    hidden[:, [0, 8, 9]] = True
    np.testing.assert_array_equal(masked[hidden], np.full(hidden.sum(), features.mean()))
    np.testing.assert_array_equal(masked[~hidden], features[~hidden])


def test_masks_fit_and_reach_their_longest(rng: np.random.Generator) -> None:
    spec = SpecMask(times=3, time_share=0.2, bands=1, band_share=0.5)
    drawn = [spec.draw(rng, (50, 8)) for _ in range(300)]
    times = [stretch for masks in drawn for stretch in masks.times]
    bands = [stretch for masks in drawn for stretch in masks.bands]
    assert len(times) == 900
    assert len(bands) == 300
    assert all(0 <= first <= end <= 50 for first, end in times)
    assert all(0 <= first <= end <= 8 for first, end in bands)
    assert {end - first for first, end in times} == set(range(11))
    assert {end - first for first, end in bands} == set(range(5))
    assert {min(first for first, _ in times), max(end for _, end in times)} == {0, 50}


def test_no_masks_change_nothing(rng: np.random.Generator) -> None:
    features = rng.normal(-9, 3, (20, 10)).astype(np.float32)
    spec = SpecMask(times=0, bands=0)
    np.testing.assert_array_equal(spec.apply(features, spec.draw(rng, (20, 10))), features)


# ----------------------------------------------------------------------------------------------------------------------
# White noise: its level is a random share of the peak.


def test_the_deviation_is_the_share_of_the_largest_amplitude(rng: np.random.Generator) -> None:
    signal = np.zeros((100_000, 1), np.float32)
    signal[7] = -0.8
    drawn = WhiteNoise().draw(rng, (100_000, 1))
    added = WhiteNoise().apply(signal, drawn) - signal
    assert np.std(added) == pytest.approx(drawn.share * 0.8, rel=0.02)
    assert np.mean(added) == pytest.approx(0, abs=1e-4)


def test_shares_are_uniform_from_nothing_to_the_greatest(rng: np.random.Generator) -> None:
    shares = [WhiteNoise().draw(rng, (1, 1)).share for _ in range(2000)]
    assert min(shares) >= 0
    assert max(shares) <= 0.005
    np.testing.assert_allclose(np.quantile(shares, (0.25, 0.5, 0.75)), (0.00125, 0.0025, 0.00375), atol=2e-4)


def test_silence_stays_silence() -> None:
    silence = np.zeros((4, 1), np.float32)
    np.testing.assert_array_equal(
        WhiteNoise().apply(silence, WhiteNoiseParameters(0.005, np.ones((4, 1), np.float32))), silence
    )


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_a_share_out_of_range_is_refused(share: float) -> None:
    with pytest.raises(ConfigError, match=f"white-noise needs a share from 0 to 1; given {share:g}"):
        WhiteNoise(share=share)


# ----------------------------------------------------------------------------------------------------------------------
# Warps: against ramps, whose warped values are known, and a slow twin.


def slow(features: Array, factors: WarpParameters) -> Array:
    """Interpolate cell by cell, first over time, then over bands."""
    time, bands = features.shape
    middle = (time - 1) / 2
    when = [middle + (row - middle) * factors.tempo for row in range(time)]
    stretched = np.array([[np.interp(at, range(time), features[:, band]) for band in range(bands)] for at in when])
    where = [band - factors.shift for band in range(bands)]
    return np.array([np.interp(where, range(bands), row) for row in stretched], np.float32)


@pytest.mark.parametrize(
    "factors", [WarpParameters(1.1, 2.5), WarpParameters(0.9, -3.0), WarpParameters(1.0, 0.4), WarpParameters(1.3, 0.0)]
)
def test_it_agrees_with_interpolation_cell_by_cell(factors: WarpParameters, rng: np.random.Generator) -> None:
    features = rng.normal(-9, 3, (17, 12)).astype(np.float32)
    np.testing.assert_allclose(Warp().apply(features, factors), slow(features, factors), atol=1e-4)


def test_neutral_factors_change_nothing(rng: np.random.Generator) -> None:
    features = rng.normal(-9, 3, (17, 12)).astype(np.float32)
    np.testing.assert_array_equal(Warp().apply(features, WarpParameters(1.0, 0.0)), features)


def test_a_whole_shift_moves_bands_up_and_repeats_the_edge() -> None:
    features = np.tile(np.arange(6, dtype=np.float32), (3, 1))
    assert Warp().apply(features, WarpParameters(1.0, 2.0))[0].tolist() == [0, 0, 0, 1, 2, 3]
    assert Warp().apply(features, WarpParameters(1.0, -2.0))[0].tolist() == [2, 3, 4, 5, 5, 5]


def test_a_faster_tempo_makes_ramps_steeper_around_the_middle() -> None:
    ramp = np.arange(101, dtype=np.float32)[:, None]
    warped = Warp().apply(ramp, WarpParameters(2.0, 0.0))[:, 0]
    assert warped[50] == pytest.approx(50.0)
    np.testing.assert_allclose(np.diff(warped)[30:70], 2.0, atol=1e-4)
    assert (warped[0], warped[-1]) == (0.0, 100.0)


def test_factors_stay_in_their_ranges(rng: np.random.Generator) -> None:
    drawn = [Warp(tempo=0.2, bands=4.0).draw(rng, (10, 10)) for _ in range(500)]
    tempos, shifts = [factors.tempo for factors in drawn], [factors.shift for factors in drawn]
    assert 0.8 <= min(tempos) < 0.82
    assert 1.18 < max(tempos) <= 1.2
    assert -4.0 <= min(shifts) < -3.8
    assert 3.8 < max(shifts) <= 4.0


# ----------------------------------------------------------------------------------------------------------------------
# Tempo and gain of rows: their number, interpolated values, and the columns that a gain changes.


def ramp(rows: int, dimension: int) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    return np.repeat(np.arange(rows, dtype=np.float32)[:, None], dimension, axis=1)


@pytest.mark.parametrize(("tempo", "rows"), [(1.0, 100), (1.25, 80), (0.8, 125)])
def test_a_ramp_stays_a_ramp_of_another_slope(tempo: float, rows: int) -> None:
    changed = TempoGain().apply(ramp(100, 3), TempoGainParameters(tempo, 0.0))
    assert changed.shape == (rows, 3)
    inner = changed[1:-1, 0]
    np.testing.assert_allclose(np.diff(inner), 100 / rows, rtol=1e-4)


def test_the_pitch_is_that_of_a_row() -> None:
    features = ramp(50, 14)
    features[:, -1] = np.where(np.arange(50) % 2, 1.5, 0.0)
    changed = TempoGain().apply(features, TempoGainParameters(0.9, 0.0))
    assert set(changed[:, -1].tolist()) == {0.0, 1.5}


def test_a_gain_changes_rows_as_a_louder_signal_does(rng: np.random.Generator) -> None:
    signal = rng.normal(0, 0.05, 8000).astype(np.float32)
    rows, louder = (WhisperMfccPitch().compute(factor * signal) for factor in (np.float32(1), np.float32(2)))
    changed = TempoGain().apply(rows, TempoGainParameters(1.0, 20 * math.log10(2)))
    np.testing.assert_allclose(changed[:-1], louder[:-1], atol=1e-3)  # the last cepstra are those of silence


@pytest.mark.parametrize(("dimension", "change"), [(80, -0.3), (161, -0.3 * math.log(10))])
def test_rows_of_levels_get_the_gain_in_every_column(dimension: int, change: float) -> None:
    changed = TempoGain().apply(ramp(4, dimension), TempoGainParameters(1.0, -3.0))
    np.testing.assert_allclose(changed - ramp(4, dimension), change, atol=1e-6)


def test_drawn_values_are_in_the_ranges() -> None:
    spec, rng = TempoGain(), np.random.default_rng(0)
    drawn = [spec.draw(rng, (100, 14)) for _ in range(300)]
    assert 0.85 <= min(one.tempo for one in drawn) < 0.87
    assert 1.13 < max(one.tempo for one in drawn) <= 1.15
    assert -3 <= min(one.decibels for one in drawn) < -2.8
    assert 5.8 < max(one.decibels for one in drawn) <= 6


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"tempo-gain needs 0.5 <= slowest <= fastest <= 2; given 1.2 and 1.1"):
        TempoGain(slowest=1.2, fastest=1.1)
    with pytest.raises(ConfigError, match=r"-60 <= quietest <= loudest <= 60 decibels; given 3 and -3"):
        TempoGain(quietest=3, loudest=-3)


# ----------------------------------------------------------------------------------------------------------------------
# Tempo and pitch: a tone gets the frequency and length of the formula, and keeps its level.

RATE = 16000


def tone(frequency: float, *, seconds: float = 1.32) -> Array:
    time = np.arange(round(seconds * RATE)) / RATE
    return (0.3 * np.sin(2 * np.pi * frequency * time)).astype(np.float32)[:, None]


def peak(signal: Array) -> float:
    """Return the frequency with the most power, to 0.03 Hz."""
    size = 1 << 19
    return float(np.argmax(np.abs(np.fft.rfft(signal[:, 0] * np.hanning(len(signal)), size))) * RATE / size)


@pytest.mark.parametrize("tempo", [0.9, 1.0, 1.07, 1.1])
@pytest.mark.parametrize("pitch", [-5, -1, 0, 4, 5])
def test_a_tone_lands_where_it_should_lasts_as_long_and_stays_as_loud(tempo: float, pitch: int) -> None:
    before = tone(440)
    after = TempoPitch().apply(before, TempoPitchParameters(tempo, pitch))
    assert peak(after) == pytest.approx(440 * 2 ** (50 * pitch / 1200), rel=3e-4)
    assert len(after) == round(len(before) / tempo)
    assert np.sqrt(np.mean(after**2)) == pytest.approx(np.sqrt(np.mean(before**2)), rel=2e-3)
    assert np.abs(after).max() < 0.31  # no clicks
    pieces = after[: len(after) // 100 * 100, 0].reshape(-1, 100)
    assert np.abs(pieces).max(axis=1).min() > 0.2  # no holes, up to the end


def test_four_quarter_tones_are_two_semitones() -> None:
    assert peak(TempoPitch().apply(tone(440), TempoPitchParameters(1.0, 4))) == pytest.approx(
        440 * 2 ** (200 / 1200), rel=3e-4
    )


def test_harmonics_stay_harmonics() -> None:
    """Twice the pulses of a voice in the same time, at tempo 1 and an octave up: no other lines appear."""
    time = np.arange(2 * RATE) / RATE
    voice = np.sum([np.sin(2 * np.pi * 120 * order * time) / order for order in range(1, 20)], axis=0)
    after = TempoPitch(quarter_tones=24).apply(voice.astype(np.float32)[:, None], TempoPitchParameters(0.95, 3))
    power = np.abs(np.fft.rfft(after[:, 0] * np.hanning(len(after)))) ** 2
    where = np.fft.rfftfreq(len(after), 1 / RATE)
    base = 120 * 2 ** (3 / 24)
    near = np.abs(where / base - np.round(where / base)) < 0.08
    assert power[near].sum() / power.sum() > 0.99


def test_nothing_drawn_changes_nothing(rng: np.random.Generator) -> None:
    signal = rng.normal(0, 0.1, (21120, 1)).astype(np.float32)
    np.testing.assert_allclose(TempoPitch().apply(signal, TempoPitchParameters(1.0, 0)), signal, atol=1e-6)


def test_draws_are_whole_quarter_tones_each_as_likely_and_uniform_tempi(rng: np.random.Generator) -> None:
    draws = [TempoPitch().draw(rng, (1, 1)) for _ in range(5500)]
    counts = Counter(drawn.pitch for drawn in draws)
    assert sorted(counts) == list(range(-5, 6))
    assert min(counts.values()) > 400
    tempi = [drawn.tempo for drawn in draws]
    assert 0.9 <= min(tempi) < max(tempi) <= 1.1
    np.testing.assert_allclose(np.quantile(tempi, (0.25, 0.5, 0.75)), (0.95, 1.0, 1.05), atol=0.01)


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        ({"slowest": 0.4}, "0.5 <= slowest <= fastest <= 2; given 0.4 and 1.1"),
        ({"slowest": 1.2}, "slowest <= fastest <= 2; given 1.2 and 1.1"),
        ({"fastest": 2.5}, "given 0.9 and 2.5"),
        ({"quarter_tones": -1}, "0 <= quarter_tones <= 24; given -1"),
        ({"quarter_tones": 25}, "0 <= quarter_tones <= 24; given 25"),
    ],
)
def test_ranges_are_said(given_: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        TempoPitch(**given_)


# ----------------------------------------------------------------------------------------------------------------------
# Ninefold: variants of tempo and pitch, of ramps and peaks whose places are known.


def test_there_are_nine_variants_and_all_are_equally_likely(rng: np.random.Generator) -> None:
    drawn = [Ninefold().draw(rng, (64, 128)) for _ in range(900)]
    counts = {variant: drawn.count(variant) for variant in set(drawn)}
    assert len(counts) == 9
    assert min(counts.values()) > 60
    assert Variant(1.0, 1.0) in counts


def test_unchanged_rows_are_those_given(rng: np.random.Generator) -> None:
    rows = rng.normal(size=(50, 128)).astype(np.float32)
    np.testing.assert_allclose(Ninefold().apply(rows, Variant(1.0, 1.0)), rows, atol=1e-5)


def test_a_faster_ramp_is_steeper() -> None:
    rows = np.repeat(np.arange(88, dtype=np.float32)[:, None], 128, axis=1)
    changed = Ninefold().apply(rows, Variant(1.1, 1.0))
    assert len(changed) == 80
    np.testing.assert_allclose(changed[:, 3], 1.1 * np.arange(80), atol=1e-4)


@pytest.mark.parametrize("semitones", [-2.0, 2.0])
def test_a_tone_moves_by_semitones(semitones: float) -> None:
    def tone(hertz: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        time = np.arange(16000) / 16000
        return TwoChannelSpectrogram().compute(np.sin(2 * np.pi * hertz * time).astype(np.float32))

    factor = 2 ** (semitones / 12)
    changed = Ninefold().apply(tone(1000.0), Variant(1.0, factor))[30]
    assert abs(int(changed[:64].argmax()) - int(tone(1000.0 * factor)[30, :64].argmax())) <= 1
    assert abs(int(changed[64:].argmax()) - int(tone(1000.0 * factor)[30, 64:].argmax())) <= 2


def test_r7_is_r1_with_nine_variants() -> None:
    r1, r7 = load_net_recipe("spectrogram-r1"), load_net_recipe("spectrogram-r7")
    assert r7.net_spec == r1.net_spec
    assert [type(augmentation) for augmentation in r7.augmentations] == [Ninefold]


def test_numbers_out_of_range_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"0 <= tempo <= 1 and 0 <= semitones <= 12; given 2 and 1"):
        Ninefold(tempo=2, semitones=1)
