"""A comparison of runs as Markdown tables, for terminals and pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emotone.scoring.scores import TITLES, with_interval

if TYPE_CHECKING:
    from collections.abc import Iterable

    from emotone.scoring.comparison import Comparison, Difference

SMALLEST_P = 0.0001  # what is below is printed as such: nobody needs the zeros


DIFFERENCE_HEADER = ("corpus", "metric", "runs", "first", "second", "second - first [95 %]", "n", "speakers")
TEST_HEADER = ("corpus", "metric", "runs", "test", "n", "statistic", "p", "p (Holm)", "family")


def comparison_markdown(comparison: Comparison) -> str:
    """Return which run is which, the differences, the tests and the notes; no final newline."""
    runs = [f"{run.name} = {run.folder} ({run.protocol})" for run in comparison.runs]
    differences = _table(DIFFERENCE_HEADER, rows_of_differences(comparison))
    tests = _table(TEST_HEADER, rows_of_tests(comparison))
    parts = ["\n".join(runs), "\n".join(["Scores x 100:", "", *differences])]
    if len(tests) > 2:
        parts.append("\n".join(["Tests, two-sided:", "", *tests]))
    notes = [f"Note: {note}" for note in notes_of(comparison)]
    return "\n\n".join([*parts, "\n".join(notes)] if notes else parts)


def rows_of_differences(comparison: Comparison) -> list[tuple[str, ...]]:
    """Return a row below `DIFFERENCE_HEADER` for each difference, scores times 100."""
    return [
        (
            difference.corpus,
            TITLES[difference.metric],
            _runs(difference),
            f"{100 * difference.first_value:.1f}",
            f"{100 * difference.second_value:.1f}",
            _interval(difference),
            f"{difference.n}",
            f"{difference.speakers or 'not known'}",
        )
        for difference in comparison.differences
    ]


def rows_of_tests(comparison: Comparison) -> list[tuple[str, ...]]:
    """Return a row below `TEST_HEADER` for each test of each difference."""
    return [
        (
            difference.corpus,
            TITLES[difference.metric],
            _runs(difference),
            found.test.name,
            f"{found.test.n}",
            "-" if found.test.statistic is None else f"{found.test.statistic:.3g}",
            _p(found.test.p),
            _p(found.holm),
            f"{found.family}",
        )
        for difference in comparison.differences
        for found in difference.tests
    ]


def notes_of(comparison: Comparison) -> list[str]:
    """Return every note once, with where it holds."""
    places: dict[str, list[str]] = {}
    for difference in comparison.differences:
        where = f"{difference.corpus}: {_runs(difference)}"
        silent = [
            f"{TITLES[difference.metric]}, {found.test.name}: {found.test.note}"
            for found in difference.tests
            if found.test.p is None
        ]
        for note in (*difference.notes, *silent):
            of_note = places.setdefault(note, [])
            if where not in of_note:
                of_note.append(where)
    return [*comparison.notes, *(f"{note} ({'; '.join(of_note)})" for note, of_note in places.items())]


def _runs(difference: Difference) -> str:
    return f"{difference.first}, {difference.second}"


def _interval(difference: Difference) -> str:
    return with_interval(difference.value, difference.low, difference.high, sign="+")


def _p(p: float | None) -> str:
    if p is None:
        return "-"
    return f"< {SMALLEST_P:g}" if p < SMALLEST_P else f"{p:.4f}"


def _table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    """Return the lines of a Markdown table, its columns aligned so that it can be read as it is."""
    cells = [header, *(tuple(cell.replace("|", "\\|") for cell in row) for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in cells
    ]
    return [lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]]
