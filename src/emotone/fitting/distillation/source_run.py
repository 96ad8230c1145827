"""Records of a distilled source on disk: its run, the layer probes that compare it, and its card."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from emotone.config import from_mapping, to_mapping
from emotone.errors import RunError
from emotone.files import write_json
from emotone.fitting.distillation.teachers import teacher_info
from emotone.recipes.source_recipe import SourceRecipe

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

T = TypeVar("T")
RUN, PROBES = "run.json", "probes.json"
RUN_SCHEMA, PROBES_SCHEMA = "emotone.source/3", "emotone.probes/1"


@dataclass(frozen=True)
class SoundAmount:
    """How much of one folder was used.

    Attributes:
        recordings: number of training recordings.
        minutes: their duration.
        held_out_recordings: number of recordings for evaluation.
        held_out_minutes: their duration.
        held_out_groups: number of their speakers or parts.

    """

    recordings: int
    minutes: float
    held_out_recordings: int
    held_out_minutes: float
    held_out_groups: int


@dataclass(frozen=True)
class HeldOutScore:
    """Agreement of student and teacher on held-out sound.

    Attributes:
        step: number of training batches so far.
        loss: mean divergence on the batches since the previous evaluation, nats; None before the first batch.
        divergence: mean over held-out excerpts of KL(teacher || student), nats.
        agreement: share of held-out excerpts for which both have the same most probable class.
        folders: (divergence, agreement) by folder.
        seconds: wall time since the previous evaluation.

    """

    step: int
    loss: float | None
    divergence: float
    agreement: float
    folders: dict[str, tuple[float, float]]
    seconds: float


@dataclass(frozen=True)
class SourceRun:
    """A finished training of a source.

    Attributes:
        recipe: its settings.
        teacher_sha256: of the teacher's file.
        sound: amounts used, by folder.
        signature: of recipe, sound and teacher.
        baseline: score of the best constant prediction, which ignores the audio.
        history: scores during training; the last one is that of the weights.
        weights_sha256: of the weights' file.

    """

    recipe: SourceRecipe
    teacher_sha256: str
    sound: dict[str, SoundAmount]
    signature: str
    baseline: HeldOutScore
    history: tuple[HeldOutScore, ...]
    weights_sha256: str


@dataclass(frozen=True)
class LayerProbe:
    """Accuracy of a linear classifier on pooled layers.

    Attributes:
        layers: inputs of the classifier.
        folds: accuracy by name of the held-out fold.
        accuracy: over all clips.
        clips: number of clips.

    """

    layers: tuple[str, ...]
    folds: dict[str, float]
    accuracy: float
    clips: int


@dataclass(frozen=True)
class ProbeComparison:
    """Probes of a student and of untrained networks of the same architecture.

    Attributes:
        folder: name of the sounds.
        classes: number of labels.
        chance: accuracy of always predicting the most frequent label.
        unheard: folds that were not part of the student's training sound.
        probes: by network, "student" or "untrained-SEED".

    """

    folder: str
    classes: int
    chance: float
    unheard: tuple[str, ...]
    probes: dict[str, tuple[LayerProbe, ...]]


def save_source_run(run: SourceRun, folder: Path) -> None:
    """Write what `load_source_run` reads."""
    write_json(folder / RUN, {"schema": RUN_SCHEMA, **asdict(run), "recipe": to_mapping(run.recipe)})


def load_source_run(folder: Path) -> SourceRun:
    """Return the finished training in a folder, or raise `RunError`."""
    path = folder / RUN

    def parse(text: dict[str, Any]) -> SourceRun:
        if text.pop("schema") != RUN_SCHEMA:
            raise RunError(f"{path} was not written by this version (schema {RUN_SCHEMA})")
        sound = {name: SoundAmount(**amount) for name, amount in dict(text.pop("sound")).items()}
        history = tuple(_score(item) for item in text.pop("history"))
        recipe = from_mapping(SourceRecipe, text.pop("recipe"), where=str(path))
        return SourceRun(recipe=recipe, sound=sound, history=history, baseline=_score(text.pop("baseline")), **text)

    return _read(path, parse, what="finished source")


def save_probes(comparisons: tuple[ProbeComparison, ...], folder: Path, *, signature: str) -> None:
    """Write what `load_probes` reads.

    Args:
        comparisons: of the student.
        folder: of results, named after the source.
        signature: of the training.

    """
    write_json(
        folder / PROBES,
        {"schema": PROBES_SCHEMA, "signature": signature, "comparisons": [asdict(one) for one in comparisons]},
    )


def load_probes(folder: Path, *, signature: str) -> tuple[ProbeComparison, ...]:
    """Return the comparisons in a folder of results.

    Raises:
        RunError: there are none, or they are of another training than the one with this signature.

    """
    path = folder / PROBES

    def parse(text: dict[str, Any]) -> tuple[ProbeComparison, ...]:
        if text["schema"] != PROBES_SCHEMA:
            raise RunError(f"{path} has schema {text['schema']!r}; this version reads {PROBES_SCHEMA!r}")
        if text["signature"] != signature:
            raise RunError(f"{path} belongs to the training {text['signature']}, {RUN} in its folder to {signature}")
        return tuple(_comparison(item) for item in text["comparisons"])

    return _read(path, parse, what="probes of a source")


def _read(path: Path, parse: Callable[[dict[str, Any]], T], *, what: str) -> T:
    """Return what a JSON file contains; map everything that may be wrong with it to `RunError`."""
    try:
        return parse(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise RunError(f"{path.parent} contains no {what} (no {path.name})") from error
    except (json.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise RunError(f"{path} can't be read as {what}: {error!r}") from error


def _score(item: dict[str, Any]) -> HeldOutScore:
    folders = {name: (float(pair[0]), float(pair[1])) for name, pair in item["folders"].items()}
    return HeldOutScore(**{**item, "folders": folders})


def _comparison(item: dict[str, Any]) -> ProbeComparison:
    probes = {
        name: tuple(LayerProbe(**{**probe, "layers": tuple(probe["layers"])}) for probe in probes)
        for name, probes in item["probes"].items()
    }
    return ProbeComparison(**{**item, "probes": probes, "unheard": tuple(item["unheard"])})


NOTES = "NOTES.md"
SAME = 1e-9  # agreements closer than this are equal


def results_card(folder: Path) -> str:
    """Return the card of a source from its results: run, probes and, at the end, `NOTES.md`.

    Raises:
        RunError: the folder contains no results of a source, or the probes belong to another training.

    """
    run = load_source_run(folder)
    comparisons = load_probes(folder, signature=run.signature)
    notes = folder / NOTES
    return source_card(run, comparisons, notes=notes.read_text(encoding="utf-8") if notes.exists() else "")


def source_card(run: SourceRun, comparisons: Sequence[ProbeComparison] = (), *, notes: str = "") -> str:
    """Return the card as Markdown; every number in it is from the run or from the probes.

    Args:
        run: the finished training.
        comparisons: of its student with untrained networks.
        notes: Markdown that starts with a heading of level 2; it ends the card.

    """
    lines = [*_head(run), "", *_sound(run), "", *_held_out(run)]
    if comparisons:
        lines += ["", *_layers(comparisons)]
    return "\n".join([*lines, "", *([notes.rstrip(), ""] if notes else [])])


def _head(run: SourceRun) -> list[str]:
    recipe, teacher = run.recipe, teacher_info(run.recipe.teacher)
    excerpts, training = recipe.excerpts, recipe.training
    divided = "" if training.temperature == 1 else f" / {training.temperature:g}"
    return [
        f"# {recipe.name}",
        "",
        recipe.description,
        "",
        "SoundNet's four convolutions on raw samples (16 kHz) with one head, trained from scratch: it contains no",
        "weights of SoundNet or of the teacher. Its purpose is transfer: load `conv1` to `conv4`.",
        "",
        f"- Licence of the weights: {recipe.licence}",
        f"- Teacher: {recipe.teacher}, {teacher.title}; {teacher.licence}. {teacher.citation}.",
        f"  <{teacher.url}>, SHA-256 `{run.teacher_sha256}`",
        f"- Classes: the teacher's {teacher.classes} of {teacher.vocabulary}, as one distribution: the softmax of its",
        f"  logits{divided}.",
        f"- Training: Kullback-Leibler divergence, Adam {training.learning_rate:g}, beta1 {training.beta1:g}, batches",
        f"  of {training.batch_size}, {training.steps} steps, {training.precision}; seed {recipe.seed}.",
        f"- Training data: {excerpts.train} excerpts of {excerpts.seconds:g} s, {100 * excerpts.mix_probability:.0f} %",
        "  of them mixtures of two recordings; the teacher processed the same mixtures.",
        f"- Signature: {run.signature}; weights SHA-256 `{run.weights_sha256}`",
    ]


def _sound(run: SourceRun) -> list[str]:
    minutes = sum(amount.minutes for amount in run.sound.values())
    lines = [
        "## Training data",
        "",
        f"The student was trained on {minutes / 60:.1f} hours of sound. No label of any recording was used.",
        "",
        "| sound | licence | training | held out | attribution |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, amount in run.sound.items():
        folder = run.recipe.sound[name]
        groups = f"{amount.held_out_groups} group{'' if amount.held_out_groups == 1 else 's'}"
        lines.append(
            f"| {name} | {folder.licence} | {amount.recordings} recordings, {amount.minutes:.1f} min"
            f" | {amount.held_out_recordings} recordings, {amount.held_out_minutes:.1f} min, {groups}"
            f" | {folder.attribution or 'not stated'} |"
        )
    return lines


def _held_out(run: SourceRun) -> list[str]:
    last, baseline = run.history[-1], run.baseline
    rows = {"all": (_pair(last), _pair(baseline))}
    rows |= {name: (pair, baseline.folders[name]) for name, pair in last.folders.items()}
    equal = [
        name
        for name, (student, constant) in rows.items()
        if abs(student[1] - constant[1]) < SAME and student[0] < constant[0]
    ]
    lines = [
        "## Results on held-out sound",
        "",
        f"{run.recipe.excerpts.held_out} excerpts of held-out recordings, not mixed. Divergence is KL(teacher ||",
        "student) in nats (lower is better). Agreement is the share of excerpts for which student and teacher have the",
        "same most probable class. The values in brackets are those of a baseline that ignores the audio: it always",
        "predicts the mean of the teacher's probabilities on the training data.",
        "",
        "| excerpts of | divergence | agreement |",
        "| --- | --- | --- |",
        *(
            f"| {name} | {student[0]:.3f} ({constant[0]:.3f}) | {student[1]:.3f} ({constant[1]:.3f}) |"
            for name, (student, constant) in rows.items()
        ),
    ]
    if equal:
        lines += [
            "",
            f"On {', '.join(equal)} the student's agreement equals that of the constant prediction: only the",
            "divergence measures the student there.",
        ]
    return lines


def _pair(score: HeldOutScore) -> tuple[float, float]:
    return score.divergence, score.agreement


def _layers(comparisons: Sequence[ProbeComparison]) -> list[str]:
    lines = [
        "## Layer probes",
        "",
        "A logistic regression on the mean and standard deviation over time of each layer, cross-validated over the",
        "folds. Accuracy in percent, next to the range of untrained networks with random weights, whose batch",
        "normalisation statistics are from the same sound.",
    ]
    for comparison in comparisons:
        lines += ["", *_comparison_lines(comparison)]
    return lines


def _comparison_lines(comparison: ProbeComparison) -> list[str]:
    student = comparison.probes["student"]
    untrained = [probes for name, probes in comparison.probes.items() if name != "student"]
    folds, unheard = tuple(student[0].folds), comparison.unheard
    separate = unheard if set(unheard) != set(folds) else ()  # folds with columns of their own
    header = ["layers", "student", f"{len(untrained)} untrained"]
    if separate:
        only = f"fold{'' if len(separate) == 1 else 's'} {', '.join(separate)} only"
        header += [f"student, {only}", f"untrained, {only}"]
        known = (
            f"All folds except {', '.join(separate)} were part of the student's training sound (without labels): only "
            "the columns for new folds measure new sound."
        )
    else:
        known = (
            "None of it was part of the student's training sound."
            if unheard
            else "All of it was part of the student's training sound (without labels)."
        )
    amount = f"{student[0].clips} clips, {comparison.classes} classes, {len(folds)} folds ({', '.join(folds)})"
    lines = [
        f"**{comparison.folder}**: {amount}; most frequent label: {100 * comparison.chance:.1f}. {known}",
        "",
        f"| {' | '.join(header)} |",
        f"|{' --- |' * len(header)}",
    ]
    for place, probe in enumerate(student):
        others = [probes[place] for probes in untrained]
        cells = [" + ".join(probe.layers), f"{100 * probe.accuracy:.1f}", _range([one.accuracy for one in others])]
        if separate:
            cells += [f"{100 * _mean(probe, separate):.1f}", _range([_mean(one, separate) for one in others])]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _mean(probe: LayerProbe, folds: tuple[str, ...]) -> float:
    return sum(probe.folds[fold] for fold in folds) / len(folds)


def _range(values: list[float]) -> str:
    return f"{100 * min(values):.1f} to {100 * max(values):.1f}" if values else "none"
