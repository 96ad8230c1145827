"""`emotone reproduce`: reproduce published tables on your copies of the corpora."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from emotone.cli import console, corpus_data
from emotone.cli.console import progress
from emotone.errors import UsageError, unknown_name
from emotone.files import data_dir

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emotone.evaluation.run import Evaluation
    from emotone.reproductions.base import CellResult, Paper, PublishedFigure, PublishedTable


@click.command(
    epilog="""\b
Examples:
  # list all tables
  emotone reproduce
  # reproduce one table; --quick runs only its cheapest cells
  emotone reproduce baselines opensmile --corpus emodb=~/corpora/emodb --corpus savee=~/corpora/savee
  emotone reproduce baselines opensmile --quick --json
  # reproduce some cells of a table
  emotone reproduce transferable-features table3 --only emodb --only S2 --corpus emodb=A --corpus savee=B
  # reproduce a table whose networks start from published weights
  emotone reproduce segment-vggish table3 --corpus emodb=~/corpora/emodb --source yamnet=yamnet.npz --seeds 6
  # compute a figure: its data and the drawing are written to --out
  emotone reproduce asr-reuse figure4 --corpus emodb=~/corpora/emodb
  emotone reproduce asr-reuse atlas --corpus emodb=~/corpora/emodb --corpus savee=~/corpora/savee
  emotone reproduce asr-reuse atlas --source hf:./wav2vec2-base --corpus emodb=~/corpora/emodb

\b
Status of a row:
  reproduced    within the table's tolerance of the published number
  differs       outside that tolerance
  other data    no number is published for this row
  data absent   the corpus or the weights are missing: add --corpus NAME=DIR, or --source NET=FILE
  not run       excluded by --quick, --only or --kept

Every cell is an evaluation in a folder of its own in --out. Finished evaluations there and in --stored are used, and
interrupted ones resume. A stored evaluation is also used if its corpora are not given, or only some of those that it
tested.

