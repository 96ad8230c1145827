"""From a recipe, sound and a teacher's file to a source: one training, in one folder, resumed if it was cut off."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from emotone.config import from_mapping, signature, to_mapping
from emotone.errors import RunError
from emotone.files import atomic_write, sha256_file
from emotone.fitting.distillation.card import source_card
from emotone.fitting.distillation.excerpts import Stretches
from emotone.fitting.distillation.sound import RATE, load_sound
from emotone.fitting.distillation.state import Measurement, measurement
from emotone.fitting.distillation.targets import teacher_logits
from emotone.fitting.distillation.teachers import TEACHERS, load_teacher
from emotone.recipes.source_recipe import SourceRecipe
from emotone.transfer.weights import SourceWeights, read_weights, write_weights

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from emotone.fitting.distillation.learn import Lesson
    from emotone.fitting.distillation.mobilenet import MobileNet
    from emotone.fitting.distillation.sound import Sound
    from emotone.nets.blocks.waveform import ManyHeads

RUN, WEIGHTS, CARD, STATE = "run.json", "weights.safetensors", "CARD.md", "state.safetensors"
SCHEMA = "emotone.source/2"  # 2: what is reached without hearing anything, by folder


@dataclass(frozen=True)
class SoundUsed:
    """How much of one folder was used.

    Attributes:
        recordings: learned from.
        minutes: of them.
        held_out_recordings: measured on.
        held_out_minutes: of them.
        held_out_groups: how many speakers or parts these are.

    """

    recordings: int
    minutes: float
    held_out_recordings: int
    held_out_minutes: float
    held_out_groups: int


@dataclass(frozen=True)
class SourceRun:
    """A finished training of a source.

    Attributes:
        recipe: what was asked.
        teacher_sha256: of the teacher's file.
        sound: what was used, by folder.
        signature: of recipe, sound and teacher.
        ignorant: what the best answer that hears nothing reaches on held-out sound.
        history: measurements on the way, the last one of the weights.
        weights_sha256: of the weights' file.

    """

    recipe: SourceRecipe
    teacher_sha256: str
    sound: dict[str, SoundUsed]
    signature: str
    ignorant: Measurement
    history: tuple[Measurement, ...]
    weights_sha256: str


@dataclass(frozen=True, eq=False)
class Ready:
    """What is at hand before the student learns.

    Attributes:
        recipe: what to train.
        sound: decoded.
        lesson: stretches and the teacher's judgement.
        signature: of recipe, sound and teacher.

    """

    recipe: SourceRecipe
    sound: Sound
    lesson: Lesson
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
) -> Ready:
    """Return decoded sound and the teacher's judgement of it; both are kept in the cache.

    Args:
        recipe: names sounds and teacher.
        folders: where each sound lies.
        teacher: the teacher's file; it is checked even where the cache holds all its judgements.
        progress: called with (what, done, total).

    Raises:
        RunError: see `load_sound` and `load_teacher`.

    """
    from emotone.fitting.distillation.learn import Lesson

    loaded = load_teacher(recipe.teacher, teacher)

    def get() -> MobileNet:
        return loaded

    def on(what: str) -> Callable[[int, int], None] | None:
        return None if progress is None else lambda done, total: progress(what, done, total)

    sound = load_sound(recipe, folders, progress=on("sound"))
    train, held_out = Stretches(sound, recipe, "train"), Stretches(sound, recipe, "held_out")
    lesson = Lesson(
        train=train,
        train_logits=teacher_logits(train, recipe, get, progress=on("teacher")),
        held_out=held_out,
        held_out_logits=teacher_logits(held_out, recipe, get, progress=on("teacher, held out")),
    )
    name = signature(recipe.signature, sound.signature, TEACHERS[recipe.teacher].sha256)
    return Ready(recipe, sound, lesson, name)


def train_source(
    ready: Ready,
    folder: Path,
    *,
    fresh: bool = False,
    report: Callable[[Measurement], None] | None = None,
    on_step: Callable[[int, int], None] | None = None,
) -> SourceRun:
    """Train in a folder; an interrupted training there goes on unless `fresh`."""
    from emotone.fitting.distillation.learn import know_nothing, learn

    if fresh:
        for name in (RUN, WEIGHTS, CARD, STATE):
            (folder / name).unlink(missing_ok=True)
    recipe = ready.recipe
    net, history = learn(
        recipe, ready.lesson, signature=ready.signature, state=folder / STATE, report=report, on_step=on_step
    )
    save_weights(net, folder / WEIGHTS, name=recipe.name, licence=recipe.licence)
    run = SourceRun(
        recipe=recipe,
        teacher_sha256=TEACHERS[recipe.teacher].sha256,
        sound=sound_used(ready.sound),
        signature=ready.signature,
        ignorant=know_nothing(ready.lesson, recipe),
        history=history,
        weights_sha256=sha256_file(folder / WEIGHTS),
    )
    save_run(run, folder)
    (folder / STATE).unlink(missing_ok=True)
    return run


def save_run(run: SourceRun, folder: Path) -> None:
    """Write what `load_source_run` reads, and the card, beside the weights."""
    with atomic_write(folder / CARD, text=True) as stream:
        stream.write(source_card(run))
    text = {"schema": SCHEMA, **asdict(run), "recipe": to_mapping(run.recipe)}
    with atomic_write(folder / RUN, text=True) as stream:
        stream.write(json.dumps(text, indent=1) + "\n")


def save_weights(net: ManyHeads, path: Path, *, name: str, licence: str) -> None:
    """Write the student, trunk and head, as a transfer reads it."""
    tensors = {key: value.numpy() for key, value in net.state_dict().items()}
    write_weights(path, SourceWeights(name, tensors, licence=licence))


def load_source_run(folder: Path) -> SourceRun:
    """Return the finished training in a folder, or raise `RunError`."""
    path = folder / RUN
    try:
        text: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if text.pop("schema") != SCHEMA:
            raise RunError(f"{path} is no source of this version (schema {SCHEMA})")
        sound = {name: SoundUsed(**used) for name, used in dict(text.pop("sound")).items()}
        history = tuple(measurement(item) for item in text.pop("history"))
        recipe = from_mapping(SourceRecipe, text.pop("recipe"), where=str(path))
        ignorant = measurement(text.pop("ignorant"))
        return SourceRun(recipe=recipe, sound=sound, history=history, ignorant=ignorant, **text)
    except OSError as error:
        raise RunError(f"{folder} holds no finished source (no {RUN})") from error
    except (json.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise RunError(f"{path} can't be read as a source: {error!r}") from error


def load_student(folder: Path, run: SourceRun) -> ManyHeads:
    """Return the trained student in eval mode; its file must be the one that the training wrote.

    Raises:
        SourceError: the file is missing or damaged.
        RunError: it is another file.

    """
    import torch

    from emotone.fitting.distillation.learn import student_spec

    path = folder / WEIGHTS
    weights = read_weights(path)
    if weights.sha256 != run.weights_sha256:
        raise RunError(f"{path} was changed after the training (its SHA-256 is not {run.weights_sha256})")
    net = student_spec(run.recipe, TEACHERS[run.recipe.teacher].classes).build()
    net.load_state_dict({name: torch.from_numpy(values) for name, values in weights.tensors.items()})
    return net.eval()


def sound_used(sound: Sound) -> dict[str, SoundUsed]:
    """Return how much of each folder is learned from, and held out."""
    parts = {held: sound.part(held_out=held) for held in (False, True)}
    count = {held: Counter(item.folder for item in part) for held, part in parts.items()}
    minutes: dict[bool, Counter[str]] = {held: Counter() for held in parts}
    for held, part in parts.items():
        for item in part:
            minutes[held][item.folder] += item.length
    groups = Counter(folder for folder, _ in sound.held_out)
    return {
        name: SoundUsed(
            recordings=count[False][name],
            minutes=round(minutes[False][name] / RATE / 60, 2),
            held_out_recordings=count[True][name],
            held_out_minutes=round(minutes[True][name] / RATE / 60, 2),
            held_out_groups=groups[name],
        )
        for name in sorted(count[False] | count[True])
    }
