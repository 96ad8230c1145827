"""What a student hears: collections of sound, excerpts of them, and teachers."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile

from emotone.errors import RunError, UnknownNameError
from emotone.fitting.distillation.excerpts import LEVEL, Excerpt, ExcerptPart, Excerpts, Part, levelled, rms
from emotone.fitting.distillation.sound import SoundCollection, SoundRecording, load_sound
from emotone.fitting.distillation.teachers import TEACHERS, load_teacher
from emotone.recipes.source_recipe import ExcerptSettings

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fitting.distillation.conftest import World

    from emotone.recipes.source_recipe import SoundFolder


# ----------------------------------------------------------------------------------------------------------------------
#


def test_recordings_are_kept_sample_by_sample(world: World) -> None:
    sound = load_sound(world.recipe, world.folders)
    recording = next(item for item in sound.recordings if item.path == "b/1.wav")
    wanted, _ = soundfile.read(world.folders["tones"] / "b/1.wav", dtype="float32")
    assert recording.length == len(wanted)
    assert np.allclose(sound.signal(recording, 0, recording.length), wanted, atol=1e-4)
    assert np.array_equal(sound.signal(recording, 100, 50), sound.signal(recording, 0, recording.length)[100:150])


def test_all_samples_are_in_the_file_in_order(world: World) -> None:
    sound = load_sound(world.recipe, world.folders)
    assert [item.first for item in sound.recordings] == np.cumsum([0, *(r.length for r in sound.recordings)])[
        :-1
    ].tolist()
    assert sound.samples.shape == (sum(item.length for item in sound.recordings),)
    assert sound.samples.dtype == np.int16


def test_groups_are_held_out_by_name_or_share(world: World) -> None:
    sound = load_sound(world.recipe, world.folders)
    learned, held = sound.part(held_out=False), sound.part(held_out=True)
    assert len(learned) + len(held) == len(sound.recordings) == 9
    assert {item.group for item in held if item.folder == "tones"} == {"c"}
    assert len([item for item in held if item.folder == "noises"]) == 1
    assert not {(item.folder, item.group) for item in learned} & {(item.folder, item.group) for item in held}


def test_what_was_decoded_is_read_again(world: World) -> None:
    done: list[tuple[int, int]] = []
    first = load_sound(world.recipe, world.folders, progress=lambda *now: done.append(now))
    assert done[-1] == (9, 9)
    again = load_sound(world.recipe, world.folders, progress=lambda *now: pytest.fail(f"decoded again: {now}"))
    assert again.signature == first.signature
    assert again.recordings == first.recordings


def test_other_groups_are_another_signature_of_the_same_samples(world: World) -> None:
    held = {**world.recipe.sound, "tones": replace(world.recipe.sound["tones"], held_out=("a",))}
    one, other = (load_sound(recipe, world.folders) for recipe in (world.recipe, replace(world.recipe, sound=held)))
    assert one.signature != other.signature
    assert np.array_equal(one.samples, other.samples)


def test_a_damaged_recording_is_skipped_and_listed(world: World, tmp_path: Path) -> None:
    for name in "ab":
        soundfile.write(tmp_path / f"noise-{name}.wav", np.full(1600, 0.1), 16000)
    (tmp_path / "noise-d.wav").write_bytes(b"nothing of the kind")
    sound = load_sound(world.recipe, {**world.folders, "noises": tmp_path})
    assert len(sound.problems) == 1
    assert "noise-d.wav" in sound.problems[0]
    assert not any(item.path == "noise-d.wav" for item in sound.recordings)


def test_nothing_that_can_be_read_is_an_error(world: World, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/0.wav").write_bytes(b"nothing of the kind")
    recipe = replace(world.recipe, sound={"tones": world.recipe.sound["tones"]})
    with pytest.raises(RunError, match="none of 1 recordings can be read"):
        load_sound(recipe, {"tones": tmp_path})


def test_folders_must_be_those_of_the_recipe(world: World, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="unknown sound folder 'tone'; did you mean 'tones'"):
        load_sound(world.recipe, {**world.folders, "tone": tmp_path})
    with pytest.raises(RunError, match="also needs the sound noises"):
        load_sound(world.recipe, {"tones": tmp_path})
    with pytest.raises(RunError, match="contains no recordings"):
        load_sound(world.recipe, {**world.folders, "noises": tmp_path})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"group": r"(z)"}, r"the group '\(z\)' is not found in a/0.wav"),
        ({"held_out": ("d",)}, "unknown group 'd'"),
        ({"group": r"(\.)", "held_out": ()}, "its only group '.' can't be both"),
        ({"held_out": ("a", "b", "c")}, "left for training"),
    ],
)
def test_groups_that_do_not_work_are_errors(world: World, change: dict[str, object], message: str) -> None:
    spec: SoundFolder = replace(world.recipe.sound["tones"], **change)  # type: ignore[arg-type]
    recipe = replace(world.recipe, sound={"tones": spec})
    with pytest.raises(RunError, match=message):
        load_sound(recipe, {"tones": world.folders["tones"]})


# ----------------------------------------------------------------------------------------------------------------------
#


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


# ----------------------------------------------------------------------------------------------------------------------
#


@pytest.mark.parametrize("name", list(TEACHERS))
def test_every_teacher_says_where_it_is_published(name: str) -> None:
    info = TEACHERS[name]
    assert info.url.startswith("https://")
    assert re.fullmatch("[0-9a-f]{64}", info.sha256)
    assert info.licence
    assert info.citation


def test_a_teacher_is_loaded_in_eval_mode(world: World) -> None:
    assert not load_teacher("tiny", world.teacher).training


def test_an_unknown_teacher_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'mn04'"):
        load_teacher("mn4", tmp_path)


def test_a_missing_file_says_where_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"can't be read: No such file.*download it from https://"):
        load_teacher("mn04", tmp_path / "absent.pt")


def test_another_file_is_rejected(world: World) -> None:
    with pytest.raises(RunError, match="is not the published file"):
        load_teacher("mn04", world.teacher)
