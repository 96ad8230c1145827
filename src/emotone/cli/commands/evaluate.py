"""`emotone evaluate`: speaker-independent scores of a recipe under a protocol, or scores of a finished model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from emotone.cli import console, corpus_data
from emotone.cli.console import print_evaluation, progress, report_left_out, shortcuts_text, to_dict
from emotone.cli.options import TransferOptions, transfer_options
from emotone.errors import EmotoneError, UsageError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emotone.cli.corpus_data import CorpusData
    from emotone.evaluation.run import Evaluation
    from emotone.evaluation.shortcuts import CueScore
    from emotone.fitting.resolve import AnyResolved
    from emotone.recipes.transfer import UnlabelledMethod
    from emotone.scoring.operating_points import OperatingPoints


@click.command(
    epilog="""\b
Examples:
  # a shipped model on your own recordings
  emotone evaluate --model default --corpus calls=calls.csv
  # your own recipe, trained and tested in folds without shared speakers
  emotone evaluate --recipe mine.toml --corpus calls=calls.csv --protocol speaker-folds-5 --workers 2
  # a baseline under a random split, and under its speaker-independent twin
  emotone evaluate --recipe is10-linear-svm --corpus emovo=~/corpora/emovo --protocol random-5
  # a shipped model, fine-tuned in every fold
  emotone evaluate --from small-open --transfer A5 --corpus calls=calls.csv
  # the head of a shipped model, fitted further in every fold on at most 50 clips
  emotone evaluate --from default --transfer auto --corpus calls=calls.csv --protocol speaker-folds-2@50
  # a recipe with the weights of a source
  emotone evaluate --recipe segment-yamnet --from yamnet.npz --corpus emodb=~/corpora/emodb
  # a detector with thresholds chosen on another evaluation
  emotone evaluate --model anger --corpus savee=~/corpora/savee --validation results/anger-held-out-1a2b

\b
What is evaluated:
  A recipe is trained and tested in every fold of the protocol. A finished model is tested on all clips (protocol
  held-out); a warning lists test clips that occur in its training data. Without --recipe and --model, the argument
  RECIPE|MODEL may be a .toml file, the name of a recipe or model, or a model's folder; for a name of both, the
  model is evaluated. With --from alone, the recipe is that of the training of the starting weights.

\b
Protocols (all of them: docs/protocols.md):
  leave-one-speaker-out, leave-one-session-out, speaker-folds-K   no speaker is in both training and test data
  random-K          shares speakers; its speaker-independent twin is also evaluated
  fixed:FILE        your own lists of speakers
  NAME+speaker-scaled   also scales each speaker by the statistics of that speaker's clips (baselines only)

