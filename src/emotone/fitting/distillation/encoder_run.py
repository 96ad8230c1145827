"""From a recipe, sound and a teacher to a small encoder: one training, in one folder, resumed if interrupted."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from emotone.config import from_mapping, signature, to_mapping
from emotone.errors import RunError
from emotone.files import atomic_write, sha256_file, write_json
from emotone.fitting.distillation.encoder_data import encoder_data
from emotone.fitting.distillation.run import CARD, CHECKPOINT, WEIGHTS, save_student, sound_amounts
from emotone.fitting.distillation.sound import load_sound
from emotone.fitting.distillation.source_run import RUN, SoundAmount
from emotone.fitting.weights import find_weights
from emotone.nets.base import require_torch
from emotone.recipes.encoder_recipe import EncoderRecipe

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from emotone.fitting.distillation.encoder_data import EncoderData
    from emotone.fitting.distillation.sound import SoundCollection
    from emotone.training.loop import Epoch

SCHEMA = "emotone.encoder/1"


@dataclass(frozen=True, eq=False)
class PreparedEncoder:
    """Everything that the training of a small encoder needs.

    Attributes:
        recipe: settings.
        sound: decoded recordings.
        data: rows and the teacher's outputs.
        teacher: SHA-256 of the teacher's file.
        signature: of recipe, sound and teacher.

    """

    recipe: EncoderRecipe
    sound: SoundCollection
    data: EncoderData
    teacher: str
    signature: str

    @property
    def name(self) -> str:
        """The run's folder name: recipe and signature."""
        return f"{self.recipe.name}-{self.signature}"


@dataclass(frozen=True)
class EncoderScore:
    """Agreement of student and teacher on held-out sound.

    Attributes:
        step: number of batches so far.
        shares: of the variance of the teacher's outputs that the student predicts; see `held_out_scores`.

    """

    step: int
    shares: dict[str, float]


@dataclass(frozen=True)
class EncoderRun:
    """A finished training of a small encoder.

    Attributes:
        recipe: its settings.
        teacher_sha256: of the teacher's file.
        sound: amounts used, by folder.
        signature: of recipe, sound and teacher.
        parameters: of the encoder, without the prediction of the teacher's outputs.
        history: scores during training; the last one is that of the weights.
        seconds: of the training.
        weights_sha256: of the weights' file.

    """

    recipe: EncoderRecipe
    teacher_sha256: str
    sound: dict[str, SoundAmount]
    signature: str
    parameters: int
    history: tuple[EncoderScore, ...]
    seconds: float
    weights_sha256: str


def prepare_encoder(
    recipe: EncoderRecipe,
    folders: Mapping[str, Path],
    *,
    progress: Callable[[str, int, int], None] | None = None,
) -> PreparedEncoder:
    """Return decoded sound, its rows and the teacher's outputs for it; all are cached.

    Args:
        recipe: names sounds and teacher.
        folders: path of each sound.
        progress: called with (stage, done, total).

    Raises:
        SourceError: the teacher's weights are missing, or do not fit.
        RunError: see `load_sound` and `encoder_data`.
        MissingExtraError: torch is not installed.

    """
    require_torch("training an encoder")

    def stage(name: str) -> Callable[[int, int], None] | None:
        return None if progress is None else lambda done, total: progress(name, done, total)

    weights = find_weights(recipe.teacher.source).read()
    sound = load_sound(recipe, folders, progress=stage("sound"))
    data = encoder_data(sound, recipe, weights, progress=stage("teacher"))
    name = signature(recipe.signature, sound.signature, weights.sha256)
    return PreparedEncoder(recipe, sound, data, weights.sha256, name)


