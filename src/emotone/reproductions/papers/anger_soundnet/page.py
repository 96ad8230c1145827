"""The page of the paper on anger detection with SoundNet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emotone.reproductions.base import CellResult
from emotone.reproductions.document import ENGINE, command, document, grid_table, leakage_section, markdown_table
from emotone.reproductions.figure import Mark, Row, interval_figure
from emotone.reproductions.papers.anger_soundnet.claims import (
    GROUPS,
    SCRATCH,
    TRANSFER,
    p_over_runs,
    scoreboard,
    training_runs,
)
from emotone.reproductions.papers.anger_soundnet.tables import FREE_CORPUS, MINUTES, PAPER, PRINTED_ONLY, TABLE2
from emotone.reproductions.stored import runs_folder, stored_results, stored_runs
from emotone.scoring.breakdowns import seeds_of
from emotone.scoring.comparison import compare_runs, comparison_tables, runs_lines
from emotone.scoring.finished_run import read_run
from emotone.scoring.result_table import p_value

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from emotone.reproductions.document import Scoreboard

COMPARED = (SCRATCH, TRANSFER)  # row ids
TITLES = {
    "ravdess": "RAVDESS, other speakers",
    "savee": "SAVEE, English",
    "English (RAVDESS, SAVEE)": "English, pooled",
    "emodb": "Emo-DB, German",
    "emovo": "EMOVO, Italian",
    "nemo": "nEMO, Polish",
    "all five corpora": "all five corpora, pooled",
}
"""Group of corpora -> title in the figure."""


def page(results: Path) -> str:
    """Return the scoreboard, the paper's table with our scores, and comparisons with training from scratch."""
    found = stored_results(PAPER, TABLE2, results=results)
    runs = runs_folder(PAPER, out=results)
    lines = [
        "# Anger detection: transfer compared with training from scratch",
        "",
        "[The paper, its settings and ours](../papers/anger-soundnet.md). Area under the ROC curve (AU-ROC) x 100 over",
        "windows of 1.2 s; chance is 50. All numbers are computed from the predictions under `results/`.",
        *ENGINE,
        "",
        f"![AU-ROC by tested corpus, from scratch and with transfer]({PAPER.key}.svg)",
        "",
        *scoreboard({TABLE2.name: found}, runs).lines(),
        "",
        "## AU-ROC by training run, and over corpora",
        "",
        *_by_training_run(found, runs),
        "",
        f"## {TABLE2.title}",
        "",
        f"{TABLE2.note} Published: {TABLE2.source}.",
        "",
        "These scores pool the windows of all training runs, with a 95 % bootstrap interval clustered by speaker. The",
        "probabilities of different networks are not on one scale, so the means above are the valid scores.",
        "",
        grid_table(found).markdown(),
        "",
        *_printed_only(),
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
        "R1 is trained from scratch, R2 with transfer and two frozen layers; the first seed of each. The test over all",
        "seeds is at the top of this page. The z-test over windows is the paper's. It assumes independent windows,",
        "which those of one speaker are not, so its p is far too small. The interval of the difference is clustered by",
        "speaker, and is the valid result for one training run.",
        "",
        *_comparison(found, results_folder=results, runs=runs),
    ]
    return document(lines)


def claims(results: Path) -> Scoreboard:
    """Return the scoreboard, from the stored predictions."""
    found = stored_results(PAPER, TABLE2, results=results)
    return scoreboard({TABLE2.name: found}, runs_folder(PAPER, out=results))


def figure(results: Path) -> str:
    """Return the AU-ROC of every tested corpus, from scratch and with transfer, as SVG."""
    stored = stored_runs(PAPER, TABLE2, [results])
    cells = (each for each in TABLE2.cells if each.row.id in COMPARED and each.key in stored)
    compared = [CellResult(each, None, "not run", stored[each.key].name) for each in cells]  # without slow intervals
    found = training_runs(compared, runs_folder(PAPER, out=results))
    names = {SCRATCH: "from scratch", TRANSFER: "transfer, two layers frozen"}
    rows = []
    for group, title in TITLES.items():
        marks = [
            Mark(name, 100 * of.mean, 100 * (of.mean - of.deviation), 100 * (of.mean + of.deviation))
            for row, name in names.items()
            if (of := found.get(row, {}).get(group)) is not None
        ]
        if marks:
            rows.append(Row(title, tuple(marks)))
    return interval_figure(
        "Anger in speech: detectors trained on RAVDESS",
        rows,
        axis="AU-ROC over windows x 100: mean and standard deviation of training runs",
        line=("chance", 50),
        limits=(40, 100),
    )


def _by_training_run(results: Sequence[CellResult], runs: Path) -> list[str]:
    """Return AU-ROCs by system and group of corpora, and the test of transfer over training runs."""
    found = training_runs(results, runs)
    if not found:
        return ["Not run yet."]
    titles = {result.cell.row.id: result.cell.row.title for result in results}
    rows = [(titles[row], *(of[group].text if group in of else "-" for group in GROUPS)) for row, of in found.items()]
    lines = [
        "Mean and standard deviation over training runs. The windows of several corpora are pooled within a training",
        f"run. Trained on {FREE_CORPUS}.",
        "",
        *markdown_table(("system", *GROUPS), rows),
    ]
    if all(found.get(row) for row in COMPARED):
        first, second = (found[row] for row in COMPARED)
        tests = [
            (group, first[group].text, second[group].text, p_value(p_over_runs(first[group], second[group])))
            for group in GROUPS
            if group in first and group in second
        ]
        lines += [
            "",
            "Transfer compared with training from scratch, by Student's paired t-test over training runs of the same",
            "seeds. It measures the randomness of training; the speakers are the same in all runs.",
            "",
            *markdown_table(("corpora", "from scratch", "transfer", "p"), tests),
        ]
    return lines


def _printed_only() -> list[str]:
    """Return the published rows that can't be measured, and the minutes of Table 1."""
    rows = [
        (name, f"{100 * scratch:.1f}", f"{100 * PRINTED_ONLY[TRANSFER][name]:.1f}", "data absent")
        for name, scratch in PRINTED_ONLY[SCRATCH].items()
    ]
    minutes = [(name, f"{anger:g}", f"{other:g}") for name, (anger, other) in MINUTES.items()]
    return [
        "Rows of the same table that no corpus here can measure:",
        "",
        *markdown_table(("tested on", "from scratch, published", "transfer, published", "ours"), rows),
        "",
        "Minutes of the paper's corpora (its Table 1). Those of anger in Emotional Prosody are so few that they",
        "suggest hot anger alone; of MASC the paper uses the sentences only, without phrases and paragraphs.",
        "",
        *markdown_table(("corpus", "anger", "other"), minutes),
    ]


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
