"""`emotone tune`: the best settings of a recipe, found by trials in speaker-independent folds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from emotone.cli import console, corpus_data
from emotone.cli.console import progress

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emotone.recipes.library import AnyRecipe
    from emotone.scale.search import Search
    from emotone.scale.trials import TrialRecord, Trials

BEST, TRIALS, FIGURE = "best.toml", "trials.jsonl", "trials.svg"


@click.command(
    epilog="""\b
Examples:
  # 30 trials of a head on a frozen encoder (after: emotone sources get whisper-base)
  emotone tune whisper-base --corpus emodb=~/corpora/emodb
  # ten more, in two processes: finished trials count
  emotone tune whisper-base --corpus emodb=~/corpora/emodb --trials 40 --workers 2
  # settings and ranges of your own
  emotone tune mine.toml --space space.toml --corpus calls=calls.csv
  # search in the training part of a fold; its test part is never seen
  emotone tune mine.toml --corpus calls=calls.csv --protocol fixed:split.toml
  emotone evaluate runs/mine-tune-0123456789ab/best.toml --corpus calls=calls.csv --protocol fixed:split.toml
  # trials that several machines share
  emotone tune mine.toml --corpus calls=calls.csv --storage postgresql://host/trials --out /shared/runs

\b
A space has a table per setting, named after its place in the recipe (see emotone recipes show NAME):
  [training.learning_rate]
  times = [0.1, 10.0]               # factor of the recipe's own value
  log = true
  [training.label_smoothing]
  between = [0.0, 0.3]
  [head.standardisations]
  among = [["stored"], ["stored", "corpus"]]

\b
How it works:
  Each trial trains the recipe with other settings in --folds parts of the recordings that share no speaker, and is
  scored on the parts that it was not trained on. It is a run like those of emotone evaluate, in --out. The first one
  has the recipe's own settings. A trial that is worse than most others after the same folds is stopped.
  Interrupted with Ctrl-C or kill -9, the same command continues: finished trials and finished folds are kept. Other
  settings, recordings or spaces are another search.

The score of the best trial is too high by an unknown amount, because it is the best of many: report the score on
recordings that the search did not use.

