"""`emotone train`: from a recipe and corpora to a trained net in a run folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from emotone.cli import _data, _say

if TYPE_CHECKING:
    from emotone.training.checkpoint import Epoch


@click.command(
    epilog="""\b
Examples:
  emotone train recipes/default-open.toml --corpus emodb=~/corpora/emodb
  emotone train mine.toml --corpus calls=calls.csv --out runs
  emotone train anger-soundnet --corpus emodb=~/corpora/emodb
  emotone train anger-soundnet --corpus emodb=~/corpora/emodb --source soundnet5.safetensors --plan anger-3
  emotone models export runs/mine-0123456789ab --out mine

A training that was cut off goes on from its last epoch; asked twice, it is done once."""
)
@click.argument("recipe")
@_data.corpus_option
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs"), show_default=True, help="Folder of runs.")
@click.option("--resume/--fresh", default=True, show_default=True, help="Go on from the last epoch, or start anew.")
@click.option("--source", default="", metavar="FILE", help="Weights to take over: a file, a run's folder, or a name.")
@click.option("--plan", default="", metavar="NAME", help="What is taken over and frozen, e.g. anger-2.")
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
    threads: int | None,
    workers: int,
    quiet: bool,
) -> int:
    """Train RECIPE (a TOML file, or one of `emotone recipes list`) on all clips of the given corpora."""
    from emotone.systems.recipe import transferring
    from emotone.systems.recipes import load_net_recipe
    from emotone.systems.run import RUN, load_run
    from emotone.systems.train import prepare, train_run

    asked = transferring(load_net_recipe(recipe), source=source, plan=plan)
    if asked.transfer is not None:
        asked.transfer.weights()  # said before the corpora are read
    score_name = {"uar": "UAR", "auroc": "AU-ROC"}[asked.training.choose]
    data = _data.load(corpus, label_set_name=asked.labels, selection=asked.selection)
    _data.report(data)
    if threads is not None:
        import torch

        torch.set_num_threads(threads)
    with _data.progress(quiet=quiet) as bar:
        ready = prepare(
            asked,
            data.utterances,
            labels=data.labels,
            workers=workers,
            progress=bar.counter("features", len(data.utterances)),
        )
        folder = out / ready.name
        for problem in ready.problems:
            _say.error(f"left out: {problem.message}")
        if (folder / RUN).exists() and resume:
            _say.note(f"this training is finished already (same recipe, same data): {folder}")
        else:

            def on_epoch(epoch: Epoch) -> None:
                score = "" if epoch.score is None else f", development {score_name} {epoch.score:.3f}"
                bar.say(f"epoch {epoch.number}: loss {epoch.loss:.3f}{score}, {epoch.seconds:.1f} s")

            train_run(ready, folder, fresh=not resume, progress=on_epoch, on_batch=bar.batches)
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
