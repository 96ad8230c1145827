"""What the paper on anger detection with SoundNet claims, and what the stored predictions say: AU-ROC by training run.

Probabilities of different networks are not comparable, so they are not pooled: the AU-ROC is computed for each training
run, and averaged.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from emotone.inference.segments import positive_of
from emotone.metrics.detection import auroc
from emotone.metrics.significance import paired_t
from emotone.reproductions.document import Claim, Finding, Scoreboard, coverage_of
from emotone.reproductions.papers.anger_soundnet.tables import PAPER, PRINTED_ONLY
from emotone.scoring.finished_run import read_run
from emotone.scoring.result_table import p_value

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from emotone.reproductions.base import CellResult

ENGLISH_CORPORA = ("ravdess", "savee")
GROUPS: dict[str, tuple[str, ...]] = {
    "ravdess": ("ravdess",),
    "savee": ("savee",),
    "English (RAVDESS, SAVEE)": ENGLISH_CORPORA,
    "emodb": ("emodb",),
    "emovo": ("emovo",),
    "nemo": ("nemo",),
    "all five corpora": (*ENGLISH_CORPORA, "emodb", "emovo", "nemo"),
}
"""Title -> corpora whose windows are pooled."""


@dataclass(frozen=True)
class TrainingRuns:
    """The AU-ROC of one system by training run.

    Attributes:
        values: one per training run, in the order of seeds, in [0, 1].

    """

    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Mean over training runs."""
        return float(np.mean(self.values))

    @property
    def deviation(self) -> float:
        """Standard deviation over training runs; 0 with one run."""
        return float(np.std(self.values, ddof=1)) if len(self.values) > 1 else 0.0

    @property
    def text(self) -> str:
        """Mean and standard deviation times 100, e.g. "85.5 ± 0.8"."""
        return f"{100 * self.mean:.1f}" + (f" ± {100 * self.deviation:.1f}" if len(self.values) > 1 else "")


def training_runs(results: Sequence[CellResult], runs: Path) -> dict[str, dict[str, TrainingRuns]]:
    """Return AU-ROCs by row id and group of corpora, for groups whose corpora are all tested.

    Args:
        results: of the table.
        runs: folder of its runs.

    """
    folders = {result.cell.row.id: result.run for result in results if result.run}
    return {row: dict(_groups(runs / run)) for row, run in folders.items()}


def p_over_runs(first: TrainingRuns, second: TrainingRuns) -> float | None:
    """Return the p of Student's paired t-test over training runs of the same seeds; None if undefined."""
    if len(first.values) != len(second.values) or len(first.values) < 2:
        return None
    return paired_t(first.values, second.values).p


def mean_over_corpora(found: Mapping[str, TrainingRuns]) -> float:
    """Return the mean over the single corpora of the mean over training runs."""
    return float(np.mean([found[group].mean for group, names in GROUPS.items() if len(names) == 1 and group in found]))


def _groups(folder: Path) -> Iterator[tuple[str, TrainingRuns]]:
    windows = read_run(folder).predictions.windows()
    positive = positive_of(windows.labels)
    if positive is None:
        return
    truth, scores = windows.truth == positive, windows.probabilities[:, windows.labels.index(positive)]
    for title, corpora in GROUPS.items():
        if not set(corpora) <= set(windows.corpora):
            continue
        inside = np.isin(windows.corpus, corpora)
        values = []
        for seed in np.unique(windows.seed):
            of_run = inside & (windows.seed == seed)
            if len(np.unique(truth[of_run])) == 2:
                values.append(float(auroc(truth[of_run], scores[of_run])))
        if values:
            yield title, TrainingRuns(tuple(values))


Runs: TypeAlias = "Mapping[str, Mapping[str, TrainingRuns]]"

SCRATCH, TRANSFER = "scratch", "frozen-2"
NOT_RUN = "the runs from scratch and with transfer are missing"
SUBSTITUTES = (
    ("SoundNet, trained on two million videos", "`soundnet5-open`, the same layers, distilled on two hours of sound"),
    ("IEMOCAP (training, selection and test)", "RAVDESS: 16 actors, 4 and 4"),
    ("Emotional Prosody (acted English)", "SAVEE"),
    ("AngerSES (natural English), not published", "nothing: no natural speech is tested"),
    ("MASC (Mandarin)", "Emo-DB (German), EMOVO (Italian), nEMO (Polish)"),
)

