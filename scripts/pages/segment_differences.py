"""What of the segment paper's tables is more than chance: pairs of systems, with intervals and a paired test."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from scripts.pages.markdown import table

from emotone.metrics.significance import holm
from emotone.reproductions.papers.segment_vggish import BASELINE, LEARNED, SEGMENTATIONS, UNITS
from emotone.scoring.comparison import compare_runs
from emotone.scoring.result_table import format_estimate

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from emotone.reproductions.base import Row
    from emotone.scoring.comparison import Difference

TEST = "corrected t"
CLIPS, MEAN = "mn04 as it is, clips learned by ", "their mean"
SYSTEMS = (
    (BASELINE.format(2, 200), "YAMNet as it is, non-overlapping"),
    ("YAMNet as it is, overlapping", "YAMNet fine-tuned at 1e-4, overlapping"),
    ("YAMNet as it is, overlapping", "YAMNet as it is, overlapping, with speech"),
    ("YAMNet as it is, overlapping", "mn04 as it is, overlapping"),
    ("mn04 as it is, overlapping", "mn04 fine-tuned at 1e-4, overlapping"),
    ("mn04 as it is, overlapping", "mn04 as it is, overlapping, with speech"),
    ("mn04 as it is, overlapping", "mn04 as it is, overlapping, the last padded"),
    ("mn04 as it is, overlapping, the last padded", f"{CLIPS}{MEAN}"),
    *((f"{CLIPS}{MEAN}", CLIPS + how) for how in LEARNED if how != MEAN),
)
"""Of Table 5: what the second adds to the first."""


@dataclass(frozen=True)
class _Pair:
    corpus: str
    where: str
    first: str
    second: str
    runs: tuple[str, str]

    @property
    def change(self) -> str:
        return f"{self.first} → {self.second}"


def differences(kept: Mapping[str, Sequence[Row]], runs: Path) -> list[str]:
    """Return how far systems are apart that differ in one thing, by corpus and division.

    Args:
        kept: rows by table.
        runs: folder of their runs.

    """
    units = (f"N = {number}" for number in UNITS)
    pairs = [*_steps(kept["table3"], *SEGMENTATIONS), *_steps(kept["table4"], *units), *_systems(kept["table5"])]
    found = [_difference(tuple(runs / run for run in pair.runs)) for pair in pairs]
    chances = [next((one.test.p for one in each.tests if one.test.name == TEST), None) for each in found]
    told = [
        (pair.corpus, pair.where, pair.change, *_numbers(difference), _p(chance), _p(adjusted))
        for pair, difference, chance, adjusted in zip(pairs, found, chances, holm(chances), strict=True)
    ]
    return [
        "Accuracy of clips x 100 by the mean of logits, second minus first, on the same divisions; a clip counts once,",
        "however many trainings have judged it. Intervals are over speakers, and too narrow where those are few. p is",
        "that of the t-test over trainings, corrected for training parts that overlap (Nadeau and Bengio); where one",
        "training tests every speaker once, over speakers. The last column is p by Holm's procedure over all of these",
        "rows: only what is below .05 there is more than the best of many tries. How often a change is one for the",
        "better, over all corpora and divisions, is counted below.",
        "",
        *table(("corpus", "division", "change", "difference", "n", "speakers", "p", "Holm"), told),
        "",
        *table(("change", "rows", "better", "mean difference"), _counts(pairs, found)),
    ]


def _counts(pairs: Sequence[_Pair], found: Sequence[Difference]) -> Iterator[tuple[str, str, str, str]]:
    """Give how often each change is one for the better, and by how much."""
    values: dict[str, list[float]] = {}
    for pair, difference in zip(pairs, found, strict=True):
        values.setdefault(pair.change, []).append(difference.number)
    for change, listed in values.items():
        better = sum(value > 0 for value in listed)
        yield change, str(len(listed)), str(better), f"{100 * sum(listed) / len(listed):+.1f}"


@cache
def _difference(folders: tuple[Path, ...]) -> Difference:
    return next(each for each in compare_runs(folders).differences if each.metric == "accuracy")


def _numbers(difference: Difference) -> tuple[str, str, str]:
    return format_estimate(difference, sign="+"), str(difference.n), str(difference.speakers)


def _p(chance: float | None) -> str:
    return "-" if chance is None else f"{chance:.3f}" if chance >= 0.001 else "< .001"


def _steps(rows: Sequence[Row], first: str, *others: str) -> Iterator[_Pair]:
    """Give the pairs of a table whose settings differ in these words, and all of whose columns are of one run."""
    found = {(row.cell.corpus, row.cell.setting): row.run for row in rows if row.run}
    for (corpus, setting), run in found.items():
        _, there, where = setting.partition(f", {first}, ")
        for other in others if there else ():
            twin = found.get((corpus, setting.replace(f", {first}, ", f", {other}, ")))
            if twin is not None:
                yield _Pair(corpus, where, first, other, (run, twin))


def _systems(rows: Sequence[Row]) -> Iterator[_Pair]:
    found = {(row.cell.corpus, row.cell.column, row.cell.setting): row.run for row in rows if row.run}
    for corpus, column in dict.fromkeys((corpus, column) for corpus, column, _ in found):
        for first, second in SYSTEMS:
            runs = found.get((corpus, column, first)), found.get((corpus, column, second))
            if runs[0] is not None and runs[1] is not None:
                yield _Pair(corpus, column, first, second, (runs[0], runs[1]))