\b
Exit status: 0 done; 1 done, but some recordings were left out and are listed; 2 wrong usage, or nothing was done."""
)
@click.argument("recipe", metavar="RECIPE")
@corpus_data.corpus_option
@corpus_data.label_map_option
@click.option(
    "--space",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The settings to vary, as TOML. Default: those of the recipe's kind, which --show-space prints.",
)
@click.option("--show-space", is_flag=True, help="Print the space for RECIPE, a template for --space, and stop.")
@click.option(
    "--trials",
    type=click.IntRange(1),
    default=30,
    show_default=True,
    help="Number of finished trials, those of earlier calls included.",
)
@click.option(
    "--folds", type=click.IntRange(2), default=3, show_default=True, help="Number of parts without common speakers."
)
@click.option(
    "--metric",
    type=click.Choice(["uar", "accuracy", "macro-f1"]),
    default="uar",
    show_default=True,
    help="Score of whole recordings, mean over corpora.",
)
@click.option(
    "--protocol",
    "protocol_name",
    default="",
    metavar="NAME",
    help="Search in the training part of this protocol only. Default: all recordings.",
)
@click.option("--fold", default="", metavar="NAME", help="The fold of --protocol, if it has several.")
@click.option("--labels", default="", metavar="NAME", help="A label set instead of the recipe's.")
@click.option(
    "--storage",
    default="",
    metavar="FILE|URL",
    help="Where trials are stored: a file, or a database (sqlite:///trials.db, postgresql://host/name). Default: a "
    "file in the search's folder.",
)
@click.option(
    "--workers",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Number of trials that run at the same time.",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of the proposed settings.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs"), show_default=True, help="Folder of runs.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--quiet", is_flag=True, help="Hide progress.")
def command(
    *,
    recipe: str,
    corpus: tuple[str, ...],
    label_map: Mapping[str, str],
    space: Path | None,
    show_space: bool,
    trials: int,
    folds: int,
    metric: Any,
    protocol_name: str,
    fold: str,
    labels: str,
    storage: str,
    workers: int,
    seed: int,
    out: Path,
    as_json: bool,
    quiet: bool,
) -> int:
    """Search for better settings of RECIPE: a TOML file, or the name of a shipped recipe.

    Prints the best settings. The folder of the search, RECIPE-tune-HASH in --out, then contains the recipe with them
    (best.toml), all trials (trials.jsonl) and a figure (trials.svg).

    Needs the extra `tune`.
    """
    from emotone.errors import UsageError
    from emotone.fitting.resolve import resolve_any
    from emotone.recipes.library import load_recipe, relabelled
    from emotone.scale.search import Search, run_search, training_part
    from emotone.scale.search_space import default_space, read_space
    from emotone.scale.trials import import_optuna

    given = load_recipe(recipe)
    given = relabelled(given, labels) if labels else given
    file = space or default_space(given)
    varied = read_space(file, given)
    if show_space:
        click.echo(file.read_text(encoding="utf-8"), nl=False)
        return 0
    if fold and not protocol_name:
        raise UsageError(f"--fold {fold} needs --protocol: the protocol that has this fold")
    import_optuna()
    resolve_any(given)  # reports missing weights before the corpora are read
    data = corpus_data.load(corpus, label_set_name=given.labels, selection=given.selection, label_map=label_map)
    corpus_data.report(data)
    utterances = data.utterances
    if protocol_name:
        utterances = training_part(utterances, protocol_name, fold=fold, seed=given.seed)
        console.note(f"searching in {len(utterances)} of {len(data.utterances)} clips: the training part")
    search = Search(given, varied, utterances, data.labels, folds=folds, metric=metric, seed=seed)
    with progress(quiet=quiet) as bar:
        study = run_search(
            search,
            runs=out,
            storage=storage,
            trials=trials,
            workers=workers,
            report=(lambda _: None) if quiet else bar.say,
            progress=bar.counter("features", len(utterances)),
        )
    _write(study, search)
    _print(study, search, as_json=as_json)
    return 1 if data.problems else 0


def _write(study: Trials, search: Search) -> None:
    """Write the trials, the figure, and the recipe with the best settings."""
    import tomli_w

    from emotone.config import to_mapping
    from emotone.files import atomic_write
    from emotone.scale.trials_figure import write_figure

    study.write(study.folder / TRIALS)
    title = f"{search.name}: {len(study.finished())} trials, {search.protocol}"
    write_figure(study.records(), search.space, study.folder / FIGURE, title=title, metric=search.metric)
    if study.best is not None:
        with atomic_write(study.folder / BEST, text=True) as stream:
            stream.write(tomli_w.dumps(to_mapping(_tuned(search, study.best))))


def _tuned(search: Search, best: TrialRecord) -> AnyRecipe:
    from dataclasses import replace

    return replace(search.space.applied(search.recipe, best.settings), name=f"{search.recipe.name}-tuned")


def _print(study: Trials, search: Search, *, as_json: bool) -> None:
    best, first = study.best, next((one for one in study.records() if one.state == "complete"), None)
    if as_json:
        console.print_json(
            {
                "search": str(study.folder),
                "metric": search.metric,
                "protocol": search.protocol,
                "best": None if best is None else best.__dict__,
                "own": None if first is None or first.settings != search.space.own else first.__dict__,
                "trials": [one.__dict__ for one in study.records()],
            }
        )
        return
    if best is None or best.value is None:
        click.echo(f"no trial is complete; the search is in {study.folder}")
        return
    click.echo(f"Best of {len(study.finished())} trials: {search.metric} {100 * best.value:.1f} (trial {best.number})")
    for name, value in best.settings.items():
        own = search.space.own.get(name)
        shown = f"{value:.4g}" if isinstance(value, float) else value
        click.echo(f"  {name} = {shown}" + ("" if own is None or own == value else f"   (recipe: {own})"))
    if first is not None and first.value is not None and first.settings == search.space.own:
        click.echo(f"The recipe's own settings: {100 * first.value:.1f}")
    click.echo("These scores selected the settings: report the score on recordings that the search did not use.")
    click.echo(f"{study.folder / BEST}   the recipe with these settings")
    click.echo(f"{study.folder / FIGURE}   figure of the trials")
