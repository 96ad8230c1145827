"""`emotone evaluate`: scores that hold, of a recipe under a protocol or of a finished model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from emotone.cli import console as _say
from emotone.cli import data as _data
from emotone.errors import UsageError, unknown_name

if TYPE_CHECKING:
    from emotone.cli.data import Data
    from emotone.evaluation.run import Evaluation
    from emotone.evaluation.shortcuts import CueScore
    from emotone.fitting.resolve import AnyResolved
    from emotone.recipes.transfer import UnlabelledMethod
    from emotone.scoring.operating_points import OperatingPoints


@click.command(
    epilog="""\b
Examples:
  emotone evaluate recipes/default-open.toml --corpus emodb=~/corpora/emodb
  emotone evaluate recipes/default.toml --corpus emodb=A --corpus ravdess=B --protocol speaker-folds-10 --workers 2
  emotone evaluate default --corpus calls=calls.csv
  emotone evaluate is10-linear-svm --corpus emovo=~/corpora/emovo --protocol random-5
  emotone evaluate anger --corpus savee=~/corpora/savee --validation results/anger-held-out-1a2b
  emotone evaluate segment-yamnet --source yamnet.npz --corpus emodb=~/corpora/emodb --protocol random-8-1-1

\b
What can be evaluated: a file, a recipe that comes with emotone (emotone recipes list), or a finished model, which
is judged on everything it is given (protocol held-out). A model's name wins over a recipe's.

\b
Protocols: leave-one-speaker-out, leave-one-session-out, speaker-folds-K; random-K, which tests speakers that were
trained on: it says so, and runs speaker-folds-K beside it; published divisions of single corpora, and your own
lists of speakers. NAME+speaker-scaled lets a baseline scale each speaker by its own clips. All: docs/protocols.md.

