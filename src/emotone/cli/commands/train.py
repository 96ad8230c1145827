"""`emotone train`: train the network of a recipe on corpora; the result is a run folder, or a model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from emotone.cli import console, corpus_data
from emotone.cli.console import progress, report_left_out
from emotone.cli.options import TransferOptions, transfer_options
from emotone.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emotone.cli.console import ProgressDisplay
    from emotone.fitting.embedding_training import EmbeddingTraining
    from emotone.fitting.head_transfer import ResolvedRefit
    from emotone.fitting.plan_selection import PlanSelection
    from emotone.fitting.resolve import ResolvedRecipe
    from emotone.fitting.train import TrainingJob
    from emotone.fitting.training_run import TrainingRun
    from emotone.recipes.embedding_recipe import EmbeddingRecipe
    from emotone.recipes.recipe import Recipe
    from emotone.recipes.transfer import UnlabelledMethod
    from emotone.training.loop import Epoch


@click.command(
    epilog="""\b
Examples:
  # a shipped recipe on a known corpus
  emotone train default-open --corpus emodb=~/corpora/emodb
  # your own recipe on your own table of recordings
  emotone train mine.toml --corpus calls=calls.csv --label-map happy=happiness,mad=anger --out runs
  # fine-tune a shipped model on your own recordings; auto selects the transfer plan
  emotone train --from small-open --transfer A5 --corpus calls=calls.csv
  emotone train --from small-open --transfer auto --corpus calls=calls.csv
  # fit the head of a model with a frozen encoder to a few labelled recordings, in seconds; the result is a model
  emotone train --from default --corpus calls=calls.csv
  # other weights or another plan for a recipe
  emotone train anger-soundnet --from soundnet5.safetensors --transfer anger-3 --corpus emodb=~/corpora/emodb
  # a linear head on a frozen speech encoder; the result is a model (after: emotone sources get whisper-base)
  emotone train whisper-base --corpus emodb=~/corpora/emodb --corpus calls=calls.csv
  # adapt a network to recordings without labels
  emotone train --from small-open --unlabelled statistics --corpus calls=calls.csv
  # two processes, which are started again from the last epoch if one is lost (docs/own-data.md)
  torchrun --standalone --nproc-per-node 2 --max-restarts 3 -m emotone train mine.toml --corpus calls=calls.csv
  # make a model of the run
  emotone models export runs/mine-0123456789ab --out mine

The run's folder is printed; its name contains a hash of the recipe and the data. Repeated trainings are cached, and
interrupted ones resume from the last epoch.

