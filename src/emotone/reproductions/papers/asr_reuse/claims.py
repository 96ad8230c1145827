"""What the paper on reusing speech recognisers claims, and what the stored predictions say.

The paper gives two p-values, .03 for MP-3 and .0007 for RNN-x against the baseline, and does not name their test; it
has ten runs of ten folds. Here a system's folds are compared with those of another one: by the paired t-test, as is
common, and by the corrected one of Nadeau and Bengio, as training parts overlap (see `emotone.metrics.significance`).
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from emotone.metrics.significance import holm
from emotone.reproductions.base import by_place
from emotone.reproductions.document import Claim, Coverage, Finding, Scoreboard, markdown_table
from emotone.reproductions.papers.asr_reuse.tables import (
    FREE,
    LETTERS,
    NETWORKS,
    PAPER,
    PAPERS_CORPUS,
    SHORT,
    TABLE,
    UAR,
)
from emotone.scoring.comparison import compare_runs
from emotone.scoring.evidence import CORRECTED, PAIRED
from emotone.scoring.result_table import format_estimate, p_value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from emotone.reproductions.base import CellResult
    from emotone.reproductions.papers.asr_reuse.figures import LoudnessUnit
    from emotone.scoring.comparison import Difference
    from emotone.scoring.predictions import PredictionsTable

    Places: TypeAlias = dict[tuple[str, str, str], CellResult]

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


PUBLISHED = 41  # all numbers of Table 1; one more is undefined
FOUR = ("anger", "happiness", "neutral", "sadness")
CORRELATION = 0.64  # the paper's
SEPARATED = 0.9  # share of clips from which two emotions count as separated
NOT_RUN = "no stored run answers this; `emotone reproduce asr-reuse networks` or `short` trains the networks"
SUBSTITUTES = (
    ("IEMOCAP, four emotions", "Emo-DB, SAVEE and EMOVO, seven emotions"),
    ("a Deep Speech 2 of 1,300 hours of English", "Whisper base; two small recognisers of letters"),
    ("a softmax trained by epochs", "in `table1`, one fitted to the minimum of the penalised cross-entropy"),
)

PROBE = Claim(
    "probe",
    "means of the third layer of a speech recogniser, with a linear layer, exceed a recurrent network from scratch",
    "55 and 53 accuracy (p of .03)",
    "Table 1",
)
LAYER = Claim(
    "layer", "later layers of the recogniser represent emotion better than the first", "46, 54, 55", "Table 1"
)
RECURRENT = Claim(
    "recurrent", "a recurrent layer on the recogniser's layers exceeds their means", "57 and 55", "Table 1"
)
PROGRESSIVE = Claim("progressive", "a progressive network is best", "58, 57 and 53", "Table 1")
SECOND = Claim("second-layer", "the second layer helps most", "57 and 58 for layer 2", "Table 1")
SADNESS = Claim(
    "anger-sadness", "means of the first layer already separate anger and sadness", "a projection", "Figure 4"
)
CONFUSED = Claim(
    "confusions", "anger and happiness, and neutral and happiness, are hardest to separate", "matrices", "Figure 5"
)
LOUDNESS = Claim(
    "loudness", "a hidden unit of the recogniser follows the loudness", "Pearson's correlation of .64", "Figure 6"
)


def scoreboard(
    results: Mapping[str, Sequence[CellResult]],
    predictions: Mapping[tuple[str, str], PredictionsTable],
    unit: LoudnessUnit | None = None,
) -> Scoreboard:
    """Return the paper's claims with their verdicts.

    Args:
        results: of each table, by its name.
        predictions: of whole clips, by corpus and row of `table1`; those that are stored.
        unit: the stored result of Figure 6, if there is one.

    """
    fitted = by_place(results[TABLE.name])
    trained = {**by_place(results[NETWORKS.name]), **_measured(by_place(results[SHORT.name]))}
    findings = (
        _compared(PROBE, trained, [("mp-3", "baseline-96")]),
        _layers(fitted, trained),
        _compared(RECURRENT, trained, [(f"rnn-{layer}", f"mp-{layer}") for layer in (1, 2, 3)]),
        _compared(PROGRESSIVE, trained, [("progressive-2", other) for other in ("rnn-2", "mp-3", "baseline-96")]),
        _compared(
            SECOND,
            trained,
            [(f"{method}-2", f"{method}-{other}") for method in ("rnn", "progressive") for other in (1, 3)],
        ),
        _separated({corpus: table for (corpus, row), table in predictions.items() if row == "1"}),
        _confused({corpus: table for (corpus, row), table in predictions.items() if row == "3"}),
        _loudness(unit),
    )
    return Scoreboard(
        key=PAPER.key,
        title=PAPER.title,
        citation=PAPER.citation,
        findings=findings,
        coverage=_coverage([result for of_table in results.values() for result in of_table]),
        substitutes=SUBSTITUTES,
        page=f"{PAPER.key}.md",
    )


def confusions(table: PredictionsTable) -> NDArray[np.float64]:
    """Return the shares of predictions [truth, prediction] of the clips of each label, in the table's order."""
    counts = np.array(
        [
            [np.sum((table.truth == truth) & (table.prediction == label)) for label in table.labels]
            for truth in table.labels
        ],
        np.float64,
    )
    shares: NDArray[np.float64] = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return shares


