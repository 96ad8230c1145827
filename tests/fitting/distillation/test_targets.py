from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from tests.fitting.distillation.conftest import CLASSES

from emotone.audio.resample import resample
from emotone.fitting.distillation.excerpts import Stretches
from emotone.fitting.distillation.sound import load_sound
from emotone.fitting.distillation.targets import teacher_logits
from emotone.fitting.distillation.teachers import load_teacher

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from tests.fitting.distillation.conftest import World

    from emotone.fitting.distillation.mobilenet import MobileNet


def judged(
    world: World, *, train: int = 12, used: bool = True, progress: list[int] | None = None
) -> NDArray[np.float16]:
    recipe = replace(world.recipe, stretches=replace(world.recipe.stretches, train=train))
    stretches = Stretches(load_sound(recipe, world.folders), recipe, "train")

    def teacher() -> MobileNet:
        if not used:
            pytest.fail("the teacher was asked though the cache holds everything")
        return load_teacher("tiny", world.teacher)

    seen = progress if progress is not None else []
    return teacher_logits(stretches, recipe, teacher, progress=lambda done, _: seen.append(done))


def test_they_are_what_the_teacher_says_of_each_stretch(world: World) -> None:
    found = judged(world)
    assert found.shape == (12, CLASSES)
    assert found.dtype == np.float16
    stretches = Stretches(load_sound(world.recipe, world.folders), world.recipe, "train")
    net = load_teacher("tiny", world.teacher)
    for index in (0, 7, 11):
        heard = resample(stretches.render(stretches.draw(index)), rate=16000, to=32000)
        with torch.inference_mode():
            wanted = net(torch.from_numpy(heard)[None])[0].numpy()
        assert np.allclose(found[index], wanted, rtol=2e-3, atol=2e-3)  # half precision


def test_they_are_asked_for_once(world: World) -> None:
    assert np.array_equal(judged(world), judged(world, used=False))


def test_more_stretches_begin_with_those_that_are_there(world: World) -> None:
    few = judged(world, train=12)
    progress: list[int] = []
    many = judged(world, train=24, progress=progress)
    assert np.array_equal(many[:12], few)
    assert progress == [8, 16, 24]


def test_another_mixture_is_judged_anew(world: World) -> None:
    first = judged(world)
    other = replace(world, recipe=replace(world.recipe, seed=4))
    assert not np.array_equal(judged(other), first)
