"""From a recipe, sound and a teacher's file to a source: one training, in one folder, resumed if interrupted."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emotone.config import signature
from emotone.errors import RunError
from emotone.files import atomic_write, sha256_file
from emotone.fitting.distillation.excerpts import Excerpts, teacher_logits
from emotone.fitting.distillation.sound import RATE, load_sound
from emotone.fitting.distillation.source_run import RUN, SoundAmount, SourceRun, save_source_run, source_card
from emotone.fitting.distillation.teachers import load_teacher, teacher_info
from emotone.transfer.weights import SourceWeights, read_weights, write_weights

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from torch import nn

    from emotone.fitting.distillation.sound import SoundCollection
    from emotone.fitting.distillation.source_run import HeldOutScore
    from emotone.fitting.distillation.student import DistillationData
    from emotone.nets.blocks.waveform import MultiHeadNetwork
    from emotone.recipes.source_recipe import SourceRecipe

WEIGHTS, CARD, CHECKPOINT = "weights.safetensors", "CARD.md", "checkpoint.safetensors"


@dataclass(frozen=True, eq=False)
class PreparedSource:
    """Everything that the training of a source needs.

    Attributes:
        recipe: settings.
        sound: decoded recordings.
        data: excerpts and the teacher's logits.
        signature: of recipe, sound and teacher.

    """

    recipe: SourceRecipe
    sound: SoundCollection
    data: DistillationData
    signature: str

    @property
    def name(self) -> str:
        """The run's folder name: recipe and signature."""
        return f"{self.recipe.name}-{self.signature}"


def prepare(
    recipe: SourceRecipe,
    folders: Mapping[str, Path],
    *,
    teacher: Path,
    progress: Callable[[str, int, int], None] | None = None,
) -> PreparedSource:
    """Return decoded sound and the teacher's logits for it; both are cached.

    Args:
        recipe: names sounds and teacher.
        folders: path of each sound.
        teacher: the teacher's file; it is checked even if all its logits are cached.
        progress: called with (stage, done, total).

    Raises:
        UnknownNameError: the recipe's teacher is unknown.
        RunError: see `load_sound` and `load_teacher`.

    """
    from emotone.fitting.distillation.student import DistillationData

    net = load_teacher(recipe.teacher, teacher)

    def stage(name: str) -> Callable[[int, int], None] | None:
        return None if progress is None else lambda done, total: progress(name, done, total)

    sound = load_sound(recipe, folders, progress=stage("sound"))
    train, held_out = Excerpts(sound, recipe, "train"), Excerpts(sound, recipe, "held_out")
    data = DistillationData(
        train=train,
        train_logits=teacher_logits(train, recipe, net, progress=stage("teacher")),
        held_out=held_out,
        held_out_logits=teacher_logits(held_out, recipe, net, progress=stage("teacher, held out")),
    )
    name = signature(recipe.signature, sound.signature, teacher_info(recipe.teacher).sha256)
    return PreparedSource(recipe, sound, data, name)


def train_source(
    prepared: PreparedSource,
    folder: Path,
    *,
    fresh: bool = False,
    report: Callable[[HeldOutScore], None] | None = None,
    on_step: Callable[[int, int], None] | None = None,
) -> SourceRun:
    """Train in a folder and write weights, run and card there; resume an interrupted training unless `fresh`."""
    from emotone.fitting.distillation.student import constant_baseline, train_student

    if fresh:
        for name in (RUN, WEIGHTS, CARD, CHECKPOINT):
            (folder / name).unlink(missing_ok=True)
    recipe = prepared.recipe
    net, history = train_student(
        recipe,
        prepared.data,
        signature=prepared.signature,
        checkpoint=folder / CHECKPOINT,
        report=report,
        on_step=on_step,
    )
    save_student(net, folder / WEIGHTS, name=recipe.name, licence=recipe.licence)
    run = SourceRun(
        recipe=recipe,
        teacher_sha256=teacher_info(recipe.teacher).sha256,
        sound=sound_amounts(prepared.sound),
        signature=prepared.signature,
        baseline=constant_baseline(prepared.data, recipe),
        history=history,
        weights_sha256=sha256_file(folder / WEIGHTS),
    )
    with atomic_write(folder / CARD, text=True) as stream:
        stream.write(source_card(run))
    save_source_run(run, folder)
    (folder / CHECKPOINT).unlink(missing_ok=True)
    return run


def save_student(net: nn.Module, path: Path, *, name: str, licence: str) -> None:
    """Write all tensors of a student in the format that transfer reads."""
    tensors = {key: value.numpy() for key, value in net.state_dict().items()}
    write_weights(path, SourceWeights(name, tensors, licence=licence))


def load_student(folder: Path, run: SourceRun) -> MultiHeadNetwork:
    """Return the trained student in eval mode; its file must be the one that the training wrote.

    Raises:
        SourceError: the file is missing or damaged.
        RunError: it is another file.

    """
    import torch

    from emotone.fitting.distillation.student import student_spec

    path = folder / WEIGHTS
    weights = read_weights(path)
    if weights.sha256 != run.weights_sha256:
        raise RunError(f"{path} has changed since the training (its SHA-256 is not {run.weights_sha256})")
    net = student_spec(run.recipe, teacher_info(run.recipe.teacher).classes).build()
    net.load_state_dict({name: torch.from_numpy(values) for name, values in weights.tensors.items()})
    return net.eval()


def sound_amounts(sound: SoundCollection) -> dict[str, SoundAmount]:
    """Return how much of each folder is training sound, and how much is held out."""
    parts = {held: sound.part(held_out=held) for held in (False, True)}
    count = {held: Counter(recording.folder for recording in part) for held, part in parts.items()}
    samples: dict[bool, Counter[str]] = {held: Counter() for held in parts}
    for held, part in parts.items():
        for recording in part:
            samples[held][recording.folder] += recording.length
    groups = Counter(folder for folder, _ in sound.held_out)
    return {
        name: SoundAmount(
            recordings=count[False][name],
            minutes=round(samples[False][name] / RATE / 60, 2),
            held_out_recordings=count[True][name],
            held_out_minutes=round(samples[True][name] / RATE / 60, 2),
            held_out_groups=groups[name],
        )
        for name in sorted(count[False] | count[True])
    }
