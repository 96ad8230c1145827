"""What the paper on transferable features claims, and what the stored predictions say."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from emotone.reproductions.base import by_place, status_of
from emotone.reproductions.document import Claim, Finding, Scoreboard, coverage_of
from emotone.reproductions.papers.transferable_features import published
from emotone.reproductions.papers.transferable_features.tables import (
    FREE,
    PAPER,
    SINGLE_TARGETS,
    TABLE3,
    TARGET_ONLY,
    ablation_row,
    column,
    setting_row,
)
from emotone.scoring.evidence import gain
from emotone.scoring.result_table import p_value

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from emotone.reproductions.base import CellResult

Places: TypeAlias = "dict[tuple[str, str, str], CellResult]"

SINGLE, RANDOM = column("single", "free").id, column("random", "free").id
ALMOST_ALL = 0.8  # share of comparisons
SUBSTITUTES = (
    (
        "AFEW, Emo-DB, EMOVO, eNTERFACE'05, IEMOCAP, RML",
        "Emo-DB, EMOVO, SAVEE and RAVDESS; nEMO, which the experiment would accept, is in no stored run",
    ),
    ("five random folds", "the same, for some systems on Emo-DB; a single random split (80 : 20) for the others"),
    ("the best of all plans for each target, selected on the test data", "S1-A2 for all targets; theirs is listed too"),
)

LSTM = Claim(
    "lstm", "RQ1: CNN+LSTM is better than CNN, trained on all corpora", "53.8 and 51.3, mean of six", "Table 2"
)
LEARNED = Claim(
    "learned-features",
    "RQ1: CNN+LSTM is better than IS10 features with an SVM",
    "53.8 and 50.8, mean of six",
    "Table 2",
)
TT = Claim("tt-emodb", "training on the target only (TT) reaches this UAR on Emo-DB", "61.4", "Table 3")
GAIN = Claim(
    "gain", "RQ2: pre-training and fine-tuning of all layers (S1-A2) gain over TT", "+7.3 % on average", "Table 3"
)
BEST = Claim(
    "best-plan", "RQ2: S1-A2 is the best of 16 settings on average", "+7.3 %; next S1-A7 with +5.8 %", "Table 3"
)
FROZEN = Claim(
    "frozen", "RQ2: gains decrease as more layers are frozen (S2: A2 to A5)", "+5.1, +3.8, -0.7, -3.1 %", "Table 3"
)
FINE_TUNING = Claim(
    "fine-tuning", "RQ2: without fine-tuning, S2-A1 loses most", "-36.5 % on Emo-DB, -32.1 % on average", "Table 3"
)
SCENARIO = Claim(
    "scenario",
    "RQ2: target data in pre-training help (S1-A2 compared with S2-A2)",
    "+7.3 and +5.1 % on average",
    "Table 3",
)
WITHOUT_S1 = Claim(
    "ablation-s1", "RQ3: in S1, it is better to exclude a corpus, in almost all cases", "arrows of the table", "Table 4"
)
WITHOUT_S2 = Claim("ablation-s2", "RQ3: in S2, it is better to keep all corpora", "arrows of the table", "Table 4")
ADAPTIVE = Claim(
    "adaptive-svm",
    "RQ4: the network is better than an adaptive SVM, significantly, on every target",
    "gains of 4.3 to 18.4 %; Emo-DB 85.6 and 79.7",
    "Table 5",
)


def scoreboard(results: Mapping[str, Sequence[CellResult]], runs: Path) -> Scoreboard:
    """Return the paper's claims with their verdicts.

    Args:
        results: by table; those without a score may be missing.
        runs: folder of the runs.

    """
    table2, table3, table4, table5 = (by_place(results[name]) for name in ("table2", "table3", "table4", "table5"))
    findings = (
        _systems(LSTM, table2, "cnn-lstm", "cnn"),
        _systems(LEARNED, table2, "cnn-lstm", "svm-is10"),
        _target_only(table3),
        _gain(table3),
        BEST.untested("S1 needs pre-training for every fold; it was run with plan A2 on a single split only"),
        _frozen(table3),
        _fine_tuning(table3, runs),
        _scenario(table3),
        _without(WITHOUT_S1, "S1-A2", table4, better=True),
        _without(WITHOUT_S2, "S2-A2", table4, better=False),
        _adaptive(table3, table5, runs),
    )
    everything = [result for of_table in results.values() for result in of_table]
    return Scoreboard(
        key=PAPER.key,
        title=PAPER.title,
        citation=PAPER.citation,
        findings=findings,
        coverage=coverage_of(everything),
        substitutes=SUBSTITUTES,
        page=f"{PAPER.key}.md",
    )


def value(places: Places, corpus: str, row: str, column_id: str) -> float | None:
    """Return a measured UAR x 100, or None."""
    found = places.get((corpus, row, column_id))
    return None if found is None or found.score is None else 100 * found.score.number


def best_network(table3: Places, corpus: str, column_id: str) -> CellResult | None:
    """Return the CNN+LSTM with the highest UAR on a target, selected on the test data as in the paper."""
    found = [
        result
        for (target, row, place), result in table3.items()
        if (target, place) == (corpus, column_id) and row != TARGET_ONLY.id and result.score is not None
    ]
    return max(found, key=lambda result: result.score.number if result.score else 0.0, default=None)


def _systems(claim: Claim, table2: Places, first: str, second: str) -> Finding:
    found = [
        (corpus, one, other)
        for corpus in FREE
        if (one := value(table2, corpus, first, SINGLE)) is not None
        and (other := value(table2, corpus, second, SINGLE)) is not None
    ]
    if not found:
        return claim.untested("not run")
    means = [float(np.mean([pair[index] for pair in found])) for index in (1, 2)]
    listed = ", ".join(f"{corpus} {one:.1f} and {other:.1f}" for corpus, one, other in found)
    evidence = f"{means[0]:.1f} and {means[1]:.1f}, mean of {len(found)} targets on a single split: {listed}; no test"
    return claim.finding(means[0] > means[1], evidence)


def _target_only(table3: Places) -> Finding:
    found = table3.get(("emodb", TARGET_ONLY.id, column("random", "target").id))
    if found is None or found.score is None:
        return TT.untested("not run")
    is_near = status_of(found.score, found.cell, tolerance=TABLE3.tolerance) == "reproduced"
    text = f"{100 * found.score.number:.1f} in five random folds: {'within' if is_near else 'outside'} two points"
    clips = f"the paper has {published.CLIPS['emodb']} clips, the corpus {found.score.n} of the six emotions"
    return TT.finding(is_near, f"{text}; {clips}")


def _gain(table3: Places) -> Finding:
    found = []
    for target in SINGLE_TARGETS:
        base = value(table3, target, TARGET_ONLY.id, column("single", "target").id)
        uar = value(table3, target, setting_row("S1-A2").id, SINGLE)
        if base is not None and uar is not None:
            found.append((target, base, uar))
    if not found:
        return GAIN.untested("not run")
    listed = "; ".join(f"{name} {base:.1f} to {uar:.1f} ({100 * (uar / base - 1):+.1f} %)" for name, base, uar in found)
    return GAIN.finding(all(uar > base for _, base, uar in found), f"{listed}: a single split each, so no test")


def _frozen(table3: Places) -> Finding:
    plans = ("A2", "A3", "A4", "A5")
    evidence, verdicts = [], []
    for split in ("random", "speakers"):
        place = column(split, "free")
        uars = [value(table3, "emodb", setting_row(f"S2-{plan}").id, place.id) for plan in plans]
        known = [uar for uar in uars if uar is not None]
        if len(known) == len(plans):
            verdicts.append(sorted(known, reverse=True) == known)
            evidence.append(f"{', '.join(f'{uar:.1f}' for uar in known)} ({place})")
    if not verdicts:
        return FROZEN.untested("not run")
    return FROZEN.finding(all(verdicts), f"UAR on Emo-DB {'; '.join(evidence)}; no test of the steps")


def _fine_tuning(table3: Places, runs: Path) -> Finding:
    base = value(table3, "emodb", TARGET_ONLY.id, column("random", "target").id)
    without, tuned = (value(table3, "emodb", setting_row(f"S2-{plan}").id, RANDOM) for plan in ("A1", "A2"))
    if base is None or without is None or tuned is None:
        return FINE_TUNING.untested("not run")
    ids = (("tt", column("random", "target").id), ("s2-a1", RANDOM))
    first, second = (table3["emodb", row, place].run for row, place in ids)
    test = gain(runs / first, runs / second, "emodb").corrected
    evidence = (
        f"Emo-DB: TT {base:.1f}, S2-A1 {without:.1f} ({100 * (without / base - 1):+.1f} %, p of the corrected t-test "
        f"{p_value(None if test is None else test.p)}), S2-A2 {tuned:.1f}: the direction, but not the size"
    )
    return FINE_TUNING.finding(without < base and without < tuned, evidence)


def _scenario(table3: Places) -> Finding:
    found = [
        (target, first, second)
        for target in SINGLE_TARGETS
        if (first := value(table3, target, "s1-a2", SINGLE)) is not None
        and (second := value(table3, target, "s2-a2", SINGLE)) is not None
    ]
    if not found:
        return SCENARIO.untested("not run")
    listed = ", ".join(f"{target} {first:.1f} and {second:.1f}" for target, first, second in found)
    return SCENARIO.finding(all(first > second for _, first, second in found), f"{listed}, on a single split; no test")


def _without(claim: Claim, setting: str, table4: Places, *, better: bool) -> Finding:
    """Return whether excluding one corpus raises the UAR in almost all cases (`better`), or lowers it."""
    changes = []
    for target in SINGLE_TARGETS:
        base = value(table4, target, ablation_row(setting, published.ALL).id, SINGLE)
        for excluded in FREE:
            uar = value(table4, target, ablation_row(setting, excluded).id, SINGLE)
            if base is not None and uar is not None:
                changes.append(uar - base)
    if not changes:
        return claim.untested("not run")
    agreeing = sum(change > 0 if better else change < 0 for change in changes)
    word = "raises" if better else "lowers"
    evidence = (
        f"{setting}: excluding a corpus {word} the UAR in {agreeing} of {len(changes)} cases, by a mean of "
        f"{np.mean(changes):+.1f}, on a single split of 72 to 75 clips; no test"
    )
    return claim.finding(agreeing >= ALMOST_ALL * len(changes), evidence)


def _adaptive(table3: Places, table5: Places, runs: Path) -> Finding:
    svm = table5.get(("emodb", "adaptive-svm", RANDOM))
    network = best_network(table3, "emodb", RANDOM)
    if svm is None or svm.score is None or network is None or network.score is None:
        return ADAPTIVE.untested("not run")
    test = gain(runs / svm.run, runs / network.run, "emodb").corrected
    difference = 100 * (network.score.number - svm.score.number)
    evidence = (
        f"the reverse on Emo-DB, random folds: best network {100 * network.score.number:.1f} ({network.cell.row}), "
        f"adaptive SVM {100 * svm.score.number:.1f}, difference {difference:+.1f}, p of the corrected t-test "
        f"{p_value(None if test is None else test.p)}"
    )
    return ADAPTIVE.finding(difference > 0, evidence)
