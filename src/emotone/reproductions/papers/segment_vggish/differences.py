"""Differences between systems of the segment paper that differ in one setting, with intervals and a paired test."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from emotone.metrics.significance import holm
from emotone.reproductions.document import markdown_table
from emotone.reproductions.papers.segment_vggish.systems import COMPARED, SYSTEMS
from emotone.reproductions.papers.segment_vggish.tables import (
    FREE,
    FREE_NET,
    SEGMENTATIONS,
    SPLITS,
    TWO_SPLITS,
    UNITS,
    segmentation_row,
    units_row,
)
from emotone.scoring.comparison import compare_runs
from emotone.scoring.result_table import format_estimate
from emotone.scoring.segments import AVERAGE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from emotone.reproductions.base import CellResult
    from emotone.reproductions.papers.segment_vggish.tables import LabelSet
    from emotone.scoring.comparison import Difference

TEST = "corrected t"
NET = FREE_NET[0]
LABEL_SETS: tuple[tuple[LabelSet, str], ...] = (("four", "four emotions"), ("all", "all emotions"))


@dataclass(frozen=True)
class Pair:
    """Two runs on the same split of a corpus.

    Attributes:
        corpus: registry name.
        split: in words.
        change: the first and the second system.
        runs: their folders.

    """

    corpus: str
    split: str
    change: str
    runs: tuple[Path, Path]


def differences_section(results: Mapping[str, Sequence[CellResult]], runs: Path) -> list[str]:
    """Return the differences between systems by corpus and split, and how often each change is an improvement.

    Args:
        results: by table.
        runs: folder of the runs.

    """
    pairs = [
        *_segmentations(results["table3"], runs),
        *_units(results["table4"], runs),
        *_systems(results["table5"], runs),
    ]
    found = [_difference(pair.runs) for pair in pairs]
    chances = [next((one.test.p for one in each.tests if one.test.name == TEST), None) for each in found]
    rows = [
        (
            *(pair.corpus, pair.split, pair.change),
            *(format_estimate(difference, sign="+"), str(difference.n), str(difference.speakers)),
            *(_p(chance), _p(adjusted)),
        )
        for pair, difference, chance, adjusted in zip(pairs, found, chances, holm(chances), strict=True)
    ]
    return [
        "Difference in clip accuracy x 100 by mean logits, second minus first system, on the same splits. A clip",
        "counts once, however many trainings predict it. Intervals are clustered by speaker, and too narrow with few",
        "speakers. p is that of the t-test over trainings, corrected for overlapping training parts (Nadeau and",
        "Bengio); with one training for each speaker, it is over speakers. The last column is p adjusted by Holm's",
        "procedure for all rows of this table: only values below .05 there are significant. The second table counts",
        "how often each change is an improvement, over all corpora and splits: of this difference, and of ALCA in the",
        "tables above, where a clip counts once for every training. The two can disagree; where there are only two",
        "comparisons, they rest on two runs.",
        "",
        *markdown_table(("corpus", "split", "change", "difference", "n", "speakers", "p", "Holm"), rows),
        "",
        *markdown_table(
            ("change", "comparisons", "improvements", "improvements of ALCA", "mean difference"),
            _counts(pairs, found, _alca(results, runs)),
        ),
    ]


def _alca(results: Mapping[str, Sequence[CellResult]], runs: Path) -> dict[Path, float]:
    """Return the ALCA of each run; a run has one corpus."""
    return {
        runs / each.run: each.score.number
        for of_table in results.values()
        for each in of_table
        if each.run and each.score is not None and each.cell.metric == AVERAGE
    }


def _counts(
    pairs: Sequence[Pair], found: Sequence[Difference], alca: Mapping[Path, float]
) -> Iterator[tuple[str, str, str, str, str]]:
    values: dict[str, list[tuple[float, bool]]] = {}
    for pair, difference in zip(pairs, found, strict=True):
        first, second = (alca[run] for run in pair.runs)
        values.setdefault(pair.change, []).append((difference.number, second > first))
    for change, listed in values.items():
        better, higher = sum(value > 0 for value, _ in listed), sum(is_higher for _, is_higher in listed)
        mean = sum(value for value, _ in listed) / len(listed)
        yield change, str(len(listed)), str(better), str(higher), f"{100 * mean:+.1f}"


@cache
def _difference(folders: tuple[Path, Path]) -> Difference:
    return next(each for each in compare_runs(folders).differences if each.metric == "accuracy")


def _p(chance: float | None) -> str:
    return "-" if chance is None else f"{chance:.3f}" if chance >= 0.001 else "< .001"


def _runs_by_place(results: Sequence[CellResult]) -> dict[tuple[str, str, str], str]:
    """Return runs by corpus, row id and column id."""
    return {(each.cell.corpus, each.cell.row.id, each.cell.column.id): each.run for each in results if each.run}


def _segmentations(results: Sequence[CellResult], runs: Path) -> Iterator[Pair]:
    by_row = {(corpus, row): run for (corpus, row, _), run in _runs_by_place(results).items()}
    first, second = SEGMENTATIONS
    for corpus in FREE:
        for labels, labels_title in LABEL_SETS:
            for split in TWO_SPLITS:
                rows = (segmentation_row(NET, each, labels, split).id for each in (first, second))
                base, run = (by_row.get((corpus, row)) for row in rows)
                if base and run:
                    place = f"{labels_title}, {SPLITS[split][0]}"
                    yield Pair(corpus, place, f"{first} → {second}", (runs / base, runs / run))


def _units(results: Sequence[CellResult], runs: Path) -> Iterator[Pair]:
    by_row = {(corpus, row): run for (corpus, row, _), run in _runs_by_place(results).items()}
    first, *others = UNITS
    for corpus in FREE:
        for split in TWO_SPLITS:
            base = by_row.get((corpus, units_row(NET, first, split).id))
            for units in others:
                run = by_row.get((corpus, units_row(NET, units, split).id))
                if base and run:
                    change = f"N = {first} → N = {units}"
                    yield Pair(corpus, SPLITS[split][0], change, (runs / base, runs / run))


def _systems(results: Sequence[CellResult], runs: Path) -> Iterator[Pair]:
    by_place = _runs_by_place(results)
    titles = {system.row.id: system.row.title for system in SYSTEMS}
    columns = {each.cell.column.id: each.cell.column.title for each in results}
    for corpus, column in dict.fromkeys((corpus, column) for corpus, _, column in by_place):
        for first, second in COMPARED:
            found = by_place.get((corpus, first, column)), by_place.get((corpus, second, column))
            if found[0] and found[1]:
                change = f"{titles[first]} → {titles[second]}"
                yield Pair(corpus, columns[column], change, (runs / found[0], runs / found[1]))
