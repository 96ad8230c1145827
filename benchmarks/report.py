"""Outcomes as text, Markdown and JSON."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from benchmarks.base import Check, Outcome

NOTE = "<!-- Written by `make bench`; do not edit. -->"


def markdown(outcomes: Mapping[str, Outcome], machine: Mapping[str, str], *, model: str) -> str:
    """Return the page of results."""
    lines = [NOTE, "", "# Speed and memory", "", "Measured by `make bench`, which fails if a bound is violated.", ""]
    lines += table(("", ""), [*machine.items(), ("model", model)])
    for outcome in outcomes.values():
        lines += ["", f"## {outcome.title}", "", outcome.method, ""]
        if outcome.skipped:
            lines.append(f"Not measured: {outcome.skipped}.")
            continue
        lines += table(outcome.header, outcome.rows)
        if outcome.checks:
            lines += ["", *table(("number", "measured", "bound", ""), [_cells(check) for check in outcome.checks])]
    return "\n".join(lines) + "\n"


def as_json(outcomes: Mapping[str, Outcome], machine: Mapping[str, str], *, model: str) -> str:
    """Return the JSON document."""
    benchmarks = {name: _record(outcome) for name, outcome in outcomes.items()}
    return json.dumps({"machine": dict(machine), "model": model, "benchmarks": benchmarks}, indent=2) + "\n"


def text(name: str, outcome: Outcome) -> str:
    """Return one outcome for the terminal."""
    lines = [f"{name}: {outcome.title}"]
    if outcome.skipped:
        return "\n".join([*lines, f"  skipped: {outcome.skipped}"])
    cells = [outcome.header, *outcome.rows]
    widths = [max(len(row[column]) for row in cells) for column in range(len(outcome.header))]
    for row in cells:
        first, *others = (
            cell.ljust(width) if not index else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        lines.append("  " + "  ".join([first, *others]))
    lines += [f"  {'ok  ' if check.holds else 'FAIL'}  {' '.join(_cells(check)[:3])}" for check in outcome.checks]
    return "\n".join(lines)


def table(header: tuple[str, ...], rows: Any) -> list[str]:
    """Return the lines of a Markdown table."""
    return [_line(header), _line(tuple("---" for _ in header)), *(_line(row) for row in rows)]


def _line(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def _cells(check: Check) -> tuple[str, str, str, str]:
    unit = f" {check.unit}" if check.unit else ""
    value = f"{check.value:.4g}{unit}"
    return check.name, value, f"{check.relation} {check.limit:g}{unit}", "satisfied" if check.holds else "VIOLATED"


def _record(outcome: Outcome) -> dict[str, Any]:
    return {**asdict(outcome), "checks": [{**asdict(check), "holds": check.holds} for check in outcome.checks]}
