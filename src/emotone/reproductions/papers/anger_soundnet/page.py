"""The page of the paper on anger detection with SoundNet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emotone.reproductions.document import ENGINE, command, document, leakage_section, markdown_table
from emotone.reproductions.page import grid_table, stored_results
from emotone.reproductions.papers.anger_soundnet.tables import FREE_CORPUS, PAPER, TABLE2
from emotone.reproductions.reproduce import runs_folder
from emotone.scoring.breakdowns import seeds_of
from emotone.scoring.comparison import compare_runs, comparison_tables, runs_lines
from emotone.scoring.finished_run import read_run

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from emotone.reproductions.base import CellResult

COMPARED = ("scratch", "frozen-2")  # row ids


def page(results: Path) -> str:
    """Return the paper's table with our scores, and a comparison of transfer with training from scratch."""
    found = stored_results(PAPER, TABLE2, results=results)
    runs = runs_folder(PAPER, TABLE2, out=results)
    lines = [
        "# Anger detection: transfer compared with training from scratch",
        "",
        "[The paper, its settings and ours](../papers/anger-soundnet.md). Area under the ROC curve (AU-ROC) x 100 over",
        "windows of 1.2 s, pooled over seeds, with a 95 % bootstrap interval clustered by speaker; chance is 50. All",
        "numbers are computed from the predictions under `results/`.",
        *ENGINE,
        "",
        f"## {TABLE2.title}",
        "",
        f"{TABLE2.note} Published: {TABLE2.source}.",
        "",
        grid_table(found).markdown(),
        "",
        command(PAPER, TABLE2),
        *leakage_section(found, runs, level=3),
        "",
        "## Differences between runs",
        "",
        *_seeds(found, runs),
        "",
        "## Is transfer better than training from scratch?",
        "",
        "R1 is trained from scratch, R2 with transfer and two frozen layers; the first seed of each. The z-test over",
        "windows is the paper's. It assumes independent windows, which those of one speaker are not, so its p is far",
        "too small. The interval of the difference is clustered by speaker, and is the valid result.",
        "",
        *_comparison(found, results_folder=results, runs=runs),
    ]
    return document(lines)


def _seeds(results: Sequence[CellResult], runs: Path) -> list[str]:
    rows = []
    for run in sorted({result.run for result in results if result.run}):
        finished = read_run(runs / run)
        name = str(finished.about["recipe"]["name"])
        for spread in seeds_of(finished.predictions):
            if spread.metric == "window-au-roc":
                values = ", ".join(f"{100 * value:.1f}" for value in spread.values.values())
                deviation = "-" if spread.deviation is None else f"{100 * spread.deviation:.1f}"
                rows.append((name, spread.corpus, f"{100 * spread.mean:.1f}", deviation, values))
    return markdown_table(("recipe", "corpus", "mean", "standard deviation", "by seed"), rows)


def _comparison(results: Sequence[CellResult], *, results_folder: Path, runs: Path) -> list[str]:
    by_row = {
        result.cell.row.id: result.run for result in results if result.run and result.cell.train_corpus == FREE_CORPUS
    }
    if not all(row in by_row for row in COMPARED):
        return ["One of the two runs is missing."]
    comparison = compare_runs([runs / by_row[row] for row in COMPARED])
    lines = [line.replace(f"{results_folder.resolve()}/", "") for line in runs_lines(comparison)]
    for table in comparison_tables(comparison):
        lines += ["", *table.markdown().splitlines()]
    return lines