\b
Exit status: 0 trained on all clips; 1 trained, but some recordings were left out and are listed; 2 wrong usage, or
nothing was trained."""
)
@click.argument("recipe", default="")
@corpus_data.corpus_option
@corpus_data.label_map_option
@transfer_options
@click.option("--epochs", type=click.IntRange(1), default=None, help="Number of epochs that replaces the recipe's.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs"), show_default=True, help="Folder of runs.")
@click.option(
    "--resume/--fresh",
    default=True,
    show_default=True,
    help="Resume an interrupted training or reuse a finished one, or train from scratch.",
)
@click.option(
    "--threads", type=click.IntRange(1), default=None, help="Number of PyTorch threads. Default: one per core."
)
@click.option(
    "--workers",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Number of processes that extract features.",
)
@click.option("--quiet", is_flag=True, help="Hide progress bars.")
def command(
    *,
    recipe: str,
    corpus: tuple[str, ...],
    label_map: Mapping[str, str],
    source: str,
    plan: str,
    unlabelled: UnlabelledMethod | None,
    labels: str,
    epochs: int | None,
    out: Path,
    resume: bool,
    threads: int | None,
    workers: int,
    quiet: bool,
) -> int:
    """Train the network of RECIPE on all clips of the given corpora.

    RECIPE is a TOML file or the name of a shipped recipe (see emotone recipes list). With --from and the folder of a
    run or model, RECIPE is optional: the front end, network and training settings are then those of that run.

    A model with a frozen encoder, such as default, needs no plan: its head is adapted to the clips and fitted to their
    labels as far as inner folds without shared speakers show that this helps. The printed folder is that of a model.

    A recipe with an encoder fits a linear head on the outputs of a frozen speech encoder, in minutes: one of emotone's
    sources, one of the Hugging Face hub or in a folder (hf:ORGANISATION/NAME, hf:./FOLDER), or onnx:FILE#TENSOR. The
    printed folder is then that of a model, ready for emotone predict --model and emotone adapt.

    Needs the extra `train`.
    """
    from emotone.fitting.plan_selection import write_selection
    from emotone.fitting.train import prepare, train_run
    from emotone.fitting.training_run import RUN, load_run
    from emotone.recipes.embedding_recipe import EmbeddingRecipe
    from emotone.recipes.library import load_recipe, net_recipe
    from emotone.training.processes import join

    options = TransferOptions(source, plan, unlabelled or "", labels)
    given = load_recipe(recipe) if recipe else None
    if isinstance(given, EmbeddingRecipe):
        head_recipe = _encoder_recipe(given, options, epochs=epochs)
        return _train_head(head_recipe, corpus, label_map=label_map, out=out, workers=workers, quiet=quiet)
    refit = None if given is not None or not source else _refit(options, epochs=epochs)
    if refit is not None:
        return fit_further(refit, corpus, label_map=label_map, out=out, workers=workers, quiet=quiet)
    resolved = _resolved(None if given is None else net_recipe(given, recipe), options, epochs=epochs)
    asked = resolved.recipe
    score_name = {"uar": "UAR", "auroc": "AU-ROC", "cross-entropy": "negative cross-entropy"}[asked.training.monitor]
    if asked.transfer is not None and asked.transfer.unlabelled:
        data = corpus_data.load_unlabelled(corpus, labels=_known_labels(resolved), label_map=label_map)
    else:
        data = corpus_data.load(corpus, label_set_name=asked.labels, selection=asked.selection, label_map=label_map)
    corpus_data.report(data)
    _warn_about_data(data, own_labels=bool(recipe or labels))
    if threads is not None:
        import torch

        torch.set_num_threads(threads)
    with progress(quiet=quiet) as bar:
        job = prepare(
            resolved,
            data.utterances,
            labels=data.labels,
            workers=workers,
            progress=bar.counter("features", len(data.utterances)),
        )
        report_left_out(job.problems)
        job, selection = _with_plan(job, options, out, bar, keep_epochs=epochs is not None)
        folder = out / job.name
        if (folder / RUN).exists() and resume:
            console.note(f"already trained with the same recipe and data, so nothing was computed: {folder}")
        else:

            def on_epoch(epoch: Epoch) -> None:
                score = "" if epoch.score is None else f", development {score_name} {epoch.score:.3f}"
                bar.say(f"epoch {epoch.number}: loss {epoch.loss:.3f}{score}, {epoch.seconds:.1f} s")

            join()  # the other processes of a launcher, if there is one
            train_run(job, folder, fresh=not resume, progress=on_epoch, on_batch=bar.batches)
    if selection is not None:
        write_selection(folder, selection)
    _report_run(load_run(folder), selected=selection is not None)
    click.echo(folder)
    return 1 if job.problems or data.problems else 0


def _report_run(run: TrainingRun, *, selected: bool) -> None:
    """Print what a training did with the tensors of a network; `selected` is whether auto selected the plan."""
    for line in run.transfer.lines() if run.transfer is not None else ():
        console.note(line)
    if run.history:
        console.note(f"kept the weights of epoch {run.best} of {len(run.history)}")
    elif selected:
        console.note(
            "nothing was trained: for speakers that it has not heard, the unchanged model is best; use it as it is, or "
            "add clips of more speakers"
        )
    else:
        console.note("plan A1 freezes every layer, so nothing was trained")


def _encoder_recipe(recipe: EmbeddingRecipe, options: TransferOptions, *, epochs: int | None) -> EmbeddingRecipe:
    """Return the recipe of a head on a frozen encoder with the options that it allows."""
    if options.is_transfer or epochs is not None:
        raise UsageError(
            f"recipe {recipe.name} fits a head on a frozen encoder, so --from, --transfer, --unlabelled and "
            "--epochs do not apply; remove them"
        )
    return replace(recipe, labels=options.labels) if options.labels else recipe


def _train_head(
    recipe: EmbeddingRecipe,
    corpus: tuple[str, ...],
    *,
    label_map: Mapping[str, str],
    out: Path,
    workers: int,
    quiet: bool,
) -> int:
    """Train a model with a frozen encoder; the result is the folder of a model, since there is no network to resume."""
    from emotone.fitting.embedding import resolve_embedding
    from emotone.fitting.embedding_training import train_embedding, write_model

    resolved = resolve_embedding(recipe)
    data = corpus_data.load(corpus, label_set_name=recipe.labels, selection=recipe.selection, label_map=label_map)
    corpus_data.report(data)
    _warn_about_data(data, own_labels=True)
    with progress(quiet=quiet) as bar:
        training = train_embedding(
            resolved,
            data.utterances,
            labels=data.labels,
            workers=workers,
            progress=bar.counter("embeddings", len(data.utterances)),
            fits=lambda total: bar.counter("calibration: heads", total),
        )
    report_left_out(training.problems)
    written = write_model(training, out / f"{recipe.name}-{training.signature}")
    console.note(f"{len(training.utterances)} recordings; {_meaning(training)}")
    click.echo(written.directory)
    return 1 if training.problems or data.problems else 0


def _refit(options: TransferOptions, *, epochs: int | None) -> ResolvedRefit | None:
    """Return what fits the head of a model with a frozen encoder further; None if the weights are not such a model."""
    from emotone.fitting.head_transfer import refit_recipe_for, resolve_refit

    recipe = refit_recipe_for(options.source, plan=options.plan, labels=options.labels)
    if recipe is None:
        return None
    if recipe.transfer.plan != "auto" or options.unlabelled:
        raise UsageError(
            f"{options.source} has a head on a frozen encoder: --transfer auto fits it to labelled clips, and emotone "
            "adapt to recordings without labels"
        )
    if epochs is not None:
        raise UsageError(f"{options.source} has a head on a frozen encoder, and needs no epochs; remove --epochs")
    return resolve_refit(recipe)


def _meaning(training: EmbeddingTraining) -> str:
    """Return what the threshold of a model with a frozen encoder means."""
    from emotone.inference.segments import positive_of

    label = positive_of(training.labels)
    if label is None:
        return f"results with a confidence below {training.threshold:.2f} are unsure"
    return f"{label} is detected from a probability of {training.threshold:.2f}"


def _resolved(recipe: Recipe | None, options: TransferOptions, *, epochs: int | None) -> ResolvedRecipe:
    """Return what to train, checked before any corpus is read."""
    from emotone.fitting.resolve import resolve

    asked = options.recipe(recipe)
    if epochs is not None:
        asked = replace(asked, training=replace(asked.training, epochs=epochs))
    return resolve(asked, two_stages=False)


def _known_labels(resolved: ResolvedRecipe) -> tuple[str, ...]:
    """Return the labels that unlabelled clips can get: those of the weights, in the order of the label set."""
    from emotone.corpora.labels import label_set

    known = resolved.weights.labels if resolved.weights is not None else ()
    labels = tuple(label for label in label_set(resolved.recipe.labels).labels if label in known)
    if len(labels) < 2:
        raise UsageError(
            f"unlabelled clips can only get labels of the starting weights: {', '.join(known) or 'none'}; pass with "
            f"--from a run or model that has at least two labels of the set {resolved.recipe.labels}"
        )
    return labels


def _warn_about_data(data: corpus_data.CorpusData, *, own_labels: bool) -> None:
    """Print the limits of a training on these clips."""
    if data.dropped and not own_labels:
        console.note("clips with labels that the starting model does not have are left out; --labels every adds them")
    if len({utterance.speaker_key for utterance in data.utterances}) == 1:
        console.note("warning: all clips are of one speaker, so the results for other speakers can't be estimated")


def _warn_about_few_steps(job: TrainingJob) -> None:
    """Print a warning if there are too few batches for the average of the weights to leave the initial weights."""
    from emotone.fitting.train import length_of

    transfer = job.resolved.recipe.transfer
    if transfer is not None and transfer.plan == "A1":
        return
    length = length_of(job)
    if not length.is_enough:
        console.note(
            f"warning: only {length.batches} steps, but weights are averaged over about {length.averaged:.0f}, so "
            f"the model will barely change; pass --epochs {length.enough_epochs}"
        )


def _with_plan(
    job: TrainingJob, options: TransferOptions, out: Path, bar: ProgressDisplay, *, keep_epochs: bool
) -> tuple[TrainingJob, PlanSelection | None]:
    """Return the training with its plan, and how auto selected it; only auto changes a training."""
    from emotone.fitting.plan_selection import by_plan

    if not options.is_auto:
        _warn_about_few_steps(job)
        return job, None
    job = _long_enough(job, keep_epochs=keep_epochs)
    selection = _plan_selection(job, out, bar)
    return job.with_recipe(by_plan(job.resolved, selection.plan)), selection


def _long_enough(job: TrainingJob, *, keep_epochs: bool) -> TrainingJob:
    """Return the training with enough batches for few clips, and print what was changed."""
    from emotone.fitting.train import MIN_BATCHES, length_of, with_enough_batches

    longer = with_enough_batches(job, keep_epochs=keep_epochs)
    before, after = length_of(job), length_of(longer)
    if after.epochs != before.epochs:
        console.note(
            f"few clips: {after.epochs} epochs instead of {before.epochs}, so that there are {MIN_BATCHES} batches"
        )
    return longer


def _plan_selection(job: TrainingJob, out: Path, bar: ProgressDisplay) -> PlanSelection:
    """Return the best plan on these corpora, from an earlier training if it was selected there, and print why."""
    from emotone.fitting.plan_selection import INNER_FOLDS, PLANS, find_selection, select_plan, selection_signature

    selection = find_selection(out, selection_signature(job))
    if selection is None:
        selection = select_plan(job, progress=bar.counter("plans", INNER_FOLDS * len(PLANS)))
    for line in selection.lines():
        console.note(line)
    return selection


def fit_further(
    resolved: ResolvedRefit,
    corpus: tuple[str, ...],
    *,
    label_map: Mapping[str, str],
    out: Path,
    workers: int,
    quiet: bool,
) -> int:
    """Fit the head of a model on the given corpora, print the folder of the new model, and return the exit status."""
    from emotone.evaluation.identity import weights_overlap
    from emotone.fitting.export import TUNED
    from emotone.fitting.head_transfer import fit_signature, write_refitted

    data = corpus_data.load(corpus, label_set_name=resolved.recipe.labels, label_map=label_map)
    corpus_data.report(data)
    known, source = resolved.bundle.labels, resolved.bundle.manifest.name
    new = [label for label in data.labels if label not in known]
    if new:
        console.note(f"{source} has no scores for {', '.join(new)}; they are learned")
    with progress(quiet=quiet) as bar:
        counter = bar.counter("embeddings", len(data.utterances))
        extracted = resolved.extract(data.utterances, workers=workers, progress=counter)
    report_left_out(extracted.problems)
    clips = extracted.usable(data.utterances)
    shared = weights_overlap(resolved, clips)
    if shared:
        console.note(f"warning: {source} was trained on some of these clips: {shared}")
    if len({one.speaker_key for one in clips}) == 1:
        console.note("warning: all clips are of one speaker, so the result for other speakers can't be estimated")
    fitted = resolved.fit(clips, extracted.features, labels=data.labels)
    for line in fitted.lines():
        console.note(line)
    name = f"{source}-{TUNED}"
    folder = out / f"{name}-{fit_signature(resolved, clips, data.labels)}"
    write_refitted(resolved, fitted, clips, folder, labels=data.labels, name=name)
    click.echo(folder)
    return 1 if extracted.problems or data.problems else 0
