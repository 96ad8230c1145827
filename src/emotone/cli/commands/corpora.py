"""`emotone corpora`: what each corpus is, how to get it, and what is wrong with a copy of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from emotone.cli import console as _say
from emotone.cli import data as _data

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emotone.corpora.base import Corpus
    from emotone.corpora.check import CheckReport

SPEAKERS_SHOWN = 100  # each with its clips; of more, only the range
FILES_SHOWN = 20  # findings of one kind printed for people; --json has all


@click.group()
def command() -> None:
    """List, show and check emotional speech corpora."""


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_corpora(*, as_json: bool) -> None:
    """List every corpus whose layout is known, and the named selections of clips; any other is given as a table."""
    from emotone.corpora.base import CORPORA
    from emotone.corpora.selections import SELECTIONS

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
    for selection in SELECTIONS.values():
        Console(markup=False, highlight=False, soft_wrap=True).print(
            f"selection {selection.name} of {selection.corpus}: {selection.description}"
        )


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
        "emotions": _listed(summary["counts"]),
        "speakers": ": ".join(
            [str(summary["speaker_count"] or "not known"), *filter(None, [", ".join(summary["speakers"])])]
        ),
        "access": summary["access"],
        "layout": summary["layout"],
        "suffixes": ", ".join(summary["suffixes"]),
        "licence": summary["licence"],
        "weights": summary["licence_note"],
        "citation": summary["citation"],
        "parser": CORPORA.get(name).evidence,
        **{
            f"selection {item['name']}": f"{item['description']}: {_listed(item['published'])} in the publication. "
            f"{item['note']} {item['citation']}"
            for item in summary["selections"]
        },
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

    A table (.csv or .tsv) or an audformat database may be given in place of DIR, under any NAME. Exit status: 0 nothing
    is wrong, 1 problems were found, 2 it is not there or not that corpus.
    """
    from emotone.corpora.base import CORPORA
    from emotone.corpora.check import check as examine
    from emotone.corpora.resolve import load

    scan = load(_which(name, directory), directory)
    corpus = None if scan.from_table else CORPORA.get(scan.name)
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
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="The table (.csv, .tsv) or folder to write."
)
@click.option(
    "--format",
    "wanted",
    type=click.Choice(["csv", "audformat"]),
    default="csv",
    show_default=True,
    help="A table, or a folder with an audformat database.",
)
@click.option("--json", "as_json", is_flag=True, help="Print what was written as JSON.")
@click.pass_context
def table(context: click.Context, name: str, directory: Path, *, out: Path, wanted: str, as_json: bool) -> None:
    """Write the utterances of corpus NAME (`auto`: find out which) in DIR as a table, to be edited and used as one.

    The result is used with `--corpus ANYNAME=FILE.csv`, or `--corpus ANYNAME=FOLDER` for an audformat database. Files
    below the table's folder, or in the database's, are written relative to it, others with their whole path.
    """
    from emotone.corpora.base import CORPORA
    from emotone.corpora.database_write import write_database
    from emotone.corpora.resolve import load
    from emotone.corpora.table import TABLE_SUFFIXES
    from emotone.corpora.table_write import write_table

    if wanted == "csv" and out.suffix.lower() not in TABLE_SUFFIXES:
        raise click.UsageError(f"--out {out} was given; allowed: a name that ends in {' or '.join(TABLE_SUFFIXES)}")
    scan = load(_which(name, directory), directory)
    if wanted == "csv":
        write_table(scan, out)
    else:
        write_database(scan, out, corpus=None if scan.from_table else CORPORA.get(scan.name))
    for problem in scan.problems:
        _say.error(f"left out: {problem}")
    if as_json:
        written = {"corpus": scan.name, "file": str(out), "rows": len(scan.utterances)}
        _say.print_json({**written, "problems": list(scan.problems)})
    else:
        _say.note(f"{out}: {len(scan.utterances)} rows")
    context.exit(1 if scan.problems else 0)


def _which(name: str, path: Path) -> str:
    """Return the name of the corpus; for `auto` that of the one that a folder holds."""
    from emotone.corpora.check import recognise
    from emotone.corpora.database import is_database
    from emotone.corpora.resolve import is_table
    from emotone.errors import CorpusError

    if name != "auto":
        return name
    if is_table(path):
        return "table"
    try:
        name = recognise(path).name
    except CorpusError:
        if not is_database(path):
            raise
        name = "audformat"
    _say.note(f"{path} holds {name}")
    return name


def _summary(corpus: Corpus) -> dict[str, Any]:
    from emotone.corpora.selections import selections_of

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
        "minutes": corpus.minutes,
        "verified": corpus.verified,
        "selections": [
            {
                "name": selection.name,
                "description": selection.description,
                "published": dict(selection.published),
                "citation": selection.citation,
                "note": selection.note,
            }
            for selection in selections_of(corpus.name)
        ],
    }


def _listed(counts: Mapping[str, int | None]) -> str:
    return ", ".join(label if count is None else f"{label} {count}" for label, count in counts.items())


def _print(checkup: CheckReport) -> None:
    from rich.console import Console
    from rich.table import Table

    from emotone.inference.filenames import printable

    console = Console(markup=False, highlight=False, soft_wrap=True)
    found = Table("emotion", "clips", "published", title=printable(f"{checkup.corpus} in {checkup.root}"))
    expected = checkup.expected or {}
    for label in sorted({*checkup.counts, *expected}):
        found.add_row(label, str(checkup.counts.get(label, 0)), str(expected.get(label, "-")))
    found.add_row("all", str(checkup.clips), str(sum(expected.values()) or "-"), style="bold")
    found.add_row("speakers", str(checkup.speakers), str(checkup.expected_speakers or "-"))
    console.print(found)
    if 0 < len(checkup.clips_of) <= SPEAKERS_SHOWN:
        console.print(printable(f"clips per speaker: {_listed(checkup.clips_of)}"))
    elif checkup.clips_of:
        console.print(f"clips per speaker: {min(checkup.clips_of.values())} to {max(checkup.clips_of.values())}")
    if checkup.seconds:
        seconds = checkup.seconds
        known = f" of {checkup.expected_minutes:.1f} min" if checkup.expected_minutes is not None else ""
        console.print(
            f"{seconds['total'] / 60:.1f}{known or ' min'} in all; median {seconds['median']:.2f} s, "
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
