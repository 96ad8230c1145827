"""`emotone evaluate`: scores that hold, of a recipe under a protocol or of a finished model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from emotone.cli import _data, _say

if TYPE_CHECKING:
    from emotone.cli._data import Data
    from emotone.evaluation.run import Evaluation


@click.command(
    epilog="""\b
Examples:
  emotone evaluate recipes/default-open.toml --corpus emodb=~/corpora/emodb
  emotone evaluate recipes/default.toml --corpus emodb=A --corpus ravdess=B --protocol speaker-folds-10 --workers 2
  emotone evaluate default --corpus calls=calls.csv

Protocols: leave-one-speaker-out, leave-one-session-out, speaker-folds-K, and random-K, which tests speakers that
were trained on: it says so, and runs speaker-folds-K beside it.
A finished model is judged on everything it is given (protocol held-out)."""
)
@click.argument("what", metavar="RECIPE.toml|MODEL")
@_data.corpus_option
@click.option("--protocol", "protocol_name", default="leave-one-speaker-out", show_default=True, help="How to divide.")
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("results"), show_default=True, help="Runs go here."
)
@click.option("--seeds", type=click.IntRange(1), default=1, show_default=True, help="Trainings per fold.")
@click.option("--workers", type=click.IntRange(1), default=1, show_default=True, help="Folds side by side.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--quiet", is_flag=True, help="No progress.")
def command(
    *,
    what: str,
    corpus: tuple[str, ...],
    protocol_name: str,
    out: Path,
    seeds: int,
    workers: int,
    as_json: bool,
    quiet: bool,
) -> int:
    """Evaluate a recipe (trained anew in every fold) or a finished MODEL (a name or a folder)."""
    if what.endswith(".toml"):
        results, data = _evaluate_recipe(
            Path(what), corpus, protocol_name=protocol_name, out=out, seeds=seeds, workers=workers, quiet=quiet
        )
    else:
        results, data = _evaluate_model(what, corpus, out=out, quiet=quiet)
    if as_json:
        _say.print_json(_to_dict(results))
    else:
        _print(results)
    problems = {problem.key: problem for result in results for problem in result.problems}
    for problem in problems.values():
        _say.error(f"left out: {problem.message}")
    return 1 if problems or data.problems else 0


def _evaluate_recipe(
    path: Path, corpus: tuple[str, ...], *, protocol_name: str, out: Path, seeds: int, workers: int, quiet: bool
) -> tuple[list[Evaluation], Data]:
    """Return the evaluation asked for, and that of its speaker-independent twin where it shares speakers."""
    from emotone.evaluation.run import evaluate_recipe
    from emotone.protocols import protocol
    from emotone.systems.recipe import read_recipe

    recipe = read_recipe(path)
    asked = protocol(protocol_name)  # a misspelt name is said before the corpora are read
    data = _data.load(corpus, label_set_name=recipe.labels)
    _data.report(data)
    names = [asked.name] if asked.twin is None else [asked.name, asked.twin]
    if asked.twin is not None:
        _say.note(f"{asked.name} tests speakers that were trained on; {asked.twin} is run beside it")
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
        results.append(result)
    return results, data


def _evaluate_model(what: str, corpus: tuple[str, ...], *, out: Path, quiet: bool) -> tuple[list[Evaluation], Data]:
    from emotone.evaluation.run import evaluate_model
    from emotone.systems.shipped import load

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


def _print(results: list[Evaluation]) -> None:
    from emotone.evaluation.scores import scores_markdown

    click.echo(scores_markdown([score for result in results for score in result.scores]))
    for result in results:
        if result.leakage is not None:
            click.echo(f"\nWhat training and test parts share ({result.protocol}):")
            for line in result.leakage.lines():
                click.echo(f"  {line}")
    click.echo()
    for result in results:
        click.echo(result.folder)