def train_encoder_source(
    prepared: PreparedEncoder,
    folder: Path,
    *,
    fresh: bool = False,
    report: Callable[[EncoderScore], None] | None = None,
    on_step: Callable[[int, int], None] | None = None,
) -> EncoderRun:
    """Train in a folder and write weights, run and card there; resume an interrupted training unless `fresh`.

    Args:
        prepared: see `prepare_encoder`.
        folder: of the run.
        fresh: whether to start from scratch.
        report: called with each score, and once for each score of a checkpoint.
        on_step: called with (done, total) batches.

    """
    from emotone.fitting.distillation.encoder_student import stages_of, train_encoder

    if fresh:
        for name in (RUN, WEIGHTS, CARD, CHECKPOINT):
            (folder / name).unlink(missing_ok=True)
    recipe = prepared.recipe
    ends = stages_of(recipe).ends
    scores: list[EncoderScore] = []

    def progress(epoch: Epoch) -> None:
        if epoch.metrics:
            scores.append(EncoderScore(ends[epoch.number], dict(epoch.metrics)))
            if report is not None:
                report(scores[-1])

    net, history = train_encoder(
        recipe,
        prepared.data,
        signature=prepared.signature,
        checkpoint=folder / CHECKPOINT,
        progress=progress,
        on_step=on_step,
    )
    save_student(net, folder / WEIGHTS, name=recipe.name, licence=recipe.licence)
    run = EncoderRun(
        recipe=recipe,
        teacher_sha256=prepared.teacher,
        sound=sound_amounts(prepared.sound),
        signature=prepared.signature,
        parameters=sum(value.numel() for value in net.blocks.parameters()),
        history=tuple(scores),
        seconds=round(sum(epoch.seconds for epoch in history), 1),
        weights_sha256=sha256_file(folder / WEIGHTS),
    )
    with atomic_write(folder / CARD, text=True) as stream:
        stream.write(encoder_card(run))
    text = {"schema": SCHEMA, **asdict(run), "recipe": to_mapping(recipe)}
    write_json(folder / RUN, text)
    (folder / CHECKPOINT).unlink(missing_ok=True)
    return run


def load_encoder_run(folder: Path) -> EncoderRun:
    """Return the finished training in a folder, or raise `RunError`."""
    path = folder / RUN
    try:
        text: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if text.pop("schema") != SCHEMA:
            raise RunError(f"{path} was not written by this version (schema {SCHEMA})")
        recipe = from_mapping(EncoderRecipe, text.pop("recipe"), where=str(path))
        sound = {name: SoundAmount(**amount) for name, amount in text.pop("sound").items()}
        history = tuple(EncoderScore(**item) for item in text.pop("history"))
        return EncoderRun(recipe=recipe, sound=sound, history=history, **text)
    except OSError as error:
        raise RunError(f"{folder} contains no finished training of an encoder (no {RUN})") from error
    except (json.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise RunError(f"{path} can't be read as the training of an encoder: {error!r}") from error


def encoder_card(run: EncoderRun) -> str:
    """Return the card as Markdown; every number in it is from the run."""
    recipe, last = run.recipe, run.history[-1].shares
    asked, inputs, training = recipe.student, recipe.inputs, recipe.training
    layers = ", ".join(map(str, recipe.teacher.layers))
    copies = ", ".join(inputs.copies) or "none"
    minutes = sum(amount.minutes for name, amount in run.sound.items() if name not in recipe.noise)
    lines = [
        f"# {recipe.name}",
        "",
        recipe.description,
        "",
        f"Two convolutions and {asked.layers} ConvNeXt layers of {asked.width} values on rows of `whisper-log-mel`:",
        f"{run.parameters:,} parameters, trained from scratch. It contains no weights of its teacher.",
        "",
        f"- Licence of the weights: {recipe.licence}",
        f"- Teacher: {recipe.teacher.source}, layers {layers}, averaged over 80 ms; SHA-256 `{run.teacher_sha256}`",
        f"- Training: squared differences of standardised outputs, AdamW {training.learning_rate:g}, batches of",
        f"  {training.batch_size} excerpts of up to {training.seconds:g} s, {training.steps} steps,",
        f"  {training.precision}; seed {recipe.seed}; {run.seconds / 60:.0f} minutes.",
        "- The teacher receives the plain recording, the student a changed one: random equalisers, steady noise in",
        f"  {100 * inputs.noise:.0f} %, other sounds in the background in {100 * inputs.background:.0f} %, copies",
        f"  ({copies}) in {100 * (1 - inputs.plain if inputs.copies else 0):.0f} %.",
        f"- Signature: {run.signature}; weights SHA-256 `{run.weights_sha256}`",
        "",
        "## Training data",
        "",
        f"{minutes / 60:.1f} hours of speech, without labels. A later test on the same recordings is one of an encoder",
        "that has processed them.",
        "",
        "| sound | licence | training | held out | attribution |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, amount in run.sound.items():
        folder = recipe.sound[name]
        lines.append(
            f"| {name} | {folder.licence} | {amount.recordings} recordings, {amount.minutes:.1f} min"
            f" | {amount.held_out_recordings} recordings, {amount.held_out_minutes:.1f} min"
            f" | {folder.attribution or 'not stated'} |"
        )
    lines += [
        "",
        "## Results on held-out sound",
        "",
        "Share of the variance of the teacher's outputs that the student predicts: of means over pieces of up to 10 s,",
        "and of single steps. Where the student receives a changed copy, the teacher still receives the plain one.",
        "",
        "| of | share |",
        "| --- | ---: |",
        *(f"| {name} | {share:.3f} |" for name, share in last.items()),
        "",
    ]
    return "\n".join(lines)
