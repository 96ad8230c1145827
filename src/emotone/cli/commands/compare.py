"""`emotone compare`: whether one system is better than another."""

from __future__ import annotations

from pathlib import Path

import click

from emotone.cli import console as _say


@click.command(
    epilog="""\b
Examples:
  emotone compare results/opensmile-leave-one-speaker-out-1a2b results/default-leave-one-speaker-out-3c4d
  emotone compare results/*-leave-one-speaker-out-* --json > comparison.json

\b
How to read it:
  Differences are second minus first: above 0, the second run is better.
  The interval is of the difference, with speakers drawn anew 10,000 times for both runs at once. Where it
  leaves out 0, the difference would hold for other speakers of the same kind. With fewer than 20 speakers it
  is too narrow.
  McNemar and DeLong (two labels) look at utterances, and take them as independent: of one speaker they are
  not, so their p is far too small where voices differ. Paired t, Wilcoxon and corrected t look at folds;
  corrected t (Nadeau and Bengio) allows for training parts that overlap, and is the careful one to choose.
  p (Holm) is adjusted over the family: the same test of the same metric, for all pairs of runs and corpora.

\b
Runs must have judged the same utterances with the same truth; where they have not, it is said which differ.
Nothing is trained or judged anew.

Exit status: 0 compared; 2 wrong usage, or the runs can't be compared."""
)
@click.argument("runs", nargs=-1, required=True, metavar="RUN RUN...", type=click.Path(path_type=Path))
@click.option("--common", is_flag=True, help="Compare what both have judged; say what is left out.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(*, runs: tuple[Path, ...], common: bool, as_json: bool) -> None:
    """Compare finished evaluations: intervals of the differences, and paired tests.

    RUN is a folder that `emotone evaluate` printed. Every pair is compared, on every corpus.
    """
    from emotone.scoring.comparison import compare_runs, comparison_tables, runs_lines

    comparison = compare_runs(runs, common=common)
    if as_json:
        _say.print_json(comparison.to_dict())
    else:
        click.echo("\n".join(runs_lines(comparison)))
        for table in comparison_tables(comparison):
            click.echo(f"\n{table.text()}")
