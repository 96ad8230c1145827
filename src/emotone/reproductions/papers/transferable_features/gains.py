"""Gains over training on the target only, with paired tests: ours, and the published ones."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from emotone.reproductions.base import by_place
from emotone.reproductions.document import markdown_table
from emotone.reproductions.papers.transferable_features import published
from emotone.reproductions.papers.transferable_features.published import PLANS, SCENARIOS
from emotone.reproductions.papers.transferable_features.tables import TARGET_ONLY, column, columns, setting_row
from emotone.scoring.evidence import gain

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from emotone.reproductions.base import CellResult

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
