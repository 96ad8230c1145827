"""`emotone compare`: differences between finished evaluations, with intervals and paired tests."""

from __future__ import annotations

from pathlib import Path

import click

from emotone.cli import console


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
def command(*, runs: tuple[Path, ...], common: bool, as_json: bool) -> None:
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