def _coverage(results: Sequence[CellResult]) -> Coverage:
    """Return the coverage of Table 1; published numbers of other corpora are an earlier measurement of ours."""
    measured = [result.cell.corpus == PAPERS_CORPUS for result in results if result.score is not None]
    return Coverage(PUBLISHED, sum(measured), len(measured) - sum(measured))


def _compared(claim: Claim, places: Places, pairs: Iterable[tuple[str, str]]) -> Finding:
    """Return whether the first row of each pair is better than the second one, in most comparisons."""
    found = [
        (corpus, first, second, one, other)
        for corpus in FREE
        for first, second in pairs
        if (one := _value(places, corpus, first)) is not None and (other := _value(places, corpus, second)) is not None
    ]
    return _verdict(claim, found)


def _layers(fitted: Places, trained: Places) -> Finding:
    """Return whether layers 2 and 3 of Whisper, and layer 2 of recognisers of letters, are better than layer 1."""
    found = []
    for corpus in FREE:
        for source, places, pairs in (
            ("Whisper", fitted, (("2", "1"), ("3", "1"))),
            *((source, trained, ((f"{source}-mp-2", f"{source}-mp-1"),)) for source in LETTERS),
        ):
            for later, first in pairs:
                one, other = _value(places, corpus, later), _value(places, corpus, first)
                if one is not None and other is not None:
                    shown = f"layer {later[-1]} of {source}"
                    found.append((corpus, shown, "layer 1", one, other))
    return _verdict(LAYER, found)


def _verdict(claim: Claim, found: Sequence[tuple[str, str, str, float, float]]) -> Finding:
    if not found:
        return claim.untested(NOT_RUN)
    listed = ", ".join(f"{corpus}, {one} and {other}: {a:.1f} and {b:.1f}" for corpus, one, other, a, b in found)
    agreeing = sum(a > b for *_, a, b in found)
    return claim.finding(2 * agreeing > len(found), f"better in {agreeing} of {len(found)} comparisons ({listed})")


def _measured(places: Places) -> Places:
    return {place: result for place, result in places.items() if result.score is not None}


def _value(places: Places, corpus: str, row: str) -> float | None:
    found = places.get((corpus, row, UAR.id))
    return None if found is None or found.score is None else 100 * found.score.number


def _separated(tables: Mapping[str, PredictionsTable]) -> Finding:
    """Return whether clips of anger and sadness are more probably their own than the other one."""
    shares = {corpus: _right_of_two(table) for corpus, table in tables.items()}
    if not shares:
        return SADNESS.untested(NOT_RUN)
    listed = ", ".join(f"{corpus} {100 * share:.1f}" for corpus, share in shares.items())
    return SADNESS.finding(
        min(shares.values()) >= SEPARATED,
        f"share of the clips of both that MP-1 separates: {listed}; it counts as separated with "
        f"{100 * SEPARATED:.0f} or more on every corpus",
    )


def _right_of_two(table: PredictionsTable) -> float:
    """Return the mean over anger and sadness of the share of clips that are more probably their own."""
    shares = []
    for truth, other in (("anger", "sadness"), ("sadness", "anger")):
        rows = table.probabilities[table.truth == truth]
        shares.append(float(np.mean(rows[:, table.labels.index(truth)] > rows[:, table.labels.index(other)])))
    return float(np.mean(shares))


def _loudness(unit: LoudnessUnit | None) -> Finding:
    if unit is None:
        return LOUDNESS.untested("`emotone reproduce asr-reuse figure6` computes it; no result is stored")
    return LOUDNESS.finding(
        abs(unit.correlation) >= CORRELATION,
        f"{unit.correlation:.2f} for unit {unit.unit} of layer {unit.layer} of Whisper base, the best of {unit.units} "
        f"units on other clips; mean over {unit.clips} clips of Emo-DB",
    )


def _confused(tables: Mapping[str, PredictionsTable]) -> Finding:
    """Return whether, of four emotions, the two pairs with happiness are confused most."""
    if not tables:
        return CONFUSED.untested(NOT_RUN)
    expected = {("anger", "happiness"), ("happiness", "neutral")}
    agreeing, listed = 0, []
    for corpus, table in tables.items():
        shares = confusions(table)
        place = {label: table.labels.index(label) for label in FOUR}
        pairs = {
            (one, other): shares[place[one], place[other]] + shares[place[other], place[one]]
            for one, other in combinations(FOUR, 2)
        }
        most = sorted(pairs, key=lambda pair: -pairs[pair])[:2]
        agreeing += set(most) == expected
        listed.append(f"{corpus}: " + ", ".join(f"{a} and {b} {50 * pairs[a, b]:.1f}" for a, b in most))
    evidence = f"the two pairs with the most confusions, by MP-3, mean of both directions: {'; '.join(listed)}"
    return CONFUSED.finding(2 * agreeing > len(tables), evidence)
