from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from emotone.fitting.distillation.excerpts import LEVEL, Excerpt, ExcerptPart, Excerpts, Part, levelled, rms
from emotone.fitting.distillation.sound import SoundCollection, SoundRecording, load_sound
from emotone.recipes.source_recipe import ExcerptSettings

if TYPE_CHECKING:
    from tests.fitting.distillation.conftest import World


def made(world: World, *, mixed: float = 0.5, speed: float = 1.2) -> Excerpts:
    recipe = replace(world.recipe, excerpts=replace(world.recipe.excerpts, mix_probability=mixed, max_speed=speed))
    return Excerpts(load_sound(recipe, world.folders), recipe, "train")


def test_a_excerpt_is_a_function_of_its_number(world: World) -> None:
    one, other = made(world), made(world)
    assert [one.draw(index) for index in (3, 0, 1)] == [other.draw(index) for index in (3, 0, 1)]
    assert np.array_equal(one.render(one.draw(2)), other.render(other.draw(2)))
    assert one.draw(0) != one.draw(1)


def test_every_excerpt_has_its_length_and_level(world: World) -> None:
    excerpts = made(world)
    for index in range(len(excerpts)):
        signal = excerpts.render(excerpts.draw(index))
        assert signal.shape == (16000,)
        assert signal.dtype == np.float32
        assert rms(signal) == pytest.approx(LEVEL, rel=1e-3)


@pytest.mark.parametrize(("mixed", "pieces"), [(0.0, 1), (1.0, 2)])
def test_the_chance_of_two_sounds_is_kept(world: World, mixed: float, pieces: int) -> None:
    excerpts = made(world, mixed=mixed)
    assert {len(excerpts.draw(index).parts) for index in range(20)} == {pieces}


def test_training_never_hears_what_is_held_out(world: World) -> None:
    sound = load_sound(world.recipe, world.folders)
    parts: tuple[Part, ...] = ("train", "held_out")
    for part in parts:
        excerpts = Excerpts(sound, world.recipe, part)
        for index in range(30):
            for piece in excerpts.draw(index).parts:
                held = (piece.recording.folder, piece.recording.group) in sound.held_out
                assert held == (part == "held_out")


def test_held_out_sound_is_neither_mixed_nor_faster(world: World) -> None:
    recipe = replace(
        world.recipe, excerpts=ExcerptSettings(seconds=1.0, mix_probability=1.0, max_speed=2.0, max_shift=0.1)
    )
    excerpts = Excerpts(load_sound(recipe, world.folders), recipe, "held_out")
    for index in range(20):
        (piece,) = excerpts.draw(index).parts
        assert piece.rate == 16000


def test_shares_are_those_of_the_recipe(world: World) -> None:
    excerpts = made(world, mixed=0.0)
    noises = np.mean([excerpts.folder(index) == "noises" for index in range(600)])
    assert noises == pytest.approx(2 / 3, abs=0.06)  # 3 standard errors


def test_a_short_sound_has_silence_around_it(world: World) -> None:
    excerpts = made(world, mixed=0.0, speed=1.0)
    recording = next(item for item in excerpts.sound.recordings if item.path == "a/0.wav")
    signal = excerpts.render(Excerpt((ExcerptPart(recording, 0, 6400, 16000, 5000, 0.0),)))
    assert not signal[:5000].any()
    assert not signal[11400:].any()
    assert np.corrcoef(signal[5000:11400], excerpts.sound.signal(recording, 0, 6400))[0, 1] > 0.9999


def test_a_faster_sound_is_higher(world: World) -> None:
    excerpts = made(world)
    recording = next(item for item in excerpts.sound.recordings if item.path == "a/1.wav")
    signal = excerpts.render(Excerpt((ExcerptPart(recording, 0, 20000, 20000, 0, 0.0),)))
    assert np.abs(np.fft.rfft(signal)).argmax() == pytest.approx(220 * 1.25, abs=1)


def test_two_sounds_keep_their_relation(world: World) -> None:
    excerpts = made(world)
    low, high = (next(r for r in excerpts.sound.recordings if r.path == path) for path in ("a/1.wav", "b/1.wav"))
    pieces = (ExcerptPart(low, 0, 16000, 16000, 0, 0.0), ExcerptPart(high, 0, 16000, 16000, 0, -6.0))
    spectrum = np.abs(np.fft.rfft(excerpts.render(Excerpt(pieces))))
    assert 20 * np.log10(spectrum[440] / spectrum[220]) == pytest.approx(-6.0, abs=0.1)


def test_silence_is_avoided_where_there_is_sound() -> None:
    from emotone.recipes.source_recipe import SoundFolder, SourceRecipe

    samples = np.zeros(320_000, np.int16)
    samples[:80_000] = 3000
    recording = SoundRecording("rain", "0", "a", 0, len(samples))
    sound = SoundCollection(samples, (recording,), frozenset(), (), "")
    settings = ExcerptSettings(seconds=1.0, mix_probability=0.0, max_speed=1.0)
    recipe = SourceRecipe("a", {"rain": SoundFolder("(.)", "CC0-1.0")}, excerpts=settings)
    excerpts = Excerpts(sound, recipe, "train")
    heard = np.mean([excerpts.render(excerpts.draw(index)).any() for index in range(50)])
    assert heard > 0.8  # of one try it would be about 0.27, of eight 1 - 0.73 ** 8 = 0.92


def test_silence_stays_silence() -> None:
    assert not levelled(np.zeros(10, np.float32)).any()


def test_an_impulse_is_not_pushed_past_full_scale() -> None:
    impulse = np.zeros(1000, np.float32)
    impulse[3] = 0.5
    assert levelled(impulse).max() == pytest.approx(1.0)