\b
Exit status: 0 all done; 1 some recordings were left out and are listed; 2 wrong usage, or nothing was evaluated."""
)
@click.argument("system", metavar="[RECIPE|MODEL]", default="")
@click.option("--recipe", default="", metavar="FILE|NAME", help="The recipe to train and test.")
@click.option("--model", default="", metavar="NAME|DIR", help="The finished model to test.")
@corpus_data.corpus_option
@corpus_data.label_map_option
@transfer_options
@click.option(
    "--protocol",
    "protocol_name",
    default="leave-one-speaker-out",
    show_default=True,
    metavar="NAME",
    help="How to divide the clips into training and test data.",
)
@click.option("--seeds", type=click.IntRange(1), default=1, show_default=True, help="Number of trainings per fold.")
@click.option(
    "--workers", type=click.IntRange(1), default=1, show_default=True, help="Number of folds that run in parallel."
)
@click.option(
    "--validation",
    type=click.Path(path_type=Path),
    metavar="RUN",
    help="For a detector: the folder of its evaluation on other recordings. Thresholds for false positive rates of 1, "
    "5 and 10 % are chosen there and applied here. Default: the development parts, if any.",
)
@click.option(
    "--shortcuts",
    is_flag=True,
    help="Also score simple cues: the speaker's identity, duration, loudness, and the recording channel.",
)
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("results"), show_default=True, help="Folder of evaluations."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--quiet", is_flag=True, help="Hide progress bars.")
def command(
    *,
    system: str,
    recipe: str,
    model: str,
    corpus: tuple[str, ...],
    label_map: Mapping[str, str],
    source: str,
    plan: str,
    unlabelled: UnlabelledMethod | None,
    labels: str,
    protocol_name: str,
    seeds: int,
    workers: int,
    validation: Path | None,
    shortcuts: bool,
    out: Path,
    as_json: bool,
    quiet: bool,
) -> int:
    """Evaluate a recipe, trained in every fold of a protocol, or a finished model.

    Prints scores with 95 % confidence intervals over speakers, and the leakage audit. Repeated evaluations are cached,
    and interrupted ones resume.
    """
    from emotone.recipes.library import shipped_names as shipped_recipes

    options = TransferOptions(source, plan, unlabelled or "", labels)
    recipe, model = _told_apart(system, recipe=recipe, model=model)
    results: list[Evaluation]
    probes: list[CueScore] | None = None
    if model:
        _check_model_options(model, options, shortcuts=shortcuts)
        if system and model in shipped_recipes():
            console.note(
                f"{system} is a model and a recipe; evaluating the model. --recipe {system} evaluates the recipe"
            )
        data, results = _evaluate_model(model, corpus, label_map=label_map, out=out, quiet=quiet)
    else:
        resolved = _resolved(recipe, options)
        data, results = _evaluate_recipe(
            resolved,
            corpus,
            label_map=label_map,
            protocol_name=protocol_name,
            out=out,
            seeds=seeds,
            workers=workers,
            quiet=quiet,
        )
        if shortcuts:
            probes = _evaluate_shortcuts(resolved, results, data, workers=workers, quiet=quiet)
    points = _operating_points(results[0].folder, validation=validation)
    if as_json:
        console.print_json(to_dict(results, points=points, shortcuts=probes))
    else:
        print_evaluation(results, points)
        if probes is not None:
            click.echo(shortcuts_text(results, probes))
    problems = {problem.key: problem for result in results for problem in result.problems}
    report_left_out(list(problems.values()))
    return 1 if problems or data.problems else 0


def _told_apart(system: str, *, recipe: str, model: str) -> tuple[str, str]:
    """Return the recipe and the model to evaluate, of which at most one is not empty."""
    from emotone.bundles.library import shipped_names as shipped_models
    from emotone.recipes.library import parse_place
    from emotone.recipes.library import shipped_names as shipped_recipes

    given = [name for name in (system, recipe, model) if name]
    if len(given) > 1:
        raise UsageError(f"pass either a recipe or a model; given {' and '.join(given)}")
    if not system:
        return recipe, model
    models, recipes = shipped_models(), shipped_recipes()
    if parse_place(system) is not None:
        return system, ""
    if system in models:
        return "", system
    if system in recipes:
        return system, ""
    if Path(system).name == system and not Path(system).is_dir():
        raise unknown_name("recipe or model", system, (*models, *recipes))
    return "", system


def _check_model_options(model: str, options: TransferOptions, *, shortcuts: bool) -> None:
    """Raise `UsageError` for options that only apply to recipes."""
    if options.is_transfer or options.labels:
        raise UsageError(
            f"--from, --transfer, --unlabelled and --labels are for recipes, and {model} is a finished model; to "
            f"fine-tune it in every fold, pass --from {model} --transfer A5 without --model"
        )
    if shortcuts:
        raise UsageError(f"--shortcuts is for recipes: it needs folds, and {model} is a finished model")


def _resolved(name: str, options: TransferOptions) -> AnyResolved:
    """Return the recipe with the options, checked before any corpus is read."""
    from emotone.fitting.resolve import resolve_any
    from emotone.recipes.library import load_recipe, relabelled
    from emotone.recipes.recipe import Recipe

    refit = None if name or not options.source else _refit(options)
    if refit is not None:
        return refit
    if options.is_auto:
        raise UsageError(
            "--transfer auto selects a plan on the clips that it is given, and the score of a selected plan on the "
            "same clips is too high; pass the name of a plan, e.g. A5"
        )
    if not name and not options.source:
        raise UsageError(
            "nothing to evaluate: pass --recipe FILE or NAME, --model NAME or DIR, or --from with --transfer"
        )
    given = load_recipe(name) if name else None
    if given is None or isinstance(given, Recipe):
        return resolve_any(options.recipe(given))
    if options.is_transfer:
        raise UsageError(f"--from, --transfer and --unlabelled are for recipes that train a network; {name} does not")
    return resolve_any(relabelled(given, options.labels) if options.labels else given)


def _refit(options: TransferOptions) -> AnyResolved | None:
    """Return what fits the head of a model with a frozen encoder further in every fold; None for other sources."""
    from emotone.fitting.head_transfer import refit_recipe_for, resolve_refit

    recipe = refit_recipe_for(options.source, plan=options.plan, labels=options.labels)
    if recipe is not None and options.unlabelled:
        raise UsageError(
            f"{options.source} has a head on a frozen encoder: --transfer adapted uses the clips without their labels; "
            "remove --unlabelled"
        )
    return None if recipe is None else resolve_refit(recipe)


def _evaluate_recipe(
    recipe: AnyResolved,
    corpus: tuple[str, ...],
    *,
    label_map: Mapping[str, str],
    protocol_name: str,
    out: Path,
    seeds: int,
    workers: int,
    quiet: bool,
) -> tuple[CorpusData, list[Evaluation]]:
    """Return the evaluation, followed by that of the speaker-independent twin if the protocol shares speakers."""
    from emotone.evaluation.run import division_of, evaluate_recipe
    from emotone.protocols import protocol, twin_for

    protocol(protocol_name)  # reports an unknown name before the corpora are read
    task = recipe.recipe
    data = corpus_data.load(corpus, label_set_name=task.labels, selection=task.selection, label_map=label_map)
    corpus_data.report(data)
    asked = division_of(recipe, protocol_name, data.utterances)
    names = [protocol_name]  # not `asked.name`, which lacks the path of lists in files
    if not asked.speaker_independent:
        twin = twin_for(asked, data.utterances)
        console.note(
            f"{asked.name} shares speakers between training and test data; "
            + (f"also evaluating {twin}" if twin else "these recordings allow no speaker-independent protocol")
        )
        names += [twin] if twin else []
    _warn_about_weights(recipe, data)
    results = []
    for name in names:
        with progress(quiet=quiet) as bar:
            result = evaluate_recipe(
                recipe,
                data.utterances,
                labels=data.labels,
                protocol_name=name,
                out=out,
                seeds=seeds,
                workers=workers,
                progress=bar.report,
            )
        for note in result.notes:
            console.note(note)
        _note_reuse(result)
        results.append(result)
    return data, results


def _note_reuse(result: Evaluation) -> None:
    """Print that nothing was computed, and what to do where recordings have changed: clips are identified by name."""
    if result.reused:
        console.note(
            f"result of an earlier evaluation of these clips; if recordings were changed, delete {result.folder} and "
            "repeat it"
        )


def _warn_about_weights(recipe: AnyResolved, data: CorpusData) -> None:
    """Print a warning if the starting weights were trained on some of the clips."""
    from emotone.evaluation.identity import weights_overlap

    shared = weights_overlap(recipe, data.utterances)
    if shared:
        console.note(f"warning: the starting weights were trained on some of these clips: {shared}")


def _evaluate_model(
    name: str, corpus: tuple[str, ...], *, label_map: Mapping[str, str], out: Path, quiet: bool
) -> tuple[CorpusData, list[Evaluation]]:
    from emotone.bundles.library import load
    from emotone.evaluation.finished_model import evaluate_model

    bundle = load(name)
    data = corpus_data.load_for_labels(corpus, bundle.labels, label_map=label_map)
    corpus_data.report(data)
    with progress(quiet=quiet) as bar:
        result = evaluate_model(bundle, data.utterances, out=out, progress=bar.report)
    _note_reuse(result)
    trained_on = sorted(set(bundle.manifest.training.corpora) & {item.corpus for item in data.utterances})
    if trained_on:
        console.note(
            f"warning: {name} was trained on {', '.join(trained_on)}: these scores do not generalise to new speakers"
        )
    shared = result.training_overlap
    if shared is None:
        console.note(f"{name} stores no hashes of its training recordings, so overlap with these clips is unknown")
    else:
        console.note(f"warning: {shared}" if shared else str(shared))
        if shared.unreadable:
            console.note(f"{shared.unreadable} test clips can't be read, so their overlap is unknown")
    return data, [result]


def _operating_points(folder: Path, *, validation: Path | None) -> OperatingPoints | None:
    """Return the rates that thresholds chosen elsewhere give in a run, if any, and store them with the run."""
    from emotone.scoring.operating_points import add_operating_points, operating_points_of

    try:
        found = operating_points_of(folder, validation=validation)
    except EmotoneError as error:
        if validation is not None:
            raise
        console.note(f"no thresholds are chosen on the development parts: {error}")
        return None
    if found is not None:
        add_operating_points(folder, found)
    return found


def _evaluate_shortcuts(
    recipe: AnyResolved, results: list[Evaluation], data: CorpusData, *, workers: int, quiet: bool
) -> list[CueScore]:
    """Return the scores of simple cues under the protocols of the results, and store them with the runs."""
    from emotone.evaluation.run import division_of
    from emotone.evaluation.shortcuts import add_cues, evaluate_cues

    found: list[CueScore] = []
    for result in results:
        never_tested = division_of(recipe, result.requested, data.utterances).training_only
        with progress(quiet=quiet) as bar:
            cues = evaluate_cues(
                [each for each in data.utterances if each.corpus not in never_tested],
                labels=data.labels,
                protocol_name=result.requested,
                out=result.folder.parent,
                seed=recipe.seed,
                seeds=len(set(result.table.seed.tolist())),
                workers=workers,
                progress=bar.report,
            )
        add_cues(result.folder, cues)
        found += cues
    return found
