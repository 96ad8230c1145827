"""The page of the baselines: every table, and the overestimation by random folds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emotone.reproductions.document import command, document, grid_table, leakage_section
from emotone.reproductions.papers.baselines.tables import PAPER
from emotone.reproductions.stored import runs_folder, stored_results

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from emotone.reproductions.base import CellResult


def page(results: Path) -> str:
    """Return the scores of classifiers of openSMILE features, from stored predictions."""
    lines = [
        "# Baselines",
        "",
        "Scores without any network: unweighted average recall (UAR) x 100, mean over folds, with a 95 % bootstrap",
        "interval clustered by speaker. A number after a slash is the published one; an asterisk marks a difference",
        "of more than two points. All numbers are computed from the predictions under `results/`.",
    ]
    for table in PAPER.tables:
        found = stored_results(PAPER, table, results=results)
        lines += ["", f"## {table.title}", "", f"{table.note} Published: {table.source}.", ""]
        lines += [grid_table(found).markdown(), "", command(PAPER, table)]
        lines += _random_folds(found)
        lines += leakage_section(found, runs_folder(PAPER, out=results), level=3)
    return document(lines)


def _random_folds(results: Sequence[CellResult]) -> list[str]:
    """Return the UAR of random folds next to that of leave-one-speaker-out."""
    scores = {(each.cell.corpus, each.cell.row, each.cell.protocol): each.score for each in results}
    lines = []
    for (corpus, row, protocol), score in scores.items():
        independent = scores.get((corpus, row, "leave-one-speaker-out"))
        if protocol.startswith("random") and score is not None and independent is not None:
            ours = f"{100 * score.number:.0f} random, {100 * independent.number:.0f} leave-one-speaker-out"
            lines.append(f"- {corpus}, {row}: {ours}")
    return ["", "### Overestimation by random folds", "", *lines] if lines else []
