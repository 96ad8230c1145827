"""Sections of the page: gains over training on the target only, questions, corpora, and unmeasured cells."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from emotone.corpora.base import CORPORA
from emotone.corpora.labels import label_set
from emotone.reproductions.base import by_place
from emotone.reproductions.document import first_of_runs, markdown_table
from emotone.reproductions.papers.transferable_features import published
from emotone.reproductions.papers.transferable_features.claims import best_network
from emotone.reproductions.papers.transferable_features.published import PLANS, SCENARIOS
from emotone.reproductions.papers.transferable_features.tables import (
    FREE,
    PAPER,
    TARGET_ONLY,
    column,
    columns,
    setting_row,
)
from emotone.reproductions.papers.transferable_features.tables import column as column_heading
from emotone.scoring.evidence import gain
from emotone.scoring.finished_run import read_description
from emotone.scoring.result_table import p_value

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from emotone.reproductions.base import CellResult
    from emotone.reproductions.document import Scoreboard

ARROWS = {"up": "↑", "down": "↓", "same": "•", "unknown": ""}
NOT_RUN = "Not run yet."
TESTS = (
    "An arrow marks a change that is significant at .05 by the paired t-test over folds, as in the paper; • marks one",
    "that is not. The arrow in brackets is of the same test corrected for overlapping training parts (Nadeau and",
    "Bengio), and is the valid one. With hundreds of comparisons, some arrows of either kind are due to chance. The",
    "highest gain of a row is bold. Average and Std are over targets.",
)


def gains(results: Sequence[CellResult], runs: Path) -> list[str]:
    """Return gains over training on the target only: a table for each split, training corpora and scenario.

    Args:
        results: of Table 3.
        runs: folder of the runs.

    """
    places = by_place(results)
    lines: list[str] = []
    for split, pool, targets in columns():
        heading = column(split, pool)
        for scenario in SCENARIOS:
            rows: list[tuple[str, ...]] = []
            values: list[list[float | None]] = []
            for target in targets:
                base = places.get((target, TARGET_ONLY.id, column(split, "target").id))
                found = [places.get((target, setting_row(f"{scenario}-{plan}").id, heading.id)) for plan in PLANS]
                if base is not None and any(found):
                    of_target = [None if result is None else _gain(base, result) for result in found]
                    tests = ("" if result is None else arrows(base, result, runs) for result in found)
                    rows.append((target, f"{percent_of(base):.1f}", *_marked(of_target, list(tests))))
                    values.append(of_target)
            if rows:
                title = f"{scenario}, {heading}: gain over TT in percent"
                lines += ["", f"### {title}", "", *markdown_table(("target", "TT", *PLANS), [*rows, *_summary(values)])]
    return lines or ["", NOT_RUN]


def published_gains() -> list[str]:
    """Return the published gains, a table for each scenario."""
    lines: list[str] = []
    for scenario in SCENARIOS:
        rows = [
            (
                target,
                f"{100 * published.TARGET_ONLY[target]:.1f}",
                *_marked([100 * value for value in published.GAINS[scenario][target]], [""] * len(PLANS)),
            )
            for target in published.CORPORA
        ]
        average = ("average", "", *_marked([100 * value for value in published.AVERAGE[scenario]], [""] * len(PLANS)))
        deviation = ("Std", "", *(f"{100 * value:.1f}" for value in published.DEVIATION[scenario]))
        lines += ["", f"### {scenario}, published (random folds, the paper's corpora)", ""]
        lines += markdown_table(("target", "TT", *PLANS), [*rows, average, deviation])
    return lines


def arrows(base: CellResult, result: CellResult, runs: Path) -> str:
    """Return the arrows of both tests of a result against another on the same corpus."""
    return _tested(runs, base.run, result.run, result.cell.corpus)


def percent_of(result: CellResult) -> float:
    """Return a score times 100; 0 without one."""
    return 0.0 if result.score is None else 100 * result.score.number


def _gain(base: CellResult, result: CellResult) -> float:
    return 100 * (percent_of(result) / percent_of(base) - 1)


def _marked(values: Sequence[float | None], tests: Sequence[str]) -> list[str]:
    """Return gains with their arrows, the highest one bold."""
    best = max((value for value in values if value is not None), default=None)
    cells = []
    for value, test in zip(values, tests, strict=True):
        number = "-" if value is None else f"**{value:+.1f}**" if value == best else f"{value:+.1f}"
        cells.append(f"{number} {test}".rstrip())
    return cells


def _summary(values: Sequence[Sequence[float | None]]) -> list[tuple[str, ...]]:
    """Return the average and the standard deviation over targets, if there are several."""
    if len(values) < 2:
        return []
    known = [[value for value in of_plan if value is not None] for of_plan in zip(*values, strict=True)]
    average = ("average", "", *(f"{np.mean(each):+.1f}" if each else "-" for each in known))
    deviation = ("Std", "", *(f"{np.std(each, ddof=1):.1f}" if len(each) > 1 else "-" for each in known))
    return [average, deviation]


@cache
def _tested(runs: Path, first: str, second: str, corpus: str) -> str:
    found = gain(runs / first, runs / second, corpus)
    paired, corrected = (ARROWS[found.change(corrected=corrected)] for corrected in (False, True))
    return f"{paired} ({corrected})" if paired else ""


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
