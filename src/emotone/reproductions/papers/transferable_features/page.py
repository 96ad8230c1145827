"""The page of the paper on transferable features: gains over training on the target only, with paired tests."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING

from emotone.reproductions.document import ENGINE, command, document, first_of_runs, markdown_table
from emotone.reproductions.page import grid_table, stored_results
from emotone.reproductions.papers.transferable_features import published
from emotone.reproductions.papers.transferable_features.published import ALL, PLANS, SCENARIOS, TABLE4_SETTINGS
from emotone.reproductions.papers.transferable_features.tables import (
    PAPER,
    PROTOCOL_NOTE,
    TABLE2,
    TABLE3,
    TABLE4,
    TABLE5,
    TARGET_ONLY,
    ablation_row,
    column,
    columns,
    setting_row,
)
from emotone.reproductions.reproduce import runs_folder
from emotone.scoring.evidence import gain
from emotone.scoring.finished_run import STAGES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from emotone.reproductions.base import CellResult, Heading, PublishedTable

ARROWS = {"up": "↑", "down": "↓", "same": "•", "unknown": ""}
ONE_REPLICATE = 1  # tables 3 and 4 show no intervals, which take most of the time
TESTS = (
    "An arrow marks a change that is significant at .05 by the paired t-test over folds, as in the paper; • marks one",
    "that is not. The arrow in brackets is of the same test corrected for overlapping training parts (Nadeau and",
    "Bengio), and is the valid one. With hundreds of comparisons, some arrows of either kind are due to chance.",
)
NOT_RUN = "Not run yet."


def page(results: Path) -> str:
    """Return the paper's four tables with our scores."""
    found = {
        table.name: [
            result
            for result in stored_results(PAPER, table, results=results, **_replicates(table))
            if result.score is not None
        ]
        for table in PAPER.tables
    }
    runs = runs_folder(PAPER, TABLE3, out=results)
    lines = [
        "# Transferable features: pre-training on other corpora",
        "",
        "[The paper, its settings and ours](../papers/transferable-features.md).",
        f"{PROTOCOL_NOTE} All numbers are times 100, computed from the predictions under `results/`.",
        *ENGINE,
        *_head(TABLE2),
        *_grid(found["table2"]),
        *_head(TABLE3),
        *TESTS,
        *_gains(found["table3"], runs),
        *_published_gains(),
        *_head(TABLE4),
        "Arrows compare with the same setting with all corpora.",
        *_ablations(found["table4"], runs),
        *_head(TABLE5),
        *_grid(found["table5"]),
        *_selected_on_test([*found["table3"], *found["table4"]]),
        *_absent_labels([result for of_table in found.values() for result in of_table], runs),
    ]
    return document(lines)


def _replicates(table: PublishedTable) -> dict[str, int]:
    return {} if table in {TABLE2, TABLE5} else {"replicates": ONE_REPLICATE}


def _head(table: PublishedTable) -> list[str]:
    return ["", f"## {table.title}", "", table.note, command(PAPER, table), ""]


def _grid(results: Sequence[CellResult]) -> list[str]:
    return [grid_table(results).markdown()] if results else [NOT_RUN]


def _by_place(results: Sequence[CellResult]) -> dict[tuple[str, str, str], CellResult]:
    """Return results by corpus, row id and column id."""
    return {(each.cell.corpus, each.cell.row.id, each.cell.column.id): each for each in results}


def _percent(result: CellResult) -> float:
    return 0.0 if result.score is None else 100 * result.score.number


def _gains(results: Sequence[CellResult], runs: Path) -> list[str]:
    """Return gains over training on the target only: a table for each split, training corpora and scenario."""
    by_place = _by_place(results)
    lines: list[str] = []
    for split, pool, targets in columns():
        heading = column(split, pool)
        for scenario in SCENARIOS:
            rows = []
            for target in targets:
                base = by_place.get((target, TARGET_ONLY.id, column(split, "target").id))
                found = [by_place.get((target, setting_row(f"{scenario}-{plan}").id, heading.id)) for plan in PLANS]
                if base is not None and any(found):
                    gains = (_gain(base, result, runs) for result in found)
                    rows.append((target, f"{_percent(base):.1f}", *gains))
            if rows:
                title = f"{scenario}, {heading}: gain over TT in percent"
                lines += ["", f"### {title}", "", *markdown_table(("target", "TT", *PLANS), rows)]
    return lines or ["", NOT_RUN]


