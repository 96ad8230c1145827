"""`emotone evaluate`: scores that hold, of a recipe under a protocol or of a finished model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from emotone.cli import _data, _say

if TYPE_CHECKING:
    from emotone.evaluation.run import Evaluation


@click.command(
    epilog="""\b
Examples:
  emotone evaluate recipes/default-open.toml --corpus emodb=~/corpora/emodb
  emotone evaluate recipes/default.toml --corpus emodb=A --corpus ravdess=B --protocol speaker-folds-10 --workers 2
  emotone evaluate default --corpus calls=calls.csv

Protocols: leave-one-speaker-out, leave-one-session-out, speaker-folds-K, random-K (speakers are shared: it says so).
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
    from emotone.evaluation.run import evaluate_model, evaluate_recipe

    if what.endswith(".toml"):
        from emotone.protocols import protocol
        from emotone.systems.recipe import read_recipe

        recipe = read_recipe(Path(what))
        protocol(protocol_name)  # a misspelt name is said before the corpora are read
        data = _data.load(corpus, label_set_name=recipe.labels)
        _data.report(data)
        with _data.progress(quiet=quiet) as bar:
            result = evaluate_recipe(
                recipe,
                data.utterances,
                labels=data.labels,
                protocol_name=protocol_name,
                out=out,
                seeds=seeds,
                workers=workers,
                progress=bar.report,
            )
    else:
        from emotone.systems.shipped import load

        bundle = load(what)
        data = _data.load_for_labels(corpus, bundle.labels)
        _data.report(data)
        with _data.progress(quiet=quiet) as bar:
            result = evaluate_model(bundle, data.utterances, out=out, progress=bar.report)
        seen = sorted(set(bundle.manifest.training.corpora) & {item.corpus for item in data.utterances})
        if seen:
            _say.note(f"warning: {what} was trained on {', '.join(seen)}: these scores say nothing about new speakers")
    _print(result, as_json=as_json)
    for problem in result.problems:
        _say.error(f"left out: {problem.message}")
    return 1 if result.problems or data.problems else 0


def _print(result: Evaluation, *, as_json: bool) -> None:
    if as_json:
        _say.print_json(
            {
                "run": str(result.folder),
                "scores": [score.to_dict() for score in result.scores],
                "leakage": result.leakage.to_dict() if result.leakage is not None else None,
                "problems": [problem.message for problem in result.problems],
            }
        )
        return
    from emotone.evaluation.scores import scores_markdown

    click.echo(scores_markdown(result.scores))
    if result.leakage is not None:
        click.echo("\nWhat training and test parts share:")
        for line in result.leakage.lines():
            click.echo(f"  {line}")
    click.echo(f"\n{result.folder}")
