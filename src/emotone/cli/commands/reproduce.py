"""`emotone reproduce`: published tables made again on the corpora at hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from emotone.cli import console as _say
from emotone.cli import data as _data
from emotone.errors import UsageError, unknown_name

if TYPE_CHECKING:
    from emotone.evaluation.run import Evaluation
    from emotone.reproductions.base import Row, Table


@click.command(
    epilog="""\b
Examples:
  emotone reproduce
  emotone reproduce baselines opensmile --corpus emodb=~/corpora/emodb --corpus savee=~/corpora/savee
  emotone reproduce baselines opensmile --quick --json
  emotone reproduce transferable-features table3 --only emodb --only S2 --corpus emodb=A --corpus savee=B
  emotone reproduce segment-vggish table3 --corpus emodb=~/corpora/emodb --source yamnet=yamnet.npz --seeds 6

\b
Status of a row:
  reproduced    as near to the published number as the table asks for
  differs       further away
  other data    nothing is published for it
  data absent   its corpus or weights were not given: add --corpus NAME=DIR, or --source NET=FILE
  not run       left out by --quick, --only or --kept

Every cell is an evaluation of its own below --out: finished ones are not computed again, cut off ones go on.

Exit status: 0 all done, whatever the numbers; 1 some recordings were left out, and are listed; 2 wrong usage."""
)
@click.argument("key", required=False)
@click.argument("table", required=False)
@_data.corpus_option
@click.option(
    "--source",
    multiple=True,
    metavar="NET=FILE",
    help="Weights that a net takes over, where recipes leave open from where. May be given several times.",
)
@click.option("--quick", is_flag=True, help="Only the cheapest cells; the same code.")
@click.option(
    "--only",
    multiple=True,
    metavar="WORDS",
    help="Run only cells with these words in their corpus, setting or column. Given several times: with all of them.",
)
@click.option("--kept", is_flag=True, help="Run nothing: tell what is finished in --out.")
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("results"), show_default=True, help="Runs go here."
)
@click.option("--seeds", type=click.IntRange(1), default=1, show_default=True, help="Trainings per fold.")
@click.option("--workers", type=click.IntRange(1), default=1, show_default=True, help="Folds side by side.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--quiet", is_flag=True, help="No progress.")
def command(
    *,
    key: str | None,
    table: str | None,
    corpus: tuple[str, ...],
    source: tuple[str, ...],
    quick: bool,
    kept: bool,
    only: tuple[str, ...],
    out: Path,
    seeds: int,
    workers: int,
    as_json: bool,
    quiet: bool,
) -> int:
    """Make TABLE of the publication KEY again; without them, list what there is."""
    if key is None or table is None:
        _list(key, as_json=as_json)
        return 0
    from emotone.reproductions.base import PAPERS
    from emotone.reproductions.page import rows_table
    from emotone.reproductions.reproduce import reproduce

    paper = PAPERS.get(key)
    asked = paper.table(table)
    chosen = replace(asked, cells=tuple(cell for cell in asked.cells if cell.has(only) and (cell.quick or not quick)))
    sources = _sources(source, asked, chosen)
    corpora, problems = _data.scanned(corpus)
    missing = [name for name in chosen.corpora() if name not in corpora]
    if missing:
        _say.note(f"not given, so not measured: {', '.join(missing)}")
    audits: dict[str, list[str]] = {}

    def finished(row: Row, evaluation: Evaluation | None) -> None:
        if evaluation is None:
            return
        if not quiet:
            _say.note(f"{row.cell.corpus}, {row.cell.setting}, {row.cell.column}: {_told(row)}")
        problems.update(dict.fromkeys(problem.message for problem in evaluation.problems))
        if evaluation.leakage is not None:
            tested = ", ".join(evaluation.table.corpora)
            audits.setdefault(f"{tested}, {evaluation.protocol}", evaluation.leakage.lines())

    with _data.progress(quiet=quiet) as bar:
        rows = reproduce(
            paper,
            asked,
            corpora,
            sources=sources,
            out=out,
            quick=quick,
            kept=kept,
            only=only,
            seeds=seeds,
            workers=workers,
            progress=bar.report,
            finished=finished,
        )
    if as_json:
        _say.print_json({"paper": key, "table": table, "rows": [row.to_dict() for row in rows], "audit": audits})
    else:
        click.echo(rows_table([row for row in rows if row.cell in chosen.cells]).text())
        beside = sum(row.score is not None and row.cell not in chosen.cells for row in rows)
        if beside:
            cells = "cell" if beside == 1 else "cells"
            click.echo(f"\nFinished before, and not asked for now: {beside} other {cells}; --kept shows them.")
        for where, lines in audits.items():
            click.echo(f"\nWhat training and test parts share ({where}):")
            for line in lines:
                click.echo(f"  {line}")
    for problem in problems:
        _say.error(f"left out: {problem}")
    return 1 if problems else 0


def _sources(given: tuple[str, ...], table: Table, chosen: Table) -> dict[str, str]:
    """Return the weights that were given for a table, by net, and say which the chosen part of it needs and lacks."""
    from emotone.reproductions.reproduce import needed_sources

    needed = needed_sources(table)
    sources: dict[str, str] = {}
    for text in given:
        net, mark, file = text.partition("=")
        if not (net and mark and file):
            raise UsageError(f"--source needs NET=FILE, such as yamnet=yamnet.npz; given '{text}'")
        if net not in needed:
            raise unknown_name(f"net of {table.name} that takes over weights", net, needed)
        sources[net] = file
    missing = [net for net in needed_sources(chosen) if net not in sources]
    if missing:
        _say.note(f"weights not given, so not measured: {', '.join(f'--source {net}=FILE' for net in missing)}")
    return sources


def _told(row: Row) -> str:
    published = "" if row.cell.published is None else f" (published {100 * row.cell.published:.1f})"
    return f"{'-' if row.score is None else row.score.text}{published}: {row.status}"


def _list(key: str | None, *, as_json: bool) -> None:
    from emotone.reproductions.base import PAPERS

    papers = [PAPERS.get(name) for name in (PAPERS.names if key is None else (key,))]
    found = [
        {"paper": paper.key, "table": table.name, "title": table.title, "corpora": list(table.corpora())}
        for paper in papers
        for table in paper.tables
    ]
    if as_json:
        _say.print_json(found)
        return
    from rich.console import Console
    from rich.table import Table

    shown = Table("paper", "table", "what it is", "corpora")
    for row in found:
        shown.add_row(str(row["paper"]), str(row["table"]), str(row["title"]), ", ".join(row["corpora"]))
    Console().print(shown)
