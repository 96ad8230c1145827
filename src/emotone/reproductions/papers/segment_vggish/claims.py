"""What the paper on segments of one second claims, what stored predictions say, and differences with paired tests."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from emotone.metrics.significance import holm
from emotone.reproductions.base import by_place
from emotone.reproductions.document import Claim, Finding, Scoreboard, coverage_of, markdown_table
from emotone.reproductions.papers.segment_vggish.tables import (
    BASELINE_DEPTHS,
    BASELINE_UNITS,
    COMPARED,
    FREE,
    FREE_NET,
    PAPER,
    SEGMENTATIONS,
    SPLITS,
    SYSTEMS,
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
        *_units_pairs(results["table4"], runs),
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


def _units_pairs(results: Sequence[CellResult], runs: Path) -> Iterator[Pair]:
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


Places: TypeAlias = "dict[tuple[str, str, str], CellResult]"

NOT_RUN = "not run"
ON = "YAMNet, frozen, four emotions, random splits"
SUBSTITUTES = (
    ("VGGish, fine-tuned in every layer at 1e-6", "YAMNet, frozen: trained on the same data, AudioSet"),
    ("IEMOCAP, four emotions", "Emo-DB, RAVDESS, SAVEE, EMOVO and nEMO, four emotions"),
    ("6 trainings", "6 trainings, each on a split of its own"),
)

ALCA = Claim("alca", "overlapping segments are better by mean logits (ALCA)", "66.8 to 68.7", "Table 3")
SCA = Claim("sca", "overlapping segments are much better by the most frequent label (SCA)", "55.9 to 62.1", "Table 3")
SA = Claim("sa", "single segments are not better with overlap (SA)", "56.4 to 56.1", "Table 3")
ACA = Claim("aca", "with overlap, fewer clips have only correct segments (ACA)", "19.6 to 12.5", "Table 3")
TIES = Claim("ties", "overlap makes ties rarer: the difference of BCA and SCA shrinks", "14.8 to 8.2", "Section 4.4")
N200 = Claim("units", "200 units are best by ALCA, without a trend", "68.4, 68.7, 67.4", "Table 4")
TRANSFER = Claim("transfer", "a network trained on AudioSet is better than the baseline", "51.1 to 66.8", "Table 5")
BASELINE = Claim("baseline", "the best baseline has 2 layers of 200 units, of 6 that were tried", "51.1", "Section 4.3")
BEST = Claim("state-of-the-art", "the system is better than published ones on IEMOCAP", "68.7 and 64.6", "Table 5")
RECALL = Claim("recalls", "overlap raises the recall of anger and of neutral", "56.9 to 66.4, 60.8 to 71.3", "Figure 3")


def scoreboard(
    results: Mapping[str, Sequence[CellResult]], recalls: Mapping[str, Sequence[tuple[float, float]]]
) -> Scoreboard:
    """Return the paper's claims with their verdicts.

    Args:
        results: by table.
        recalls: by corpus, those of anger and of neutral (in this order) without and with overlap, in percent.

    """
    table3, table4, table5 = (by_place(results[name]) for name in ("table3", "table4", "table5"))
    findings = (
        _overlap(ALCA, table3, "alca", rises=True),
        _overlap(SCA, table3, "sca", rises=True),
        _overlap(SA, table3, "sa", rises=False),
        _overlap(ACA, table3, "aca", rises=False),
        _ties(table3),
        _units(table4),
        _transfer(table5),
        _baseline(table5),
        BEST.untested("IEMOCAP and VGGish's weights are not available here"),
        _recalls(recalls),
    )
    return Scoreboard(
        key=PAPER.key,
        title=PAPER.title,
        citation=PAPER.citation,
        findings=findings,
        coverage=coverage_of([result for of_table in results.values() for result in of_table]),
        substitutes=SUBSTITUTES,
        page=f"{PAPER.key}.md",
    )


def _value(places: Places, corpus: str, row: str, column: str) -> float | None:
    found = places.get((corpus, row, column))
    return None if found is None or found.score is None else 100 * found.score.number


def _both(table3: Places, corpus: str, column: str) -> tuple[float, float] | None:
    """Return an accuracy without and with overlap, x 100."""
    rows = (segmentation_row(NET, each, "four", "random").id for each in SEGMENTATIONS)
    first, second = (_value(table3, corpus, row, column) for row in rows)
    return None if first is None or second is None else (first, second)


def _overlap(claim: Claim, table3: Places, column: str, *, rises: bool) -> Finding:
    found = [pair for corpus in FREE if (pair := _both(table3, corpus, column)) is not None]
    if not found:
        return claim.untested(NOT_RUN)
    changes = [second - first for first, second in found]
    agreeing = sum(change > 0 if rises else change <= 0 for change in changes)
    word = "higher" if rises else "not higher"
    means = [float(np.mean([pair[index] for pair in found])) for index in (0, 1)]
    evidence = f"{word} on {agreeing} of {len(found)} corpora ({ON}): mean {means[0]:.1f} to {means[1]:.1f}"
    return claim.finding(2 * agreeing > len(found), evidence)


def _ties(table3: Places) -> Finding:
    gaps = []
    for corpus in FREE:
        best, standard = _both(table3, corpus, "bca"), _both(table3, corpus, "sca")
        if best is not None and standard is not None:
            gaps.append((best[0] - standard[0], best[1] - standard[1]))
    if not gaps:
        return TIES.untested(NOT_RUN)
    agreeing = sum(second < first for first, second in gaps)
    means = np.mean(gaps, axis=0)
    evidence = f"smaller on {agreeing} of {len(gaps)} corpora ({ON}): mean {means[0]:.1f} to {means[1]:.1f}"
    return TIES.finding(2 * agreeing > len(gaps), evidence)


def _units(table4: Places) -> Finding:
    found = []
    for corpus in FREE:
        values = [_value(table4, corpus, units_row(NET, units, "random").id, "alca") for units in UNITS]
        known = [each for each in values if each is not None]
        if len(known) == len(UNITS):
            found.append(known)
    if not found:
        return N200.untested(NOT_RUN)
    best = sum(max(values) == values[1] for values in found)
    means = ", ".join(f"{mean:.1f}" for mean in np.mean(found, axis=0))
    evidence = f"200 is best on {best} of {len(found)} corpora ({ON}); means of 100, 200 and 400: {means}: no trend"
    return N200.finding(2 * best > len(found), evidence)


def _transfer(table5: Places) -> Finding:
    found = [
        (corpus, first, second)
        for corpus in FREE
        if (first := _value(table5, corpus, "baseline-2-200", "random")) is not None
        and (second := _value(table5, corpus, "yamnet-non-overlapping", "random")) is not None
    ]
    if not found:
        return TRANSFER.untested(NOT_RUN)
    listed = ", ".join(f"{corpus} {first:.1f} to {second:.1f}" for corpus, first, second in found)
    tuned = [_value(table5, "emodb", row, "random") for row in ("yamnet-overlapping", "yamnet-fine-tuned-1e-4")]
    extra = (
        ""
        if None in tuned
        else f"; fine-tuned YAMNet (overlapping) has {tuned[1]:.1f} on emodb; fine-tuning was run twice, on this corpus"
    )
    better = sum(second > first for _, first, second in found)
    evidence = f"frozen YAMNet is better on {better} of {len(found)} corpora, random splits: {listed}{extra}"
    return TRANSFER.finding(better == len(found), evidence)


def _baseline(table5: Places) -> Finding:
    rows = [f"baseline-{depth}-{units}" for depth in BASELINE_DEPTHS for units in BASELINE_UNITS]
    values = {row: _value(table5, "emodb", row, "random") for row in rows}
    known = {row: each for row, each in values.items() if each is not None}
    if len(known) < len(rows):
        return BASELINE.untested(NOT_RUN)
    best = max(known, key=lambda row: known[row])
    _, depth, units = best.split("-")
    evidence = f"{depth} layers of {units} units are best on random splits of Emo-DB, {known[best]:.1f}; one corpus"
    return BASELINE.finding(best == "baseline-2-200", evidence)


def _recalls(recalls: Mapping[str, Sequence[tuple[float, float]]]) -> Finding:
    if not recalls:
        return RECALL.untested(NOT_RUN)
    raised = {
        label: sum(pairs[index][1] > pairs[index][0] for pairs in recalls.values())
        for index, label in enumerate(("anger", "neutral"))
    }
    listed = " and ".join(f"of {label} on {count}" for label, count in raised.items())
    evidence = f"higher recall {listed} of {len(recalls)} corpora ({ON})"
    return RECALL.finding(all(2 * count > len(recalls) for count in raised.values()), evidence)
