"""A small set-up: two folders of synthetic sound, a tiny teacher with a known file, and a recipe of a few steps."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile
import torch

from emotone.files import sha256_file
from emotone.fitting.distillation import excerpts, student
from emotone.fitting.distillation.run import PreparedSource, prepare
from emotone.fitting.distillation.source_run import HeldOutScore, SoundAmount, SourceRun
from emotone.fitting.distillation.teachers import TEACHERS, MobileNet
from emotone.recipes.source_recipe import DistillationSettings, ExcerptSettings, SoundFolder, SourceRecipe
from emotone.transfer.sources.sound_events import mn04_names

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CLASSES = 7


@dataclass(frozen=True)
class World:
    """Folders by name, the teacher's file, and a recipe that uses them."""

    folders: dict[str, Path]
    teacher: Path
    recipe: SourceRecipe

    def ready(self, recipe: SourceRecipe | None = None) -> PreparedSource:
        return prepare(recipe or self.recipe, self.folders, teacher=self.teacher)


def tiny_teacher() -> MobileNet:
    """Return a tiny teacher with random weights that separates sounds: its normalisation statistics are from some."""
    generator = torch.Generator().manual_seed(1)
    torch.manual_seed(0)
    net = MobileNet(width=0.1, classes=CLASSES).train()
    time = torch.arange(32000) / 32000
    tones = torch.stack([0.1 * torch.sin(2 * torch.pi * hertz * time) for hertz in (200, 400, 800, 1600)])
    noises = 0.1 * torch.randn(4, 32000, generator=generator)
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None  # the plain mean
    with torch.inference_mode():
        for _ in range(3):
            net(torch.cat([tones, noises]))
        net.get_parameter("net.blocks.classifier.output.weight").mul_(30)
    return net


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Path], Path]:
    """Write sound and teacher once per session."""
    root = tmp_path_factory.mktemp("world")
    rng = np.random.default_rng(5)
    for folder in ("tones/a", "tones/b", "tones/c", "noises"):
        (root / folder).mkdir(parents=True)
    for group, hertz in (("a", 220), ("b", 440), ("c", 880)):
        for number, seconds in enumerate((0.4, 1.6)):
            time = np.arange(round(seconds * 16000)) / 16000
            soundfile.write(root / f"tones/{group}/{number}.wav", 0.3 * np.sin(2 * np.pi * hertz * time), 16000)
    for group in "abc":
        soundfile.write(root / f"noises/noise-{group}.flac", 0.05 * rng.normal(size=32000), 16000)
    state = tiny_teacher().net.state_dict()
    torch.save({theirs: state[ours] for theirs, ours in mn04_names(0.1).items()}, root / "tiny.pt")
    return {"tones": root / "tones", "noises": root / "noises"}, root / "tiny.pt"


@pytest.fixture(scope="session")
def world(made: tuple[dict[str, Path], Path]) -> Iterator[World]:
    """Yield the set-up with its teacher registered and small batches."""
    folders, teacher = made
    info = replace(TEACHERS["mn04"], width=0.1, classes=CLASSES, sha256=sha256_file(teacher))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(TEACHERS, "tiny", info)
        patch.setattr(excerpts, "CHUNK", 8)  # excerpts per file: complete files are computed, and 256 take a second
        patch.setattr(excerpts, "BATCH", 4)
        patch.setattr(student, "STATISTICS_BATCHES", 2)
        yield World(folders, teacher, tiny_recipe())


@pytest.fixture(scope="session")
def ready(world: World, tmp_path_factory: pytest.TempPathFactory) -> PreparedSource:
    """Return the sound, decoded, and the teacher's logits, computed once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EMOTONE_CACHE", str(tmp_path_factory.mktemp("distil-cache")))
        return world.ready()


def tiny_recipe(*, teacher: str = "tiny") -> SourceRecipe:
    """Return a recipe of four steps."""
    return SourceRecipe(
        name="tiny-source",
        sound={
            "tones": SoundFolder(group=r"^(\w)/", licence="CC0-1.0", held_out=("c",), attribution="nobody"),
            "noises": SoundFolder(group=r"-(\w)\.", licence="CC0-1.0", weight=2.0, held_out_share=0.3),
        },
        teacher=teacher,
        licence="CC0-1.0",
        excerpts=ExcerptSettings(seconds=1.0, train=12, held_out=6, max_shift=0.1),
        training=DistillationSettings(steps=4, batch_size=4, evaluate_every=2, checkpoint_every=1),
        seed=3,
    )


def made_run() -> SourceRun:
    """Return a finished run of plain numbers; on tones its student agrees as often as a constant prediction."""
    used = SoundAmount(4, 90.0, 2, 5.0, 1)
    return SourceRun(
        recipe=tiny_recipe(teacher="mn04"),
        teacher_sha256="f" * 64,
        sound={"noises": used, "tones": used},
        signature="0123456789ab",
        baseline=HeldOutScore(0, None, 1.8, 0.5, {"noises": (2.5, 0.1), "tones": (1.1, 1.0)}, 0.0),
        history=(HeldOutScore(4, 0.4, 0.5, 0.8, {"noises": (0.9, 0.6), "tones": (0.1, 1.0)}, 1.0),),
        weights_sha256="a" * 64,
    )
