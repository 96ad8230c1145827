"""Ninefold: variants of tempo and pitch, of ramps and peaks whose places are known."""

from __future__ import annotations

import numpy as np
import pytest

from emotone.augment.augmentations.ninefold import Ninefold, Variant
from emotone.errors import ConfigError
from emotone.features.front_ends.two_channel_spectrogram import TwoChannelSpectrogram
from emotone.recipes.library import load_net_recipe


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