def _gain(base: CellResult, result: CellResult | None, runs: Path) -> str:
    if result is None:
        return "-"
    return f"{100 * (_percent(result) / _percent(base) - 1):+.1f} {_arrows(base, result, runs)}".rstrip()


def _arrows(base: CellResult, result: CellResult, runs: Path) -> str:
    return _tested(runs, base.run, result.run, result.cell.corpus)


@cache
def _tested(runs: Path, first: str, second: str, corpus: str) -> str:
    found = gain(runs / first, runs / second, corpus)
    paired, corrected = (ARROWS[found.change(corrected=corrected)] for corrected in (False, True))
    return f"{paired} ({corrected})" if paired else ""


def _published_gains() -> list[str]:
    lines: list[str] = []
    for scenario in SCENARIOS:
        rows = [
            (
                target,
                f"{100 * published.TARGET_ONLY[target]:.1f}",
                *(f"{100 * value:+.1f}" for value in published.GAINS[scenario][target]),
            )
            for target in published.CORPORA
        ]
        average = ("average", "", *(f"{100 * value:+.1f}" for value in published.AVERAGE[scenario]))
        lines += ["", f"### {scenario}, published (random folds, the paper's corpora)", ""]
        lines += markdown_table(("target", "TT", *PLANS), [*rows, average])
    return lines


def _ablations(results: Sequence[CellResult], runs: Path) -> list[str]:
    """Return UARs without each corpus in pre-training: a table for each split, training corpora and target."""
    by_place = _by_place(results)
    lines: list[str] = []
    for split, pool, targets in columns():
        heading = column(split, pool)
        for target in targets:
            rows = []
            for excluded in (ALL, *TABLE4.corpora()):
                found = [
                    by_place.get((target, ablation_row(each, excluded).id, heading.id)) for each in TABLE4_SETTINGS
                ]
                if any(found):
                    bases = [by_place.get((target, ablation_row(each, ALL).id, heading.id)) for each in TABLE4_SETTINGS]
                    cells = (
                        _ablation(result, base if excluded else None, runs)
                        for result, base in zip(found, bases, strict=True)
                    )
                    rows.append((f"without {excluded}" if excluded else "all corpora", *cells))
            if rows:
                lines += ["", f"### {target}, {heading}", ""]
                lines += markdown_table(("pre-training", *TABLE4_SETTINGS), rows)
    return lines or ["", NOT_RUN]


def _ablation(result: CellResult | None, base: CellResult | None, runs: Path) -> str:
    if result is None:
        return "-"
    number = "" if result.cell.published is None else f" / {100 * result.cell.published:.1f}"
    arrows = "" if base is None else _arrows(base, result, runs)
    return f"{_percent(result):.1f} {arrows}".rstrip() + number


def _selected_on_test(results: Sequence[CellResult]) -> list[str]:
    """Return the best result for each target and column, selected on the test data as in the paper."""
    best: dict[tuple[str, Heading], CellResult] = {}
    for result in results:
        place = result.cell.corpus, result.cell.column
        if result.cell.row != TARGET_ONLY and (place not in best or _percent(result) > _percent(best[place])):
            best[place] = result
    if not best:
        return []
    lines = ["", "The best of all CNN+LSTM that were run, selected on the test data as in the paper:", ""]
    return lines + [
        f"- {corpus}, {heading}: {_percent(result):.1f} ({result.cell.row})"
        for (corpus, heading), result in best.items()
    ]


def _absent_labels(results: Sequence[CellResult], runs: Path) -> list[str]:
    """Return the labels that targets do not have, as the runs have recorded them."""
    found: dict[str, set[str]] = {}
    for run, result in first_of_runs(results).items():
        path = runs / run / STAGES
        if path.exists():
            for fold in json.loads(path.read_text(encoding="utf-8")).values():
                found.setdefault(result.cell.corpus, set()).update(fold["absent"])
    absent = {target: sorted(labels) for target, labels in sorted(found.items()) if labels}
    if not absent:
        return []
    lines = ["", "## Labels that a target does not have", "", "They get probability 0 in the tests of the target.", ""]
    return lines + [f"- {target}: {', '.join(labels)}" for target, labels in absent.items()]
