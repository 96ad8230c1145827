"""`emotone train`: from a recipe and corpora to a trained net in a run folder."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from emotone.cli import console as _say
from emotone.cli import data as _data
from emotone.errors import UsageError

if TYPE_CHECKING:
    from emotone.fitting.plan_selection import PlanSelection
    from emotone.fitting.resolve import ResolvedRecipe
    from emotone.fitting.train import TrainingJob
    from emotone.recipes.transfer import UnlabelledMethod
    from emotone.training.checkpoint import Epoch


@click.command(
    epilog="""\b
Examples:
  emotone train recipes/default-open.toml --corpus emodb=~/corpora/emodb
  emotone train mine.toml --corpus calls=calls.csv --out runs
  emotone train anger-soundnet --corpus emodb=~/corpora/emodb
  emotone train anger-soundnet --corpus emodb=~/corpora/emodb --from soundnet5.safetensors --transfer anger-3
  emotone train --from runs/mine-0123456789ab --transfer A3 --corpus calls=calls.csv
  emotone train --from models/mine --transfer auto --corpus calls=calls.csv
  emotone train --from default --unlabelled statistics --corpus calls=calls.csv
  emotone models export runs/mine-0123456789ab --out mine

A training that was cut off goes on from its last epoch; asked twice, it is done once."""
)
@click.argument("recipe", default="")
@_data.corpus_option
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs"), show_default=True, help="Folder of runs.")
@click.option("--resume/--fresh", default=True, show_default=True, help="Go on from the last epoch, or start anew.")
@click.option(
    "--from",
    "--source",
    "source",
    default="",
    metavar="RUN|MODEL|FILE",
    help="What to start from: the folder of a training or of a model, or a source's weights: a file or a name.",
)
@click.option(
    "--transfer",
    "--plan",
    "plan",
    default="",
    metavar="PLAN",
    help="What of it is taken over and what learns: A1 to A8, anger-0 to anger-3; auto tries A1 to A8, and none.",
)
@_data.unlabelled_option
@click.option("--labels", default="", help="A label set instead of the recipe's, e.g. seven.")
@click.option("--epochs", type=click.IntRange(1), default=None, help="Passes instead of the recipe's.")
@click.option("--threads", type=click.IntRange(1), default=None, help="Threads of torch; default: one per core.")
@click.option(
    "--workers", type=click.IntRange(1), default=1, show_default=True, help="Processes that compute features."
)
@click.option("--quiet", is_flag=True, help="No progress.")
def command(
    *,
    recipe: str,
    corpus: tuple[str, ...],
    out: Path,
    resume: bool,
    source: str,
    plan: str,
    unlabelled: UnlabelledMethod | None,
    labels: str,
    epochs: int | None,
    threads: int | None,
    workers: int,
    quiet: bool,
) -> int:
    """Train RECIPE (a TOML file, or one of `emotone recipes list`) on all clips of the given corpora.

    With --from a training or its model, RECIPE may be left out: front end, net and settings are then those that it had.
    """
    from emotone.fitting.plan_selection import AUTO, by_plan, write_selection
    from emotone.fitting.train import prepare, train_run
    from emotone.fitting.training_run import RUN, load_run

    resolved = _resolved(recipe, source=source, plan=plan, labels=labels, unlabelled=unlabelled or "", epochs=epochs)
    asked = resolved.recipe
    score_name = {"uar": "UAR", "auroc": "AU-ROC"}[asked.training.monitor]
    if asked.transfer is not None and asked.transfer.unlabelled:
        data = _data.load_unlabelled(corpus, labels=_known(resolved))
    else:
        data = _data.load(corpus, label_set_name=asked.labels, selection=asked.selection)
    _data.report(data)
    _warn(data, own_labels=bool(recipe or labels))
    if threads is not None:
        import torch

        torch.set_num_threads(threads)
    with _data.progress(quiet=quiet) as bar:
        ready = prepare(
            resolved,
            data.utterances,
            labels=data.labels,
            workers=workers,
            progress=bar.counter("features", len(data.utterances)),
        )
        for problem in ready.problems:
            _say.error(f"left out: {problem.message}")
        _warn_of_few_steps(ready)
        choice = _selection(ready, out, bar) if plan == AUTO else None
        if choice is not None:
            ready = ready.with_recipe(by_plan(ready.resolved, choice.plan))
        folder = out / ready.name
        if (folder / RUN).exists() and resume:
            _say.note(f"this training is finished already (same recipe, same data): {folder}")
        else:

            def on_epoch(epoch: Epoch) -> None:
                score = "" if epoch.score is None else f", development {score_name} {epoch.score:.3f}"
                bar.say(f"epoch {epoch.number}: loss {epoch.loss:.3f}{score}, {epoch.seconds:.1f} s")

            train_run(ready, folder, fresh=not resume, progress=on_epoch, on_batch=bar.batches)
    if choice is not None:
        write_selection(folder, choice)
    run = load_run(folder)
    for line in run.transfer.lines() if run.transfer is not None else ():
        _say.note(line)
    kept = (
        f"kept the weights of epoch {run.best} of {len(run.history)}" if run.history else "there was nothing to learn"
    )
    _say.note(kept)
    click.echo(folder)
    failed = bool(ready.problems or data.problems)
    return 1 if failed else 0


def _resolved(
    recipe: str, *, source: str, plan: str, labels: str, unlabelled: UnlabelledMethod, epochs: int | None
) -> ResolvedRecipe:
    """Return what to train, checked before the corpora are read."""
    from emotone.fitting.plan_selection import AUTO
    from emotone.fitting.resolve import recipe_for, resolve
    from emotone.recipes.library import load_net_recipe

    if unlabelled and plan == AUTO:
        raise UsageError("auto scores plans on labelled clips: with --unlabelled name a plan, e.g. A5")
    given = load_net_recipe(recipe) if recipe else None
    named = "A2" if plan == AUTO else plan  # auto tries every plan, whichever is named here
    asked = recipe_for(given, source=source, plan=named, labels=labels, unlabelled=unlabelled)
    if epochs is not None:
        asked = replace(asked, training=replace(asked.training, epochs=epochs))
    return resolve(asked, two_stages=False)


def _known(resolved: ResolvedRecipe) -> tuple[str, ...]:
    """Return the labels that clips without labels can get: those of the weights, in the order of the label set."""
    from emotone.corpora.labels import label_set

    known = resolved.weights.labels if resolved.weights is not None else ()
    labels = tuple(label for label in label_set(resolved.recipe.labels).labels if label in known)
    if len(labels) < 2:
        raise UsageError(
            f"clips without labels get the labels of the weights: {', '.join(known) or 'no label'}; give with --from a "
            f"training or a model that has labels of the set {resolved.recipe.labels}"
        )
    return labels


def _warn(data: _data.Data, *, own_labels: bool) -> None:
    """Say what a training on these clips can't give."""
    if data.dropped and not own_labels:
        _say.note("clips that the start has no label for are left out; --labels every would learn them too")
    if len({utterance.speaker_key for utterance in data.utterances}) == 1:
        _say.note("all clips are of one speaker: nothing will tell how well others are judged")


