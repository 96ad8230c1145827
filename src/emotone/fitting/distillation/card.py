"""The card of a source: what it is, what it heard, how well it says what its teacher says, what its layers tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emotone.fitting.distillation.teachers import TEACHERS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emotone.fitting.distillation.probe import Comparison, Probe
    from emotone.fitting.distillation.run import SourceRun
    from emotone.fitting.distillation.state import Measurement

SAME = 1e-9  # agreements closer than this are those of the same stretches


def source_card(run: SourceRun, comparisons: Sequence[Comparison] = (), *, notes: str = "") -> str:
    """Return the card as Markdown; every number in it is from the run or from what its layers were found to tell.

    Args:
        run: the finished training.
        comparisons: of its student with twins that learned nothing.
        notes: what no number tells, Markdown that begins with a heading of level 2; it ends the card.

    """
    lines = [*_head(run), "", *_sound(run), "", *_held_out(run)]
    if comparisons:
        lines += ["", *_layers(comparisons)]
    return "\n".join([*lines, "", *([notes.rstrip(), ""] if notes else [])])


def _head(run: SourceRun) -> list[str]:
    recipe, teacher = run.recipe, TEACHERS[run.recipe.teacher]
    stretches, learning = recipe.stretches, recipe.learning
    divided = "" if learning.temperature == 1 else f" / {learning.temperature:g}"
    return [
        f"# {recipe.name}",
        "",
        recipe.description,
        "",
        "SoundNet's four convolutions on raw samples (16 kHz) with one head, learned from scratch: no weights of",
        "SoundNet or of the teacher are in it. It is made to be transferred from: take `conv1` to `conv4`.",
        "",
        f"- Licence of the weights: {recipe.licence}",
        f"- Teacher: {recipe.teacher}, {teacher.title}; {teacher.licence}. {teacher.citation}.",
        f"  <{teacher.url}>, SHA-256 `{run.teacher_sha256}`",
        f"- Classes: the teacher's {teacher.classes} of {teacher.vocabulary}, as one distribution: the softmax of its",
        f"  logits{divided}.",
        f"- Learned by Kullback-Leibler divergence, Adam {learning.learning_rate:g}, beta1 {learning.beta1:g}, batches",
        f"  of {learning.batch}, {learning.steps} steps, {learning.precision}; seed {recipe.seed}.",
        f"- Stretches of {stretches.seconds:g} s: {stretches.train} drawn, {100 * stretches.mixed:.0f} % of two sounds",
        "  at once; the teacher heard exactly these.",
        f"- Signature: {run.signature}; weights SHA-256 `{run.weights_sha256}`",
    ]


def _sound(run: SourceRun) -> list[str]:
    minutes = sum(used.minutes for used in run.sound.values())
    lines = [
        "## Sound",
        "",
        f"{minutes / 60:.1f} hours were learned from. No label of any recording was used.",
        "",
        "| sound | licence | learned from | held out | by |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, used in run.sound.items():
        folder = run.recipe.sound[name]
        groups = f"{used.held_out_groups} group{'' if used.held_out_groups == 1 else 's'}"
        lines.append(
            f"| {name} | {folder.licence} | {used.recordings} recordings, {used.minutes:.1f} min"
            f" | {used.held_out_recordings} recordings, {used.held_out_minutes:.1f} min, {groups}"
            f" | {folder.attribution or 'not stated'} |"
        )
    return lines


def _held_out(run: SourceRun) -> list[str]:
    last, nothing = run.history[-1], run.ignorant
    rows = {"all": (_pair(last), _pair(nothing))}
    rows |= {name: (pair, nothing.folders[name]) for name, pair in last.folders.items()}
    alike = [
        name for name, (student, deaf) in rows.items() if abs(student[1] - deaf[1]) < SAME and student[0] < deaf[0]
    ]
    lines = [
        "## On held-out sound",
        "",
        f"{run.recipe.stretches.held_out} stretches of recordings that were not learned from, one sound in each.",
        "Divergence is KL(teacher || student) in nats: less is better. Agreement is the share whose likeliest class is",
        "the teacher's. In brackets what is reached without hearing anything, by always giving the mean of the",
        "teacher's answers in training.",
        "",
        "| stretches of | divergence | agreement |",
        "| --- | --- | --- |",
        *(
            f"| {name} | {student[0]:.3f} ({deaf[0]:.3f}) | {student[1]:.3f} ({deaf[1]:.3f}) |"
            for name, (student, deaf) in rows.items()
        ),
    ]
    if alike:
        lines += [
            "",
            f"On {', '.join(alike)} the student's likeliest class is right exactly as often as one and the same class",
            "always: agreement there says nothing about the student, only divergence does.",
        ]
    return lines


def _pair(measured: Measurement) -> tuple[float, float]:
    return measured.divergence, measured.agreement


def _layers(comparisons: Sequence[Comparison]) -> list[str]:
    lines = [
        "## What its layers tell",
        "",
        "Mean and deviation over time of each layer, and a logistic regression on them that is fitted to labels of",
        "all folds but one and tested on that one, each fold in turn. Accuracy in percent, beside that of twins with",
        "random weights (least to most), whose normalisation was settled on the same sound.",
    ]
    for comparison in comparisons:
        lines += ["", *_comparison(comparison)]
    return lines


def _comparison(comparison: Comparison) -> list[str]:
    student = comparison.probes["student"]
    twins = [found for name, found in comparison.probes.items() if name != "student"]
    folds, unheard = tuple(student[0].folds), comparison.unheard
    apart = unheard if set(unheard) != set(folds) else ()  # folds with columns of their own
    header = ["layers", "student", f"{len(twins)} untrained"]
    if apart:
        only = f"fold{'' if len(apart) == 1 else 's'} {', '.join(apart)} only"
        header += [f"student, {only}", f"untrained, {only}"]
        heard = (
            f"Of the folds the student heard all but {', '.join(apart)} while it learned, though never with labels: "
            "only what is told of unheard folds is of new sound."
        )
    else:
        heard = (
            "The student heard none of it while it learned."
            if unheard
            else "The student heard all of it, though never with labels."
        )
    amount = f"{student[0].clips} clips, {comparison.classes} classes, {len(folds)} folds ({', '.join(folds)})"
    lines = [
        f"**{comparison.folder}**: {amount}; always the same answer: {100 * comparison.chance:.1f}. {heard}",
        "",
        f"| {' | '.join(header)} |",
        f"|{' --- |' * len(header)}",
    ]
    for place, probe in enumerate(student):
        others = [found[place] for found in twins]
        cells = [" + ".join(probe.layers), f"{100 * probe.accuracy:.1f}", _range([one.accuracy for one in others])]
        if apart:
            cells += [f"{100 * _mean(probe, apart):.1f}", _range([_mean(one, apart) for one in others])]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _mean(probe: Probe, folds: tuple[str, ...]) -> float:
    return sum(probe.folds[fold] for fold in folds) / len(folds)


def _range(values: list[float]) -> str:
    return f"{100 * min(values):.1f} to {100 * max(values):.1f}" if values else "none"
