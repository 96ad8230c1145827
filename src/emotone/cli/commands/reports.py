"""`emotone compare` and `emotone report`: differences between finished evaluations, and a report of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from emotone.cli import console

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emotone.evaluation.report.overview import RunGroups
    from emotone.evaluation.report.run_report import RunReport


@click.command(
    epilog="""\b
Examples:
  emotone compare results/is10-linear-svm-leave-one-speaker-out-1a2b results/mine-leave-one-speaker-out-3c4d
  emotone compare results/*-leave-one-speaker-out-* --json > comparison.json

\b
How to read the results:
  Differences are second minus first: above 0, the second run is better.
  The interval of a difference is a 95 % bootstrap interval: speakers are resampled 10,000 times, the same ones for
  both runs. If it excludes 0, the difference generalises to other speakers of the same population. With fewer than
  20 speakers the interval is too narrow.
  McNemar and DeLong (two labels) treat utterances as independent. Utterances of one speaker are not, so their
  p-values are too small. Paired t, Wilcoxon and corrected t compare folds. Corrected t (Nadeau and Bengio)
  accounts for overlapping training parts; prefer it.
  p (Holm) is adjusted for multiple comparisons: the same test of the same metric, over all pairs of runs and
  corpora.

\b
The runs need the same utterances with the same true labels; otherwise the differing utterances are reported.
Everything is computed from stored predictions; nothing is trained.

\b
Exit status: 0 compared; 2 wrong usage, or the runs can't be compared."""
)
@click.argument("runs", nargs=-1, required=True, metavar="RUN RUN...", type=click.Path(path_type=Path))
@click.option("--common", is_flag=True, help="Compare the utterances that both runs share, and report the others.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def compare(*, runs: tuple[Path, ...], common: bool, as_json: bool) -> None:
    """Compare finished evaluations with confidence intervals and paired tests.

    RUN is a folder that `emotone evaluate` wrote. Every pair is compared, on every corpus.
    """
    from emotone.scoring.comparison import compare_runs, comparison_tables, runs_lines

    comparison = compare_runs(runs, common=common)
    if as_json:
        console.print_json(comparison.to_dict())
    else:
        click.echo("\n".join(runs_lines(comparison)))
        for table in comparison_tables(comparison):
            click.echo(f"\n{table.text()}")


@click.command(
    epilog="""\b
Examples:
  # one evaluation as a web page
  emotone report results/default-open-leave-one-speaker-out-1a2b --out report.html
  # several evaluations, compared
  emotone report results/*-speaker-folds-10-* --out report.html
  # tables for a paper
  emotone report results/mine-leave-one-speaker-out-3c4d --out tables.tex

\b
Content, for each run:
  the evaluated system and protocol; scores with 95 % confidence intervals over speakers, next to chance and
  majority; confusion matrix; ROC curves and AU-ROC (for two labels also EER and thresholds); calibration; results
  per speaker, the lowest first; seeds; the leakage audit; recordings left out; the command that repeats the run.
  A run that shares speakers between training and test data is marked, and shown next to its speaker-independent
  twin. Runs on the same recordings are compared in pairs; for other pairs, the report gives the reason why not.

\b
Everything is computed from stored predictions; nothing is trained. Equal runs give equal files.
Needs the extra `report` (pip install 'emotone[report]').

\b
Exit status: 0 written; 2 wrong usage, or nothing was written."""
)
@click.argument("runs", nargs=-1, required=True, metavar="RUN...", type=click.Path(path_type=Path))
@click.option(
    "--out",
    required=True,
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="The file to write: .html (one file, works offline), .md or .tex. An existing file is overwritten.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the main scores and the size of the file as JSON.")
def report(*, runs: tuple[Path, ...], out: Path, as_json: bool) -> None:
    """Write a report of finished evaluations.

    RUN is a folder that `emotone evaluate` wrote.
    """
    from emotone.evaluation.report.document import format_of, render
    from emotone.evaluation.report.overview import document_of, group_runs
    from emotone.evaluation.report.run_report import reports_of
    from emotone.files import atomic_write

    suffix = format_of(out)  # reports a wrong suffix before anything is read
    reports = reports_of(runs)
    groups = group_runs(reports)
    text = render(document_of(reports, groups, pictures=suffix == ".html"), suffix=suffix)
    with atomic_write(out, text=True) as stream:
        stream.write(text)
    if as_json:
        console.print_json({"file": str(out), "bytes": out.stat().st_size, **_to_dict(reports, groups)})
    else:
        console.note(f"{out}: {len(reports)} run{'s' * (len(reports) > 1)}, {out.stat().st_size / 1e6:.2f} MB")
    for each in groups.incomparable:
        console.note(f"{' and '.join(each.runs)} can't be compared: {each.reason}")


def _to_dict(reports: Sequence[RunReport], groups: RunGroups) -> dict[str, Any]:
    return {
        "runs": [report.to_dict() for report in reports],
        "compared": [[run.name for run in comparison.runs] for comparison in groups.comparisons],
        "incomparable": [{"runs": list(each.runs), "reason": each.reason} for each in groups.incomparable],
    }
