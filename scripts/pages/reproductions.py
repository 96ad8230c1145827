"""Pages of published tables beside ours, from the runs that `emotone reproduce` made."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from scripts.pages.markdown import RESULTS, page, system_of, table

from emotone.protocols import Leakage
from emotone.reproductions.base import PAPERS, Paper, Row
from emotone.reproductions.page import grid_table, kept_rows
from emotone.reproductions.reproduce import ROWS, folder_of
from emotone.scoring.breakdowns import seeds_of
from emotone.scoring.comparison import compare_runs, comparison_tables, runs_lines
from emotone.scoring.finished_run import read_run

if TYPE_CHECKING:
    from pathlib import Path


def baselines() -> str:
    """Return what openSMILE features reach, from the runs that `emotone reproduce baselines` made."""
    lines = [
        "# Baselines",
        "",
        "What is reached without any network: unweighted average recall (UAR) x 100, mean over folds, with a 95 %",
        "bootstrap interval clustered by speaker. Where a number stands behind a slash, it is what was published;",
        "an asterisk marks ours where it is further away than two points. Computed from the predictions under",
        "`results/` each time this page is made.",
        *tables_of(PAPERS.get("baselines")),
    ]
    return page(lines)


def anger_soundnet() -> str:
    """Return the anger paper's table beside ours, and whether transfer is better than learning from scratch."""
    paper = PAPERS.get("anger-soundnet")
    folder = folder_of(paper, paper.tables[0], out=RESULTS)
    lines = [
        "# Anger detection: scratch against transfer",
        "",
        "What is as published and what is not: [../papers/anger-soundnet.md](../papers/anger-soundnet.md). Area under",
        "the ROC (AU-ROC) x 100 per window of 1.2 s, pooled over seeds, with a 95 % bootstrap interval clustered by",
        "speaker; guessing gives 50. Computed from the predictions under `results/` each time this page is made.",
        *tables_of(paper),
        "",
        "## From one training to the next",
        "",
        *_seeds(folder),
        "",
        "## Is transfer better than scratch?",
        "",
        "R1 is learned from scratch, R2 with transfer and two layers frozen, of each the first seed. The z-test over",
        "windows is the paper's: it takes windows as independent, which those of one speaker are not, so its p is far",
        "too small; the interval of the difference over speakers is the careful answer.",
        "",
        *_scratch_and_transfer(folder),
    ]
    return page(lines)


def _seeds(folder: Path) -> list[str]:
    rows = []
    for run in sorted(path.parent for path in folder.glob("*/predictions.parquet")):
        finished = read_run(run)
        for spread in seeds_of(finished.predictions):
            if spread.metric == "window-au-roc":
                values = ", ".join(f"{100 * value:.1f}" for value in spread.values.values())
                deviation = "-" if spread.deviation is None else f"{100 * spread.deviation:.1f}"
                rows.append((system_of(finished.about), spread.corpus, f"{100 * spread.mean:.1f}", deviation, values))
    return table(("recipe", "corpus", "mean", "deviation", "by seed"), rows)


def _scratch_and_transfer(folder: Path) -> list[str]:
    names = ("anger-soundnet-scratch", "anger-soundnet")
    runs = [run for name in names for run in sorted(folder.glob(f"{name}-train-on-*"))]
    if len(runs) != 2:
        return ["Not both of them were run."]
    comparison = compare_runs(runs)
    lines = [line.replace(f"{RESULTS.resolve()}/", "") for line in runs_lines(comparison)]
    for each in comparison_tables(comparison):
        lines += ["", *each.markdown().splitlines()]
    return lines


def tables_of(paper: Paper) -> list[str]:
    """Return every table of a paper: its grid, what random folds flatter by, and what the parts share."""
    lines: list[str] = []
    for each in paper.tables:
        folder = folder_of(paper, each, out=RESULTS)
        told = json.loads((folder / ROWS).read_text(encoding="utf-8"))["rows"]
        rows = kept_rows(each, told, results=folder)
        lines += ["", f"## {each.title}", "", f"{each.note} Published: {each.source}.", "", grid_table(rows).markdown()]
        lines += ["", *_random_beside(rows), *_audits(rows, folder)]
        lines += [f"Again: `emotone reproduce {paper.key} {each.name} --corpus NAME=DIR...`"]
    return lines


def _random_beside(rows: tuple[Row, ...]) -> list[str]:
    """Return one line for each setting that was also divided at random: what that flatters by."""
    found = {(row.cell.corpus, row.cell.setting, row.cell.protocol): row.score for row in rows}
    lines = []
    for (corpus, setting, division), score in found.items():
        new = found.get((corpus, setting, "leave-one-speaker-out"))
        if division.startswith("random") and score is not None and new is not None:
            lines.append(
                f"- {corpus} {setting}: {100 * score.number:.0f} random, {100 * new.number:.0f} for new speakers"
            )
    return ["What random folds flatter by:", "", *lines, ""] if lines else []


def _audits(rows: tuple[Row, ...], folder: Path) -> list[str]:
    """Return what training and test parts share, once for each set of tested corpora and protocol."""
    seen: dict[tuple[str, str], str] = {}
    for run in dict.fromkeys(row.run for row in rows if row.run):
        finished = read_run(folder / run)
        where = ", ".join(finished.predictions.corpora), finished.about["protocol"]["name"]
        seen.setdefault(where, "; ".join(Leakage.from_dict(finished.about["leakage"]).lines()))
    lines = (f"- {corpora}, `{division}`: {shared}" for (corpora, division), shared in seen.items())
    return ["What training and test parts share:", "", *lines, ""]
