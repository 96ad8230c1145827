"""The card of a source: what it is, what it heard, and how well it says what its teacher says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emotone.distil.teachers import TEACHERS

if TYPE_CHECKING:
    from emotone.distil.run import SourceRun


def source_card(run: SourceRun) -> str:
    """Return the card as Markdown; every number in it is from the run."""
    recipe, teacher, last = run.recipe, TEACHERS[run.recipe.teacher], run.history[-1]
    stretches, learning = recipe.stretches, recipe.learning
    ignorant, ignorant_agreement = run.ignorant
    lines = [
        f"# {recipe.name}",
        "",
        recipe.description,
        "",
        "SoundNet's four convolutions on raw samples (16 kHz) with one head, learned from scratch: no weights of",
        "SoundNet or of the teacher are in it. It is made to be transferred from: take `conv1` to `conv4`.",
        "",
        f"- Licence: {recipe.licence}",
        f"- Teacher: {recipe.teacher}, {teacher.title}; {teacher.licence}. {teacher.citation}.",
        f"  <{teacher.url}>, SHA-256 `{run.teacher_sha256}`",
        f"- Classes: the teacher's {teacher.classes} of {teacher.vocabulary}, as one distribution: the",
        f"  softmax of its logits / {learning.temperature:g}.",
        f"- Learned by Kullback-Leibler divergence, Adam {learning.learning_rate:g}, beta1 {learning.beta1:g}, batches",
        f"  of {learning.batch}, {learning.steps} steps, {learning.precision}; seed {recipe.seed}.",
        f"- Stretches of {stretches.seconds:g} s: {stretches.train} drawn, {100 * stretches.mixed:.0f} % of two sounds",
        "  at once; the teacher heard exactly these.",
        f"- Signature: {run.signature}; weights SHA-256 `{run.weights_sha256}`",
        "",
        "## Sound",
        "",
        "No label of any recording was used.",
        "",
        "| sound | licence | learned from | held out | by |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, used in run.sound.items():
        folder = recipe.sound[name]
        lines.append(
            f"| {name} | {folder.licence} | {used.recordings} recordings, {used.minutes:.1f} min"
            f" | {used.held_out_recordings} recordings, {used.held_out_minutes:.1f} min, {used.held_out_groups} groups"
            f" | {folder.attribution or 'not stated'} |"
        )
    lines += [
        "",
        "## On held-out sound",
        "",
        f"{stretches.held_out} stretches of recordings that were not learned from. Divergence is",
        "KL(teacher || student) in nats, agreement the share whose likeliest class is the teacher's.",
        "",
        "| stretches of | divergence | agreement |",
        "| --- | --- | --- |",
        f"| all | {last.divergence:.3f} | {last.agreement:.3f} |",
        *(f"| {name} | {pair[0]:.3f} | {pair[1]:.3f} |" for name, pair in last.folders.items()),
        f"| all, by whoever hears nothing | {ignorant:.3f} | {ignorant_agreement:.3f} |",
        "",
    ]
    return "\n".join(lines)
