"""`emotone corpora`: what each corpus is, how to get it, and what is wrong with a copy of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from emotone.cli import _data, _say

if TYPE_CHECKING:
    from emotone.corpora.base import Corpus
    from emotone.corpora.check import Checkup

FILES_SHOWN = 20  # findings of one kind printed for people; --json has all


@click.group()
def command() -> None:
    """List, show and check emotional speech corpora."""


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_corpora(*, as_json: bool) -> None:
    """List every corpus whose layout is known; any other is given as a table."""
    from emotone.corpora.base import CORPORA

    corpora = CORPORA.all().values()
    if as_json:
        _say.print_json([_summary(corpus) for corpus in corpora])
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("corpus", "language", "clips", "speakers", "emotions", "licence")
    for corpus in corpora:
        sizes = (str(corpus.clips or "-"), str(corpus.speaker_count or "-"), str(len(corpus.counts)))
        table.add_row(corpus.name, ", ".join(corpus.languages), *sizes, corpus.licence.name)
    Console().print(table)


@command.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(name: str, *, as_json: bool) -> None:
    """Show one corpus: how to get it, its layout, counts, licence and citation."""
    from emotone.corpora.base import CORPORA

    summary = _summary(CORPORA.get(name))
    if as_json:
        _say.print_json(summary)
        return
    from rich.console import Console
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    rows = {
        "title": summary["title"],
        "language": ", ".join(summary["languages"]),
        "clips": str(summary["clips"] or "not known"),
        "emotions": ", ".join(
            label if count is None else f"{label} {count}" for label, count in summary["counts"].items()
        ),
        "speakers": ": ".join(
            [str(summary["speaker_count"] or "not known"), *filter(None, [", ".join(summary["speakers"])])]
        ),
        "access": summary["access"],
        "layout": summary["layout"],
        "suffixes": ", ".join(summary["suffixes"]),
        "licence": summary["licence"],
        "weights": summary["licence_note"],
        "citation": summary["citation"],
        "to check": f"emotone corpora check {name} DIR",
    }
    for key, text in rows.items():
        table.add_row(key, text)
    Console(markup=False, highlight=False).print(table)


@command.command()
@click.argument("name")
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--quiet", is_flag=True, help="No progress bar.")
@click.pass_context
def check(context: click.Context, name: str, directory: Path, *, as_json: bool, quiet: bool) -> None:
    """Compare a copy of corpus NAME (`auto`: find out which) with what was published, and listen to every recording.

    A table (.csv or .tsv) may be given in place of DIR, under any NAME. Exit status: 0 nothing is wrong, 1 problems
    were found, 2 it is not there or not that corpus.
    """
    from emotone.corpora.base import CORPORA
    from emotone.corpora.check import check as examine
    from emotone.corpora.check import recognise
    from emotone.corpora.resolve import is_table, load

    table = is_table(directory)
    if name == "auto" and not table:
        name = recognise(directory).name
        _say.note(f"{directory} holds {name}")
    scan = load("table" if name == "auto" else name, directory)
    corpus = None if table else CORPORA.get(name)
    with _data.progress(quiet=quiet) as display:
        count = display.counter("reading", len({utterance.path for utterance in scan.utterances}))
        checkup = examine(scan, corpus=corpus, progress=lambda _done, _total: count(1))
    if as_json:
        _say.print_json(checkup.to_dict())
    else:
        _print(checkup)
    context.exit(0 if checkup.ok else 1)


@command.command()
@click.argument("name")
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The table to write, .csv or .tsv.")
@click.option("--json", "as_json", is_flag=True, help="Print what was written as JSON.")
@click.pass_context
def table(context: click.Context, name: str, directory: Path, *, out: Path, as_json: bool) -> None:
    """Write the utterances of corpus NAME (`auto`: find out which) in DIR as a table, to be edited and used as one.

    The result is used with `--corpus ANYNAME=FILE.csv`. Files below the table's folder are written relative to it.
    """
    from emotone.corpora.check import recognise
    from emotone.corpora.resolve import is_table, load
    from emotone.corpora.table import TABLE_SUFFIXES, write_table

    if out.suffix.lower() not in TABLE_SUFFIXES:
        raise click.UsageError(f"--out {out} was given; allowed: a name that ends in {' or '.join(TABLE_SUFFIXES)}")
    if name == "auto":
        name = "table" if is_table(directory) else recognise(directory).name
    scan = load(name, directory)
    write_table(scan, out)
    for problem in scan.problems:
        _say.error(f"left out: {problem}")
    if as_json:
        written = {"corpus": name, "file": str(out), "rows": len(scan.utterances), "problems": list(scan.problems)}
        _say.print_json(written)
    else:
        _say.note(f"{out}: {len(scan.utterances)} rows")
    context.exit(1 if scan.problems else 0)


def _summary(corpus: Corpus) -> dict[str, Any]:
    return {
        "name": corpus.name,
        "title": corpus.title,
        "languages": list(corpus.languages),
        "clips": corpus.clips,
        "speakers": list(corpus.speakers),
        "speaker_count": corpus.speaker_count,
        "counts": dict(corpus.counts),
        "emotions": dict(corpus.emotions),
        "licence": corpus.licence.name,
        "weights_shippable": corpus.licence.weights_shippable,
        "licence_note": corpus.licence.note,
        "citation": corpus.citation,
        "access": corpus.access,
        "layout": corpus.layout,
        "suffixes": list(corpus.suffixes),
    }


def _print(checkup: Checkup) -> None:
    from rich.console import Console
    from rich.table import Table

    from emotone.inference.printable import printable

    console = Console(markup=False, highlight=False, soft_wrap=True)
    found = Table("emotion", "clips", "published", title=printable(f"{checkup.corpus} in {checkup.root}"))
    expected = checkup.expected or {}
    for label in sorted({*checkup.counts, *expected}):
        found.add_row(label, str(checkup.counts.get(label, 0)), str(expected.get(label, "-")))
    found.add_row("all", str(checkup.clips), str(sum(expected.values()) or "-"), style="bold")
    found.add_row("speakers", str(checkup.speakers), str(checkup.expected_speakers or "-"))
    console.print(found)
    if checkup.seconds:
        seconds = checkup.seconds
        console.print(
            f"{seconds['total'] / 60:.1f} min in all; median {seconds['median']:.2f} s, "
            f"from {seconds['shortest']:.2f} s to {seconds['longest']:.2f} s"
        )
    shown: dict[str, int] = {}
    for finding in checkup.findings:
        shown[finding.kind] = shown.get(finding.kind, 0) + 1
        if shown[finding.kind] <= FILES_SHOWN:
            console.print(printable(f"{finding.severity}: {finding.message}"))
    for kind, count in shown.items():
        if count > FILES_SHOWN:
            console.print(f"... and {count - FILES_SHOWN} more of the kind '{kind}'; see --json")
    console.print("nothing is wrong" if checkup.ok else "problems were found")
