from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile

from emotone.errors import RunError, UnknownNameError
from emotone.fitting.distillation.sound import load_sound

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fitting.distillation.conftest import World

    from emotone.recipes.source_recipe import SoundFolder


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
