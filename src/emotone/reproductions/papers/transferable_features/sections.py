"""Further sections of the paper's page: its questions, corpora, unmeasured cells, and the comparison of Table 5."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from emotone.corpora.base import CORPORA
from emotone.corpora.labels import label_set
from emotone.reproductions.base import by_place
from emotone.reproductions.document import first_of_runs, markdown_table
from emotone.reproductions.papers.transferable_features import published
from emotone.reproductions.papers.transferable_features.claims import best_network
from emotone.reproductions.papers.transferable_features.tables import FREE, PAPER, columns
from emotone.reproductions.papers.transferable_features.tables import column as column_heading
from emotone.scoring.evidence import gain
from emotone.scoring.finished_run import read_description
from emotone.scoring.result_table import p_value

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from emotone.reproductions.base import CellResult
    from emotone.reproductions.scoreboard import Scoreboard

QUESTIONS = {
    "RQ1": "How effective is CNN+LSTM, and are learned features better than hand-crafted ones?",
    "RQ2": "Which way of transferring suits which target?",
    "RQ3": "Which properties of corpora affect the accuracy most?",
    "RQ4": "How effective is the network compared with other methods of adaptation?",
}
POOL = re.compile(r"([a-z0-9_-]+) \d+")


def questions_section(board: Scoreboard) -> list[str]:
    """Return the paper's research questions with the verdicts on its answers."""
    lines = ["", "## The paper's questions", ""]
    for key, question in QUESTIONS.items():
        answers = [
            f"{finding.claim.text.removeprefix(f'{key}: ')}: **{finding.verdict}**"
            for finding in board.findings
            if finding.claim.text.startswith(key)
        ]
        lines.append(f"- {key}. {question} {'; '.join(answers)}.")
    return lines


def corpora_section(results: Sequence[CellResult], runs: Path) -> list[str]:
    """Return the clips of the six emotions, in the paper and here, and the training corpora of the stored runs."""
    labels = label_set("six").labels
    rows = []
    for name in dict.fromkeys((*published.CORPORA, *FREE)):
        known = CORPORA.get(name) if name in CORPORA.names else None
        counts = () if known is None else [known.counts.get(label) or 0 for label in labels]
        ours = str(sum(counts)) if counts else "no such corpus here"
        rows.append((name, str(published.CLIPS.get(name, "-")), ours))
    pool = training_corpora(results, runs)
    absent = [name for name in FREE if name not in pool]
    used = f"Training corpora of the stored runs: {', '.join(pool)}." if pool else ""
    unused = f" In no stored run: {', '.join(absent)}." if pool and absent else ""
    return [
        "",
        "## Corpora",
        "",
        "Clips of the six emotions. Where the numbers differ, the paper used a selection that it does not describe, or",
        f"another edition of the corpus. {used}{unused}",
        "",
        *markdown_table(("corpus", "clips in the paper", "clips of the same labels here"), rows),
    ]


def training_corpora(results: Sequence[CellResult], runs: Path) -> tuple[str, ...]:
    """Return the corpora that stored runs were trained on, in the order of `FREE`."""
    found: set[str] = set()
    found.update(result.cell.corpus for result in results if result.run)
    for run in first_of_runs(results):
        for note in read_description(runs / run).get("protocol", {}).get("notes", ()):
            if str(note).startswith("trained on and never tested"):
                found.update(POOL.findall(str(note).partition(": ")[2]))
    return tuple(name for name in FREE if name in found)


def coverage_section(results: Mapping[str, Sequence[CellResult]]) -> list[str]:
    """Return how many cells of each table are measured, by column."""
    rows = []
    for table in PAPER.tables:
        of_table = results[table.name]
        for heading in dict.fromkeys(result.cell.column for result in of_table):
            cells = [result for result in of_table if result.cell.column == heading]
            measured = sum(result.score is not None for result in cells)
            rows.append((table.name, heading.title, str(measured), str(len(cells))))
    return [
        "",
        "## Measured and unmeasured cells",
        "",
        "Cells without a run are not shown in the tables above, or as -.",
        "",
        *markdown_table(("table", "column", "measured", "of"), rows),
    ]


def adaptive_svm_section(results: Mapping[str, Sequence[CellResult]], runs: Path) -> list[str]:
    """Return Table 5 with its column "Gain": the best network against the adaptive SVM, published and ours."""
    table3, table5 = by_place(results["table3"]), by_place(results["table5"])
    rows = [
        (
            target,
            "published",
            f"{100 * svm:.1f}",
            f"{100 * network:.1f}",
            f"{100 * published_gain:+.1f} %",
            "significant",
        )
        for target, (svm, network) in published.TABLE5.items()
        for published_gain in (published.TABLE5_GAIN[target],)
    ]
    for split, pool, targets in columns():
        heading = column_heading(split, pool)
        for target in targets:
            first, second = table5.get((target, "adaptive-svm", heading.id)), best_network(table3, target, heading.id)
            if first is None or first.score is None or second is None or second.score is None:
                continue
            svm, network = first.score.number, second.score.number
            test = gain(runs / first.run, runs / second.run, target).corrected
            shown = "one split, no test" if test is None else p_value(test.p)
            best = f"{100 * network:.1f} ({second.cell.row})"
            place = f"ours, {heading.title}"
            rows.append((target, place, f"{100 * svm:.1f}", best, f"{100 * (network / svm - 1):+.1f} %", shown))
    return [
        "",
        "### Network compared with the adaptive SVM",
        "",
        "Gain is (network - SVM) / SVM, as in the paper. In both, the network is the best of those that were run,",
        "selected on the test data. p is that of the corrected t-test over folds. The adaptive SVM is better than the",
        "network here, the reverse of the paper's headline.",
        "",
        *markdown_table(("target", "figures", "adaptive SVM", "CNN+LSTM", "gain", "p"), rows),
    ]