Exit status: 0 all done; 1 some recordings were left out, and are listed; 2 wrong usage, or nothing could be done."""
)
@click.argument("what", metavar="RECIPE|MODEL")
@_data.corpus_option
@click.option("--labels", default=None, help="A label set instead of the recipe's, e.g. seven.")
@click.option("--protocol", "protocol_name", default="leave-one-speaker-out", show_default=True, help="How to divide.")
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("results"), show_default=True, help="Runs go here."
)
@click.option("--source", default="", metavar="FILE", help="Weights to take over: a file, a run's folder, or a name.")
@click.option("--plan", default="", metavar="NAME", help="What is taken over and frozen, e.g. anger-2.")
@_data.unlabelled_option
@click.option("--seeds", type=click.IntRange(1), default=1, show_default=True, help="Trainings per fold.")
@click.option("--workers", type=click.IntRange(1), default=1, show_default=True, help="Folds side by side.")
@click.option(
    "--validation",
    type=click.Path(path_type=Path),
    metavar="RUN",
    help="For a detector: a folder that `emotone evaluate` made of it on other recordings. Thresholds are chosen "
    "there, at 1, 5 and 10 % false alarms, and what they give here is told. Default: the development part, if any.",
)
@click.option("--shortcuts", is_flag=True, help="Also tell how far length, loudness, channel or the speaker alone get.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--quiet", is_flag=True, help="No progress.")
def command(
    *,
    what: str,
    corpus: tuple[str, ...],
    labels: str | None,
    protocol_name: str,
    out: Path,
    source: str,
    plan: str,
    unlabelled: UnlabelledMethod | None,
    seeds: int,
    workers: int,
    validation: Path | None,
    shortcuts: bool,
    as_json: bool,
    quiet: bool,
) -> int:
    """Evaluate a RECIPE (trained anew in every fold) or a finished MODEL (a name or a folder)."""
    recipe = _recipe(what, labels=labels, source=source, plan=plan, unlabelled=unlabelled or "")
    if recipe is None:
        if shortcuts:
            raise UsageError(
                f"--shortcuts is for recipes: {what} is a finished model, and nothing is divided into folds"
            )
        results, data = _evaluate_model(what, corpus, out=out, quiet=quiet)
    else:
        results, data = _evaluate_recipe(
            recipe, corpus, protocol_name=protocol_name, out=out, seeds=seeds, workers=workers, quiet=quiet
        )
    probes = _probe(recipe, results, data, workers=workers, quiet=quiet) if recipe and shortcuts else []
    points = _operating_points(results[0], validation=validation)
    if as_json:
        told = {**_to_dict(results), **({"shortcuts": [found.to_dict() for found in probes]} if shortcuts else {})}
        _say.print_json({**told, **({} if points is None else {"operating_points": points.to_dict()})})
    else:
        _print(results, points)
        if shortcuts:
            click.echo(_shortcuts_text(results, probes))
    problems = {problem.key: problem for result in results for problem in result.problems}
    for problem in problems.values():
        _say.error(f"left out: {problem.message}")
    return 1 if problems or data.problems else 0


def _recipe(what: str, *, labels: str | None, source: str, plan: str, unlabelled: UnlabelledMethod) -> AnyResolved | None:
    """Return the recipe that is meant, or None where it is a finished model."""
    from emotone.bundles import shipped
    from emotone.fitting.resolve import recipe_for, resolve_any
    from emotone.recipes import library as recipes
    from emotone.recipes.recipe import Recipe

    models, names = shipped.shipped_names(), recipes.shipped_names()
    if not what.endswith(recipes.SUFFIX) and (what in models or what not in names):
        if what not in models and Path(what).name == what and not Path(what).is_dir():
            raise unknown_name("recipe or model", what, (*models, *names))
        if labels is not None:
            raise UsageError(f"--labels is for recipes; the labels of the finished model {what} are its own")
        if source or plan or unlabelled:
            raise UsageError(f"--source, --plan and --unlabelled are for recipes; {what} is a finished model")
        return None
    found = recipes.load_recipe(what)
    if isinstance(found, Recipe):
        found = recipe_for(found, source=source, plan=plan, unlabelled=unlabelled)
    elif source or plan or unlabelled:
        raise UsageError(f"--source, --plan and --unlabelled are for nets; {what} is a baseline: it takes over nothing")
    # Resolved here, so that a wrong recipe is reported before the corpora are read.
    return resolve_any(found if labels is None else recipes.relabelled(found, labels))


def _evaluate_recipe(
    recipe: AnyResolved, corpus: tuple[str, ...], *, protocol_name: str, out: Path, seeds: int, workers: int, quiet: bool
) -> tuple[list[Evaluation], Data]:
    """Return the evaluation asked for, and that of its speaker-independent twin where it shares speakers."""
    from emotone.evaluation.run import evaluate_recipe
    from emotone.protocols import protocol, twin_for

    asked = protocol(protocol_name)  # a misspelt name is said before the corpora are read
    data = _data.load(corpus, label_set_name=recipe.recipe.labels, selection=recipe.recipe.selection)
    _data.report(data)
    names = [protocol_name]  # not its short name, which does not hold the lists of files
    if not asked.speaker_independent:
        twin = twin_for(asked, data.utterances)
        _say.note(
            f"{asked.name} tests speakers that were trained on; "
            + (f"{twin} is run beside it" if twin else "these recordings have no division that keeps speakers apart")
        )
        names += [twin] if twin else []
    results = []
    for name in names:
        with _data.progress(quiet=quiet) as bar:
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
            _say.note(note)
        results.append(result)
    return results, data


def _evaluate_model(what: str, corpus: tuple[str, ...], *, out: Path, quiet: bool) -> tuple[list[Evaluation], Data]:
    from emotone.bundles.shipped import load
    from emotone.evaluation.run import evaluate_model

    bundle = load(what)
    data = _data.load_for_labels(corpus, bundle.labels)
    _data.report(data)
    with _data.progress(quiet=quiet) as bar:
        result = evaluate_model(bundle, data.utterances, out=out, progress=bar.report)
    seen = sorted(set(bundle.manifest.training.corpora) & {item.corpus for item in data.utterances})
    if seen:
        _say.note(f"warning: {what} was trained on {', '.join(seen)}: these scores say nothing about new speakers")
    return [result], data


def _to_dict(results: list[Evaluation]) -> dict[str, Any]:
    first, *twins = results
    return {
        "run": str(first.folder),
        "scores": [score.to_dict() for result in results for score in result.scores],
        "leakage": first.leakage.to_dict() if first.leakage is not None else None,
        "problems": [problem.message for problem in first.problems],
        "twin": str(twins[0].folder) if twins else None,
    }


def _operating_points(result: Evaluation, *, validation: Path | None) -> OperatingPoints | None:
    """Return the operating points of a detector with thresholds chosen on other data, and add them to the run."""
    from emotone.bundles.detector import positive_of

    if validation is None and positive_of(result.table.labels) is None:
        return None
    from emotone.scoring.operating_points import add_operating_points, operating_points_of

    found = operating_points_of(result.folder, validation=validation)
    if found is not None:
        add_operating_points(result.folder, found)
    return found


def _print(results: list[Evaluation], points: OperatingPoints | None) -> None:
    from emotone.scoring.scores import scores_table

    click.echo(scores_table([score for result in results for score in result.scores]).text())
    if points is not None:
        click.echo(f"\n{points.table().text()}")
    for line in _beside_twin(results):
        click.echo(f"\n{line}")
    for result in results:
        if result.leakage is not None:
            click.echo(f"\nWhat training and test parts share ({result.protocol}):")
            for line in result.leakage.lines():
                click.echo(f"  {line}")
    click.echo()
    for result in results:
        click.echo(result.folder)


def _beside_twin(results: list[Evaluation]) -> list[str]:
    """Return one line a corpus that puts a score on known speakers beside that on new ones."""
    if len(results) == 1:
        return []
    known, new = (
        {score.corpus: score for score in result.scores if (score.setting, score.metric) == ("system", "uar")}
        for result in results
    )
    return [
        f"{corpus}: UAR {100 * known[corpus].number:.0f} random, {100 * new[corpus].number:.0f} for new speakers"
        for corpus in known
        if corpus in new
    ]


def _probe(recipe: AnyResolved, results: list[Evaluation], data: Data, *, workers: int, quiet: bool) -> list[CueScore]:
    """Return what simple cues reach under the protocols of the results, and keep it with their runs."""
    from emotone.evaluation.shortcuts import add_cues, evaluate_cues

    found: list[CueScore] = []
    for result in results:
        with _data.progress(quiet=quiet) as bar:
            shortcuts = evaluate_cues(
                data.utterances,
                labels=data.labels,
                protocol_name=result.requested,
                out=result.folder.parent,
                seed=recipe.seed,
                seeds=len(set(result.table.seed.tolist())),
                workers=workers,
                progress=bar.report,
            )
        add_cues(result.folder, shortcuts)
        found += shortcuts
    return found


def _shortcuts_text(results: list[Evaluation], shortcuts: list[CueScore]) -> str:
    from emotone.evaluation.shortcuts import cues_table

    texts = []
    for result in results:
        of = [found for found in shortcuts if found.protocol == result.protocol]
        systems = {
            score.corpus: score.number for score in result.scores if (score.setting, score.metric) == ("system", "uar")
        }
        texts.append(
            f"\nBaselines that use simple cues ({result.protocol}):\n\n{cues_table(of, systems=systems).text()}"
        )
    return "\n".join(texts)
