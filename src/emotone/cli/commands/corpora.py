"""`emotone corpora`: list and describe corpora, check copies of them, and write them as tables."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from emotone.cli import console, corpus_data
from emotone.cli.console import progress

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emotone.corpora.base import Corpus
    from emotone.corpora.check import CheckReport
    from emotone.corpora.scan import Scan

SPEAKERS_SHOWN = 100  # each with its number of clips; for more speakers, only the range
FINDINGS_SHOWN = 20  # findings of one kind in the text; --json has all


@click.group(
    epilog="""\b
Examples:
  emotone corpora list
  emotone corpora show emodb
  emotone corpora check emodb ~/corpora/emodb
  emotone corpora check calls calls.csv --label-map happy=happiness
  emotone corpora table emodb ~/corpora/emodb --out emodb.csv"""
)
def command() -> None:
    """List, describe and check speech corpora; write them as tables."""


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_corpora(*, as_json: bool) -> None:
    """List the known corpora, and the named selections of their clips.

    Any other corpus is given as a table or an audformat database: see docs/own-data.md.

    \b
    Example:
      emotone corpora list --json
    """
    from emotone.corpora.base import CORPORA
    from emotone.corpora.resolve import SELECTIONS

    corpora = CORPORA.all().values()
    if as_json:
        console.print_json([_summary(corpus) for corpus in corpora])
        return
    from rich.table import Table

    table = Table("corpus", "language", "clips", "speakers", "emotions", "licence")
    for corpus in corpora:
        sizes = (str(corpus.clips or "-"), str(corpus.speaker_count or "-"), str(len(corpus.counts)))
        table.add_row(corpus.name, ", ".join(corpus.languages), *sizes, corpus.licence.name)
    console.print_table(table)
    for selection in SELECTIONS.values():
        click.echo(f"selection {selection.name} of {selection.corpus}: {selection.description}")


@command.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(name: str, *, as_json: bool) -> None:
    """Describe a corpus: access, layout, number of clips per emotion, licence and citation.

    \b
    Example:
      emotone corpora show ravdess
    """
    from emotone.corpora.base import CORPORA

    summary = _summary(CORPORA.get(name))
    if as_json:
        console.print_json(summary)
        return
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    rows = {
        "title": summary["title"],
        "language": ", ".join(summary["languages"]),
        "clips": str(summary["clips"] or "unknown"),
        "emotions": _listed(summary["counts"]),
        "speakers": ": ".join(
            [str(summary["speaker_count"] or "unknown"), *filter(None, [", ".join(summary["speakers"])])]
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
        "check": f"emotone corpora check {name} DIR",
    }
    for key, text in rows.items():
        table.add_row(key, text)
    console.print_table(table)


@command.command()
@click.argument("name")
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path))
@corpus_data.label_map_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--quiet", is_flag=True, help="Hide the progress bar.")
@click.pass_context
def check(
    context: click.Context, name: str, directory: Path, *, label_map: Mapping[str, str], as_json: bool, quiet: bool
) -> None:
    """Check a copy of the corpus NAME in DIR.

    The copy is compared with the published corpus, and every recording is read. NAME may be auto, which identifies the
    corpus. For a table (.csv or .tsv) or an audformat database in place of DIR, NAME may be any name.

    \b
    Examples:
      emotone corpora check emodb ~/corpora/emodb
      emotone corpora check auto ~/downloads/unknown-corpus
      emotone corpora check calls calls.csv --label-map happy=happiness,mad=anger

    \b
    Exit status: 0 no problems found; 1 problems found; 2 DIR does not exist or is another corpus.
    """
    from emotone.corpora.base import CORPORA
    from emotone.corpora.check import check as examine
    from emotone.corpora.resolve import load

    scan = load(_identified(name, directory), directory, label_map=label_map)
    _check_label_map(label_map, scan)
    corpus = None if scan.from_table else CORPORA.get(scan.name)
    with progress(quiet=quiet) as display:
        count = display.counter("reading", len({utterance.path for utterance in scan.utterances}))
        found = examine(scan, corpus=corpus, progress=lambda _done, _total: count(1))
    if as_json:
        console.print_json(found.to_dict())
    else:
        _print(found)
    context.exit(0 if found.ok else 1)


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
@corpus_data.label_map_option
@click.option("--json", "as_json", is_flag=True, help="Print the number of rows and the problems as JSON.")
@click.pass_context
def table(
    context: click.Context,
    name: str,
    directory: Path,
    *,
    out: Path,
    wanted: str,
    label_map: Mapping[str, str],
    as_json: bool,
) -> None:
    """Write the utterances of a corpus as a table or an audformat database.

    NAME may be auto, which identifies the corpus. Use the result with --corpus ANYNAME=FILE.csv, or with
    --corpus ANYNAME=FOLDER for a database. Recordings inside the result's folder are named relative to it, others with
    their absolute path.

    \b
    Examples:
      emotone corpora table emodb ~/corpora/emodb --out emodb.csv
      emotone corpora table emodb ~/corpora/emodb --out ~/corpora/emodb --format audformat
      emotone corpora table calls calls.csv --out clean.csv --label-map mad=anger

    \b
    Exit status: 0 all rows written; 1 some clips were left out and are listed; 2 nothing was written.
    """
    from emotone.corpora.base import CORPORA
    from emotone.corpora.database import write_database
    from emotone.corpora.resolve import load
    from emotone.corpora.table import TABLE_SUFFIXES, write_table

    if wanted == "csv" and out.suffix.lower() not in TABLE_SUFFIXES:
        raise click.UsageError(f"--out {out} was given; allowed: a name that ends in {' or '.join(TABLE_SUFFIXES)}")
    scan = load(_identified(name, directory), directory, label_map=label_map)
    _check_label_map(label_map, scan)
    if wanted == "csv":
        write_table(scan, out)
    else:
        write_database(scan, out, corpus=None if scan.from_table else CORPORA.get(scan.name))
    mapped = corpus_data.mapped_labels_note(scan)
    if mapped:
        console.note(mapped)
    for problem in scan.problems:
        console.error(f"left out: {problem}")
    if as_json:
        written = {"corpus": scan.name, "file": str(out), "rows": len(scan.utterances)}
        console.print_json({**written, "problems": list(scan.problems)})
    else:
        console.note(f"{out}: {len(scan.utterances)} rows")
    context.exit(1 if scan.problems else 0)


def _check_label_map(label_map: Mapping[str, str], scan: Scan) -> None:
    """Raise `UsageError` for a word of the label map that no label matches."""
    from emotone.corpora.labels import check_label_map

    if label_map:
        check_label_map(label_map, scan.utterances if scan.from_table else ())


def _identified(name: str, path: Path) -> str:
    """Return the name of the corpus; for `auto`, identify it by its files."""
    from emotone.corpora.check import recognise
    from emotone.corpora.database import is_database
    from emotone.corpora.resolve import is_table
    from emotone.errors import CorpusError, UsageError

    if is_table(Path(name)):
        raise UsageError(f"{name} is a table, and NAME comes first: any name for it, e.g. calls {name}")
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
    console.note(f"{path} contains {name}")
    return name


def _summary(corpus: Corpus) -> dict[str, Any]:
    from emotone.corpora.resolve import selections_of

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


def _print(found: CheckReport) -> None:
    from rich.console import Console
    from rich.table import Table

    from emotone.inference.display import printable

    terminal = Console(markup=False, highlight=False, soft_wrap=True)
    counts = Table("emotion", "clips", "published", title=printable(f"{found.corpus} in {found.root}"))
    expected = found.expected or {}
    for label in sorted({*found.counts, *expected}):
        counts.add_row(label, str(found.counts.get(label, 0)), str(expected.get(label, "-")))
    counts.add_row("all", str(found.clips), str(sum(expected.values()) or "-"), style="bold")
    counts.add_row("speakers", str(found.speakers), str(found.expected_speakers or "-"))
    terminal.print(counts)
    if 0 < len(found.clips_of) <= SPEAKERS_SHOWN:
        terminal.print(printable(f"clips per speaker: {_listed(found.clips_of)}"))
    elif found.clips_of:
        terminal.print(f"clips per speaker: {min(found.clips_of.values())} to {max(found.clips_of.values())}")
    if found.seconds:
        seconds = found.seconds
        known = f" of {found.expected_minutes:.1f} min" if found.expected_minutes is not None else ""
        terminal.print(
            f"{seconds['total'] / 60:.1f}{known or ' min'} in total; median {seconds['median']:.2f} s, "
            f"from {seconds['shortest']:.2f} s to {seconds['longest']:.2f} s"
        )
    shown: dict[str, int] = {}
    for finding in found.findings:
        shown[finding.kind] = shown.get(finding.kind, 0) + 1
        if shown[finding.kind] <= FINDINGS_SHOWN:
            terminal.print(printable(f"{finding.severity}: {finding.message}"))
    for kind, count in shown.items():
        if count > FINDINGS_SHOWN:
            terminal.print(f"... and {count - FINDINGS_SHOWN} more of the kind '{kind}'; see --json")
    terminal.print("no problems found" if found.ok else "problems found")