def _warn_of_few_steps(ready: TrainingJob) -> None:
    """Say where a training is so short that the average of its weights, which is kept, stays near where it began."""
    training, transfer = ready.resolved.recipe.training, ready.resolved.recipe.transfer
    if transfer is not None and transfer.plan == "A1":
        return  # nothing learns
    each = training.steps_per_epoch or max(1, round(len(ready.fold.train) / training.batch_size))
    steps, needed = each * training.epochs, 3 / (1 - training.ema_decay)
    if training.ema_decay > 0 and steps < needed:
        _say.note(
            f"{steps} steps are few for an average of weights over {1 / (1 - training.ema_decay):.0f}: what is kept "
            f"stays near where it began; --epochs {math.ceil(needed / each)} would do"
        )


def _selection(job: TrainingJob, out: Path, bar: _data.Display) -> PlanSelection:
    """Return the best plan on these corpora, from an earlier training if it was selected there, and print why."""
    from emotone.fitting.plan_selection import INNER_FOLDS, PLANS, find_selection, select_plan, selection_signature

    selection = find_selection(out, selection_signature(job))
    if selection is None:
        selection = select_plan(job, progress=bar.counter("plans", INNER_FOLDS * len(PLANS)))
    for line in selection.lines():
        _say.note(line)
    return selection