TRAINED = Claim("training-corpus", "transfer is better on the corpus of the training", "71.9 to 73.6", "Table 2")
ACTED = Claim("acted", "transfer is better on another acted English corpus", "79.2 to 80.3, not significant", "Table 2")
NATURAL = Claim("natural", "transfer is much better on natural speech", "58.1 to 66.9", "Table 2")
ENGLISH = Claim("english", "transfer is better on all English data, pooled", "62.1 to 69.8", "Table 2, Figure 2")
LANGUAGE = Claim("language", "transfer is much better on another language", "48.1 to 62.6 (Mandarin)", "Table 2")
CHANCE = Claim(
    "chance", "from scratch, the detector is at chance in another language", "48.1 (chance is 50)", "Section 4.4"
)
SIGNIFICANT = Claim(
    "significant",
    "all improvements but that on acted English are significant",
    "p < .0003, z-test over windows",
    "Section 4.3",
)
FROZEN = Claim("two-frozen", "of 1, 2 or 3 frozen layers, 2 are best", "no figures", "Section 3")
FILTERS = Claim("filters", "16 instead of 256 filters in the fourth layer avoid overfitting", "no figures", "Section 3")


def scoreboard(results: Mapping[str, Sequence[CellResult]], runs: Path) -> Scoreboard:
    """Return the paper's claims with their verdicts.

    Args:
        results: of the table, by its name.
        runs: folder of the runs.

    """
    found = training_runs(results["table2"], runs)
    findings = (
        _better(TRAINED, found, ("ravdess",)),
        _better(ACTED, found, ("savee",)),
        NATURAL.untested("no natural speech with such labels is freely available"),
        _better(ENGLISH, found, ("English (RAVDESS, SAVEE)",)),
        _better(LANGUAGE, found, ("emodb", "emovo", "nemo")),
        _chance(found),
        _significant(found),
        _frozen(found),
        _filters(found),
    )
    return Scoreboard(
        key=PAPER.key,
        title=PAPER.title,
        citation=PAPER.citation,
        findings=findings,
        coverage=coverage_of(results["table2"], also_published=sum(map(len, PRINTED_ONLY.values()))),
        substitutes=SUBSTITUTES,
        page=f"{PAPER.key}.md",
    )


def _pairs(found: Runs, groups: tuple[str, ...]) -> dict[str, tuple[TrainingRuns, TrainingRuns]]:
    """Return the runs from scratch and with transfer, by group of corpora."""
    first, second = found.get(SCRATCH, {}), found.get(TRANSFER, {})
    return {group: (first[group], second[group]) for group in groups if group in first and group in second}


def _better(claim: Claim, found: Runs, groups: tuple[str, ...]) -> Finding:
    pairs = _pairs(found, groups)
    if not pairs:
        return claim.untested(NOT_RUN)
    better = sum(second.mean > first.mean for first, second in pairs.values())
    listed = "; ".join(
        f"{group} {first.text} to {second.text}, p {p_value(p_over_runs(first, second))}"
        for group, (first, second) in pairs.items()
    )
    count = f"better on {better} of {len(pairs)}: " if len(pairs) > 1 else ""
    runs = len(next(iter(pairs.values()))[0].values)
    return claim.finding(2 * better > len(pairs), f"{count}{listed}; t-test over {runs} training runs")


def _chance(found: Runs) -> Finding:
    pairs = _pairs(found, ("emodb", "emovo", "nemo"))
    if not pairs:
        return CHANCE.untested(NOT_RUN)
    listed = ", ".join(f"{group} {first.text}" for group, (first, _) in pairs.items())
    evidence = f"{listed}: above chance in every language; on SAVEE, which is English, it is near chance"
    return CHANCE.finding(any(first.mean <= 0.5 for first, _ in pairs.values()), evidence)


def _significant(found: Runs) -> Finding:
    pairs = _pairs(found, ("ravdess", "savee", "emodb", "emovo", "nemo"))
    if not pairs:
        return SIGNIFICANT.untested(NOT_RUN)
    chances = {group: p_over_runs(*pair) for group, pair in pairs.items()}
    below = [
        group
        for group, p in chances.items()
        if p is not None and p <= 0.05 and pairs[group][1].mean > pairs[group][0].mean
    ]
    evidence = (
        f"significant improvements at .05 on {len(below)} of {len(pairs)} corpora, by the t-test over training runs; "
        "the paper's test assumes independent windows"
    )
    return SIGNIFICANT.finding(2 * len(below) > len(pairs), evidence)


def _frozen(found: Runs) -> Finding:
    means = {row: mean_over_corpora(found[row]) for row in ("frozen-1", "frozen-2", "frozen-3") if found.get(row)}
    if len(means) < 3:
        return FROZEN.untested("not run")
    listed = ", ".join(f"{row[-1]} frozen: {100 * mean:.1f}" for row, mean in means.items())
    evidence = f"mean of five corpora: {listed}; on test data, where the paper uses validation data"
    return FROZEN.finding(max(means, key=lambda row: means[row]) == "frozen-2", evidence)


def _filters(found: Runs) -> Finding:
    if not (found.get("average") and found.get("average-wide")):
        return FILTERS.untested("not run")
    few, many = (mean_over_corpora(found[row]) for row in ("average", "average-wide"))
    evidence = f"mean of five corpora with averaged weights: {100 * few:.1f} with 16, {100 * many:.1f} with 256 filters"
    return FILTERS.finding(few > many, evidence)
