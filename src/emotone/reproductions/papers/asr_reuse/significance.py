"""p-values of the differences between systems, from stored runs.

The paper gives two, .03 for MP-3 and .0007 for RNN-x against the baseline, and does not name their test; it has ten
runs of ten folds. Here a system's folds are compared with those of another one: by the paired t-test, as is common, and
by the corrected one of Nadeau and Bengio, as training parts overlap (see `emotone.metrics.significance`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from emotone.metrics.significance import holm
from emotone.reproductions.base import by_place
from emotone.reproductions.document import markdown_table
from emotone.reproductions.papers.asr_reuse.tables import FREE, SHORT, TABLE, UAR
from emotone.scoring.comparison import compare_runs
from emotone.scoring.evidence import CORRECTED, PAIRED
from emotone.scoring.result_table import format_estimate, p_value

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from emotone.reproductions.base import CellResult
    from emotone.scoring.comparison import Difference

PAIRS = {
    TABLE.name: (("1", "2"), ("1", "3"), ("3", "2-4"), ("3", "all")),
    SHORT.name: (
        ("baseline-96", "mp-3"),
        ("baseline-96", "rnn-2"),
        ("baseline-96", "progressive-2"),
        ("mp-1", "mp-2"),
        ("mp-1", "mp-3"),
        ("mp-2", "rnn-2"),
        ("rnn-2", "progressive-2"),
    ),
}
"""Table -> pairs of rows that are compared, the second with the first."""
REPLICATES = 2000  # of the intervals


def significance_lines(results: Mapping[str, Sequence[CellResult]], runs: Path) -> list[str]:
    """Return a table of p-values as Markdown; no line without two stored runs that are a pair.

    Args:
        results: of each table, by its name.
        runs: folder of the stored runs.

    """
    found = [
        (result.cell.row.title, other.cell.row.title, difference)
        for table, pairs in PAIRS.items()
        for corpus in FREE
        for first, second in pairs
        for places in [by_place(results.get(table, ()))]
        for result, other in [(places.get((corpus, first, UAR.id)), places.get((corpus, second, UAR.id)))]
        if result is not None and other is not None and result.run and other.run
        for difference in compare_runs([runs / result.run, runs / other.run], replicates=REPLICATES).differences
        if difference.metric == UAR.id
    ]
    if not found:
        return []
    adjusted = holm([_p(difference, CORRECTED) for *_, difference in found])
    rows = (
        (
            difference.corpus,
            f"{second} - {first}",
            format_estimate(difference, sign="+"),
            str(difference.folds),
            p_value(_p(difference, PAIRED)),
            p_value(_p(difference, CORRECTED)),
            p_value(after),
        )
        for (first, second, difference), after in zip(found, adjusted, strict=True)
    )
    columns = ("corpus", "systems", "recall x 100", "folds", "paired t", "corrected t", "corrected t, Holm")
    return [
        "",
        "## p-values",
        "",
        "The paper gives p of at most .03 for MP-3 and .0007 for RNN-x, each against the baseline, and names no test.",
        "These are two-sided t-tests over folds. Training parts of folds overlap, so p of the paired test is too",
        "small; the corrected test of Nadeau and Bengio allows for that. The last column is adjusted for the number of",
        "rows (Holm).",
        "",
        *markdown_table(columns, rows),
    ]


def _p(difference: Difference, name: str) -> float | None:
    return next((found.test.p for found in difference.tests if found.test.name == name), None)
