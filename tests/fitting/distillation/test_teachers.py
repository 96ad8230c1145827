"""Teachers: MobileNet, and the targets that it gives."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import soundfile
import torch
from tests.fitting.distillation.conftest import CLASSES

from emotone.audio.samples import resample
from emotone.features.front_ends.log_mel import MnLogMel, mn_tables
from emotone.fitting.distillation.excerpts import Excerpts, teacher_logits
from emotone.fitting.distillation.sound import load_sound
from emotone.fitting.distillation.teachers import MobileNet, load_teacher

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from tests.fitting.distillation.conftest import World


# ----------------------------------------------------------------------------------------------------------------------
#

RATE = 32000
BINS = np.arange(513) * RATE / 1024  # hertz


@pytest.fixture
def net() -> MobileNet:
    torch.manual_seed(1)
    return MobileNet(width=0.1, classes=5).eval()


def test_parameters_are_those_of_the_published_net() -> None:
    assert sum(one.numel() for one in MobileNet(width=0.4, classes=527).parameters()) == 983_599


def test_a_batch_gives_what_single_sounds_give(net: MobileNet) -> None:
    sound = torch.randn(3, 8000, generator=torch.Generator().manual_seed(2)) * 0.1
    with torch.inference_mode():
        whole, single = net(sound), torch.cat([net(one[None]) for one in sound])
    assert torch.allclose(whole, single, atol=1e-5)


def test_whole_windows_give_the_rows_of_the_front_end(net: MobileNet, rng: np.random.Generator) -> None:
    """Its windows begin 400 samples before the multiples of the hop; behind 80 zeros, ours begin at the same places."""
    sound = rng.normal(0, 0.1, 8000).astype(np.float32)
    ours = MnLogMel().compute(np.concatenate([np.zeros(80, np.float32), sound]))
    np.testing.assert_allclose(net.log_mel(torch.from_numpy(sound)[None])[0, 2:24], ours[1:23], atol=1e-4)


def test_silence_lies_at_the_offset(net: MobileNet) -> None:
    rows = net.log_mel(torch.zeros(1, 32000))
    assert rows.shape == (1, 100, 128)  # of 31,999 samples after the emphasis
    assert torch.allclose(rows, torch.full_like(rows, np.log(1e-5)))


def test_a_tone_lies_in_the_band_around_it(net: MobileNet) -> None:
    time = torch.arange(RATE) / RATE
    rows = net.log_mel(torch.sin(2 * torch.pi * 1000 * time)[None])[0].mean(dim=0)
    _, bands = mn_tables()
    centres = BINS @ bands / bands.sum(axis=0)
    assert abs(float(centres[int(rows.argmax())]) - 1000) < 40


def test_mel_bands_equal_a_slow_reference() -> None:
    def mel(hertz: float) -> float:
        return 1127 * float(np.log(1 + hertz / 700))

    step = mel(15000) / 129
    twin = np.zeros((513, 128))
    for band in range(128):
        for index in range(512):
            place = mel(float(BINS[index])) / step - band  # 0 at the left edge, 1 at the centre, 2 at the right edge
            twin[index, band] = max(0.0, min(place, 2 - place))
    assert np.allclose(mn_tables()[1], twin, atol=1e-6)


@pytest.mark.shared
def test_the_published_net_gives_its_published_values(shared: Path) -> None:
    """Golden values were made by another program; they agree within their rounding to four digits."""
    reference = json.loads((shared / "sources/reference.json").read_text())
    net = load_teacher("mn04", shared / "sources/mn04_as_mAP_432.pt")
    for path, golden in reference.items():
        signal, rate = soundfile.read(shared / "corpora" / path, dtype="float32")
        sound = torch.from_numpy(resample(signal, rate=rate, to=RATE))[None]
        with torch.inference_mode():
            assert net.log_mel(sound).shape[1] == golden["mn04"]["mel_shape"][2]
            probabilities = net(sound).sigmoid()[0].numpy()
        for index, _, probability in golden["mn04"]["top"]:
            assert probabilities[index] == pytest.approx(probability, abs=2e-4)


# ----------------------------------------------------------------------------------------------------------------------
#


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
