"""`emotone report`: finished evaluations as one page to read, or as tables for a paper."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from emotone.cli import console as _say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emotone.evaluation.report.overview import RunGroups
    from emotone.evaluation.report.run_report import RunReport


@click.command(
    epilog="""\b
Examples:
  emotone report results/default-open-leave-one-speaker-out-1a2b --out report.html
  emotone report results/*-speaker-folds-10-* --out report.html
  emotone report results/mine-leave-one-speaker-out-3c4d --out tables.tex

\b
What is in it, for each run:
  what was evaluated and how; scores with intervals clustered by speaker, beside chance and majority; what is
  taken for what; ROC curves and AU-ROC (for two labels also EER and thresholds); calibration; every speaker, the
  worst first; seeds; the leakage audit; recordings left out; how to repeat it.
  A run that tests speakers it trained on is marked, and its speaker-independent twin is put beside it.
Several runs stand side by side. Those that judged the same recordings are compared in pairs; of the others it is
said why they can't be.

\b
Nothing is trained or judged anew: all of it is computed from stored predictions. The same runs give the same file.
Needs the extra `report` (pip install 'emotone[report]'); the paired tests need SciPy.

Exit status: 0 written; 2 wrong usage, or nothing could be written."""
)
@click.argument("runs", nargs=-1, required=True, metavar="RUN...", type=click.Path(path_type=Path))
@click.option(
    "--out",
    required=True,
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="What to write: .html (one file, works offline), .md or .tex. A file that is there is replaced.",
)
@click.option("--json", "as_json", is_flag=True, help="Print what was written, and the main scores, as JSON.")
def command(*, runs: tuple[Path, ...], out: Path, as_json: bool) -> None:
    """Write a report of finished evaluations.

    RUN is a folder that `emotone evaluate` printed.
    """
    from emotone.evaluation.report.document import format_of, render
    from emotone.evaluation.report.overview import document_of, group_runs
    from emotone.evaluation.report.run_report import reports_of
    from emotone.files import atomic_write

    suffix = format_of(out)  # a wrong one is said before anything is read
    reports = reports_of(runs)
    groups = group_runs(reports)
    text = render(document_of(reports, groups, pictures=suffix == ".html"), suffix=suffix)
    with atomic_write(out, text=True) as stream:
        stream.write(text)
    if as_json:
        _say.print_json({"file": str(out), "bytes": out.stat().st_size, **_to_dict(reports, groups)})
    else:
        _say.note(f"{out}: {len(reports)} run{'s' * (len(reports) > 1)}, {out.stat().st_size / 1e6:.2f} MB")
    for each in groups.incomparable:
        _say.note(f"{' and '.join(each.runs)} can't be compared: {each.reason}")


def _to_dict(reports: Sequence[RunReport], groups: RunGroups) -> dict[str, Any]:
    return {
        "runs": [report.to_dict() for report in reports],
        "compared": [[run.name for run in comparison.runs] for comparison in groups.comparisons],
        "incomparable": [{"runs": list(each.runs), "reason": each.reason} for each in groups.incomparable],
    }
