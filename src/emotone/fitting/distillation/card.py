"""The card of a source: what it is, what it was trained on, and how well student and layers do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emotone.fitting.distillation.source_run import load_probes, load_source_run
from emotone.fitting.distillation.teachers import teacher_info

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from emotone.fitting.distillation.source_run import HeldOutScore, LayerProbe, ProbeComparison, SourceRun

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
        lines += ["", *_comparison(comparison)]
    return lines


def _comparison(comparison: ProbeComparison) -> list[str]:
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
