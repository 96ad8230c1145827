from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from tests.fitting.distillation.conftest import CLASSES

from emotone.audio.samples import resample
from emotone.fitting.distillation.excerpts import Excerpts
from emotone.fitting.distillation.sound import load_sound
from emotone.fitting.distillation.targets import teacher_logits
from emotone.fitting.distillation.teachers import load_teacher

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from tests.fitting.distillation.conftest import World


class Unused(torch.nn.Module):
    """A teacher whose logits are all cached."""

    def forward(self, signals: torch.Tensor) -> torch.Tensor:
        pytest.fail(f"the teacher processed {signals.shape} though the cache is complete")


def logits(
    world: World, *, train: int = 12, cached: bool = False, progress: list[int] | None = None
) -> NDArray[np.float16]:
    recipe = replace(world.recipe, excerpts=replace(world.recipe.excerpts, train=train))
    excerpts = Excerpts(load_sound(recipe, world.folders), recipe, "train")
    teacher: Any = Unused() if cached else load_teacher("tiny", world.teacher)
    seen = progress if progress is not None else []
    return teacher_logits(excerpts, recipe, teacher, progress=lambda done, _: seen.append(done))


def test_they_are_the_teachers_logits_of_each_excerpt(world: World) -> None:
    found = logits(world)
    assert found.shape == (12, CLASSES)
    assert found.dtype == np.float16
    excerpts = Excerpts(load_sound(world.recipe, world.folders), world.recipe, "train")
    net = load_teacher("tiny", world.teacher)
    for index in (0, 7, 11):
        heard = resample(excerpts.render(excerpts.draw(index)), rate=16000, to=32000)
        with torch.inference_mode():
            wanted = net(torch.from_numpy(heard)[None])[0].numpy()
        assert np.allclose(found[index], wanted, rtol=2e-3, atol=2e-3)  # half precision


def test_they_are_cached(world: World) -> None:
    assert np.array_equal(logits(world), logits(world, cached=True))


def test_more_excerpts_extend_the_cached_ones(world: World) -> None:
    few = logits(world, train=12)
    progress: list[int] = []
    many = logits(world, train=24, progress=progress)
    assert np.array_equal(many[:12], few)
    assert progress == [8, 16, 24]


def test_another_mixture_is_computed(world: World) -> None:
    first = logits(world)
    other = replace(world, recipe=replace(world.recipe, seed=4))
    assert not np.array_equal(logits(other), first)