\b
Exit status: 0 all done, whatever the numbers; 1 some recordings were left out and are listed; 2 wrong usage."""
)
@click.argument("key", required=False)
@click.argument("table", required=False)
@corpus_data.corpus_option
@corpus_data.label_map_option
@click.option(
    "--source",
    multiple=True,
    metavar="NET=FILE",
    help="File of weights for a network whose recipe needs some; of the atlas, a further encoder: "
    "hf:ORGANISATION/NAME or hf:./FOLDER. Repeatable.",
)
@click.option("--quick", is_flag=True, help="Run only the cheapest cells.")
@click.option(
    "--only",
    multiple=True,
    metavar="WORDS",
    help="Run only cells with this text in their corpus, row or column. Repeatable; cells must match all.",
)
@click.option("--kept", is_flag=True, help="Run nothing; show the finished cells in --out and --stored.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=lambda: data_dir() / "reproductions",
    show_default="reproductions, in the folder for user data",
    help="Folder of evaluations.",
)
@click.option(
    "--stored",
    type=click.Path(path_type=Path),
    default=Path("results"),
    show_default=True,
    help="Folder with further finished evaluations, such as that of the repository.",
)
@click.option("--seeds", type=click.IntRange(1), default=1, show_default=True, help="Number of trainings per fold.")
@click.option(
    "--workers", type=click.IntRange(1), default=1, show_default=True, help="Number of folds that run in parallel."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--quiet", is_flag=True, help="Hide progress bars and the results of single cells.")
def command(
    *,
    key: str | None,
    table: str | None,
    corpus: tuple[str, ...],
    label_map: Mapping[str, str],
    source: tuple[str, ...],
    quick: bool,
    kept: bool,
    only: tuple[str, ...],
    out: Path,
    stored: Path,
    seeds: int,
    workers: int,
    as_json: bool,
    quiet: bool,
) -> int:
    """Reproduce TABLE, or a figure, of the publication KEY on the given corpora.

    Without TABLE, list the tables of KEY; without KEY, list all.
    """
    if key is None or table is None:
        _list(key, as_json=as_json)
        return 0
    from emotone.reproductions.base import PAPERS
    from emotone.reproductions.document import rows_table
    from emotone.reproductions.reproduce import reproduce

    paper = PAPERS.get(key)
    drawn = paper.figure(table)
    if drawn is not None:
        return _figure(paper, drawn, corpus, encoders=source, label_map=label_map, out=out, as_json=as_json)
    asked = paper.table(table)
    selected = replace(
        asked, cells=tuple(each for each in asked.cells if each.matches(only) and (each.quick or not quick))
    )
    sources = _sources(source, asked, selected)
    corpora, problems = corpus_data.scan_corpora(corpus, label_map=label_map)
    missing = [name for name in selected.corpora() if name not in corpora]
    if missing:
        console.note(f"no data for these corpora: {', '.join(missing)}; add --corpus NAME=DIR")
    audits: dict[str, list[str]] = {}

    def finished(result: CellResult, evaluation: Evaluation | None) -> None:
        if evaluation is None:
            return
        if not quiet:
            console.note(f"{result.cell.corpus}, {result.cell.title}: {_result_text(result)}")
        problems.update(dict.fromkeys(problem.message for problem in evaluation.problems))
        if evaluation.leakage is not None:
            tested = ", ".join(evaluation.table.corpora)
            audits.setdefault(f"{tested}, {evaluation.protocol}", evaluation.leakage.lines())

    with progress(quiet=quiet) as bar:
        results = reproduce(
            paper,
            asked,
            corpora,
            sources=sources,
            out=out,
            stored=stored,
            quick=quick,
            kept=kept,
            only=only,
            seeds=seeds,
            workers=workers,
            progress=bar.report,
            finished=finished,
        )
    if as_json:
        console.print_json(
            {"paper": key, "table": table, "rows": [result.to_dict() for result in results], "audit": audits}
        )
    else:
        click.echo(rows_table([result for result in results if result.cell in selected.cells]).text())
        others = sum(result.score is not None and result.cell not in selected.cells for result in results)
        if others:
            click.echo(f"\nFinished cells that are not selected: {others}; --kept shows them.")
        _print_audits(audits)
    for problem in problems:
        console.error(f"left out: {problem}")
    return 1 if problems else 0


def _print_audits(audits: Mapping[str, list[str]]) -> None:
    for where, lines in audits.items():
        click.echo(f"\nLeakage audit, what training and test data share ({where}):")
        for line in lines:
            click.echo(f"  {line}")


def _figure(
    paper: Paper,
    figure: PublishedFigure,
    corpus: tuple[str, ...],
    *,
    encoders: tuple[str, ...],
    label_map: Mapping[str, str],
    out: Path,
    as_json: bool,
) -> int:
    """Compute a figure, write its data and its drawing, and return the exit status."""
    from emotone.reproductions.stored import store_figure

    if encoders and figure.compute_with is None:
        raise UsageError(f"{figure.name} has encoders of its own; leave out --source {encoders[0]}")
    corpora, problems = corpus_data.scan_corpora(corpus, label_map=label_map)
    missing = [name for name in figure.corpora if name not in corpora]
    if missing:
        raise UsageError(f"{figure.name} needs {', '.join(f'--corpus {name}=DIR' for name in missing)}")
    if figure.any_of and not any(name in corpora for name in figure.any_of):
        raise UsageError(f"{figure.name} needs --corpus NAME=DIR for at least one of {', '.join(figure.any_of)}")
    used = {name: corpora[name] for name in (*figure.corpora, *figure.any_of) if name in corpora}
    computed = figure.compute(used) if figure.compute_with is None else figure.compute_with(used, encoders)
    files = store_figure(paper, figure, computed, out=out)
    if as_json:
        console.print_json({"paper": paper.key, "figure": figure.name, "files": [str(file) for file in files]})
    else:
        click.echo("\n".join(map(str, files)))
    for problem in problems:
        console.error(f"left out: {problem}")
    return 1 if problems else 0


def _sources(given: tuple[str, ...], table: PublishedTable, selected: PublishedTable) -> dict[str, str]:
    """Return the given weights by network, and print which weights the selected cells lack."""
    from emotone.reproductions.reproduce import needed_sources

    needed = needed_sources(table)
    sources: dict[str, str] = {}
    for text in given:
        net, mark, file = text.partition("=")
        if not (net and mark and file):
            raise UsageError(f"--source needs NET=FILE, such as yamnet=yamnet.npz; given '{text}'")
        if net not in needed:
            raise unknown_name(f"network of {table.name} that loads weights", net, needed)
        sources[net] = file
    missing = [net for net in needed_sources(selected) if net not in sources]
    if missing:
        console.note(f"no weights for these networks: {', '.join(f'--source {net}=FILE' for net in missing)}")
    return sources


def _result_text(result: CellResult) -> str:
    published = "" if result.cell.published is None else f" (published {100 * result.cell.published:.1f})"
    return f"{'-' if result.score is None else result.score.text}{published}: {result.status}"


def _list(key: str | None, *, as_json: bool) -> None:
    from emotone.reproductions.base import PAPERS

    papers = [PAPERS.get(name) for name in (PAPERS.names if key is None else (key,))]
    found = [
        {"paper": paper.key, "table": table.name, "title": table.title, "corpora": list(table.corpora())}
        for paper in papers
        for table in paper.tables
    ]
    found += [
        {"paper": paper.key, "table": figure.name, "title": figure.title, "corpora": [*figure.corpora, *figure.any_of]}
        for paper in papers
        for figure in paper.figures
    ]
    if as_json:
        console.print_json(found)
        return
    from rich.table import Table

    shown = Table("paper", "table", "title", "corpora")
    for row in found:
        shown.add_row(str(row["paper"]), str(row["table"]), str(row["title"]), ", ".join(row["corpora"]))
    console.print_table(shown)
