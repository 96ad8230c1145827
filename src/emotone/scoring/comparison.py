"""Comparison of systems: differences between finished evaluations, with confidence intervals and paired tests.

Differences are second minus first, and every utterance counts once, whatever the number of seeds. Two kinds of evidence
complement each other:
    the interval of the difference over speakers: does it generalise to other speakers?
    paired tests: over utterances (McNemar; DeLong for two labels), and over folds (paired t, corrected t, Wilcoxon). A
    fold is a test part that both runs have; seeds with the same test part are averaged.
Detectors (one label and `other`) are also compared by AU-ROC over windows, with an unpaired z-test as well.
With multiple tests, some differences are significant by chance: p is adjusted by Holm's procedure over a family, which
is one test of one metric over all pairs of runs and all corpora. Select the test beforehand; for folds, corrected t.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from emotone.errors import RunError, UsageError
from emotone.metrics.intervals import REPLICATES, Estimate
from emotone.metrics.significance import holm
from emotone.scoring.evidence import (
    auroc_differences,
    difference_of,
    folds_of,
    has_several_seeds,
    tests_of,
    values_of,
)
from emotone.scoring.finished_run import read_run
from emotone.scoring.pairing import pair_up
from emotone.scoring.result_table import ResultTable, format_estimate, p_value, percent
from emotone.scoring.scores import TITLES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from emotone.metrics.classification import MetricName
    from emotone.metrics.significance import SignificanceTest
    from emotone.scoring.finished_run import FinishedRun
    from emotone.scoring.pairing import RunPair

METRICS: tuple[MetricName, ...] = ("uar", "accuracy")
FEW_SPEAKERS = 20  # with fewer, intervals over speakers are too narrow: with 10, one in ten excludes the true value


@dataclass(frozen=True, slots=True)
class AdjustedTest:
    """A test with its p adjusted for multiple tests.

    Attributes:
        test: without adjustment.
        holm: p adjusted over the family; None without p.
        family: number of tests with a p in the family.

    """

    test: SignificanceTest
    holm: float | None
    family: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference(Estimate):
    """The difference of one metric between two runs on one corpus, second minus first.

    Attributes:
        corpus: registry name.
        metric: "uar", "accuracy", with two labels "au-roc", and for detectors "window-au-roc".
        first: name of the first run, e.g. "R1".
        second: name of the second run.
        first_value: score of the first run, in [0, 1].
        second_value: score of the second run.
        folds: number of folds that both runs have.
        tests: paired tests.
        notes: caveats.

    """

    corpus: str
    metric: str
    first: str
    second: str
    first_value: float
    second_value: float
    folds: int
    tests: tuple[AdjustedTest, ...]
    notes: tuple[str, ...]

    @property
    def runs(self) -> str:
        """The names of both runs."""
        return f"{self.first}, {self.second}"

    @property
    def number(self) -> float:
        """The value; a difference is always defined."""
        assert self.value is not None  # noqa: S101 - undefined metrics are excluded
        return self.value

    def to_dict(self) -> dict[str, Any]:
        """Return the values for JSON."""
        keys = ("corpus", "metric", "first", "second", "first_value", "second_value", "value", "low", "high", "n")
        tests = [{**asdict(found.test), "holm": found.holm, "family": found.family} for found in self.tests]
        values = {key: getattr(self, key) for key in (*keys, "speakers", "folds")}
        return {**values, "tests": tests, "notes": list(self.notes)}


@dataclass(frozen=True, eq=False)
class Comparison:
    """The differences of all pairs of runs on all corpora.

    Attributes:
        runs: in the order given, named R1, R2 ...
        differences: by pair of runs, corpus and metric.
        notes: caveats about pairs of runs.

    """

    runs: tuple[FinishedRun, ...]
    differences: tuple[Difference, ...]
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the values that `emotone compare --json` prints."""
        runs = [
            {
                "name": run.name,
                "folder": str(run.folder),
                "protocol": run.protocol,
                "speaker_independent": run.speaker_independent,
                "seeds": len(np.unique(run.whole.seed)),
            }
            for run in self.runs
        ]
        differences = [difference.to_dict() for difference in self.differences]
        return {"runs": runs, "differences": differences, "notes": list(self.notes)}


def compare_runs(
    folders: Sequence[Path],
    *,
    names: Sequence[str] = (),
    common: bool = False,
    seed: int = 0,
    replicates: int = REPLICATES,
) -> Comparison:
    """Return the differences between every pair of runs on every corpus, with intervals and tests.

    Args:
        folders: at least two folders of finished evaluations.
        names: names of the runs; R1, R2 ... by default.
        common: compare the utterances that both runs of a pair have, instead of raising an error if they differ.
        seed: of the intervals; the same runs and seed give the same intervals.
        replicates: of the intervals.

    Raises:
        UsageError: fewer than two runs, or duplicate ones.
        RunError: a folder without a finished evaluation, utterances that only one run of a pair has, or different
            truth or speakers.
        ConfigError: a file that can't be read.
        MissingExtraError: SciPy or pyarrow is not installed.

    """
    if len(folders) < 2:
        raise UsageError(f"a comparison needs at least 2 runs; given {len(folders)}")
    resolved = [folder.resolve() for folder in folders]
    for folder, path in zip(folders, resolved, strict=True):
        if resolved.count(path) > 1:
            raise UsageError(f"{folder} was given twice; pass different runs")
    labels = names or [f"R{number}" for number in range(1, len(folders) + 1)]
    runs = tuple(read_run(folder, name=name) for folder, name in zip(folders, labels, strict=True))
    found: list[Difference] = []
    notes: list[str] = []
    for first, second in combinations(runs, 2):
        corpora, excluded = _shared_corpora(first, second, common=common)
        notes += [*excluded, *_protocol_notes(first, second)]
        for corpus in corpora:
            pair = pair_up(first, second, corpus, common=common)
            found += _differences(pair, (first.name, second.name), seed=seed, replicates=replicates)
    return Comparison(runs, _adjusted(found), tuple(dict.fromkeys(notes)))


def _shared_corpora(first: FinishedRun, second: FinishedRun, *, common: bool) -> tuple[list[str], list[str]]:
    """Return the corpora that both runs have, and notes on the others, which are an error unless `common`."""
    shared = [corpus for corpus in first.whole.corpora if corpus in second.whole.corpora]
    unshared = [
        f"{corpus} is in {run.name} and not in {other.name}"
        for run, other in ((first, second), (second, first))
        for corpus in run.whole.corpora
        if corpus not in other.whole.corpora
    ]
    if not shared:
        raise RunError(f"{first.name} and {second.name} share no corpus: {'; '.join(unshared)}")
    if unshared and not common:
        raise RunError(
            f"{first.name} and {second.name} were not evaluated on the same corpora: {'; '.join(unshared)}; add "
            "--common to compare the shared ones"
        )
    return shared, [f"excluded: {line}" for line in unshared]


def _protocol_notes(first: FinishedRun, second: FinishedRun) -> list[str]:
    notes = [
        f"{run.name} ({run.protocol}) is speaker-dependent: its scores do not generalise to new speakers"
        for run in (first, second)
        if run.speaker_independent is False
    ]
    if first.protocol != second.protocol:
        notes.append(
            f"{first.name} uses {first.protocol} and {second.name} uses {second.protocol}: their training data differ, "
            "so the difference is not due to the systems alone"
        )
    return notes


def _differences(pair: RunPair, names: tuple[str, str], *, seed: int, replicates: int) -> list[Difference]:
    """Return the differences of one pair on one corpus, without adjustment of the tests."""
    folds = folds_of(pair)
    areas, undefined = auroc_differences(pair, seed=seed, replicates=replicates)
    measured: list[tuple[str, tuple[float, float], Estimate, tuple[SignificanceTest, ...], tuple[str, ...]]] = [
        (
            metric,
            values_of(pair, metric),
            difference_of(pair, metric, seed=seed, replicates=replicates),
            tuple(tests_of(pair, metric, folds)),
            (),
        )
        for metric in METRICS
    ]
    measured += [(area.metric, area.values, area.difference, area.tests, area.notes) for area in areas]
    speakers = measured[0][2].speakers
    notes = [*pair.notes, *filter(None, [folds.note])]
    if 1 < speakers < FEW_SPEAKERS:
        notes.append(f"an interval over {speakers} speakers is too narrow")
    if has_several_seeds(pair):
        notes.append("tests over utterances use the first seed only")
    notes += undefined
    return [
        Difference(
            corpus=pair.corpus,
            metric=metric,
            first=names[0],
            second=names[1],
            first_value=first_value,
            second_value=second_value,
            value=estimate.value,
            low=estimate.low,
            high=estimate.high,
            n=estimate.n,
            speakers=estimate.speakers,
            folds=len(folds),
            tests=tuple(AdjustedTest(test, None, 0) for test in tests),
            notes=(*notes, *special, *filter(None, [estimate.note])),
        )
        for metric, (first_value, second_value), estimate, tests, special in measured
    ]


def _adjusted(differences: Sequence[Difference]) -> tuple[Difference, ...]:
    """Return the differences with every p adjusted over its family."""
    families: dict[tuple[str, str], list[float | None]] = defaultdict(list)
    for difference in differences:
        for found in difference.tests:
            families[difference.metric, found.test.name].append(found.test.p)
    adjusted = {key: iter(holm(family)) for key, family in families.items()}  # in the order below
    sizes = {key: sum(p is not None for p in family) for key, family in families.items()}
    return tuple(
        replace(
            difference,
            tests=tuple(
                AdjustedTest(
                    found.test,
                    holm=next(adjusted[difference.metric, found.test.name]),
                    family=sizes[difference.metric, found.test.name],
                )
                for found in difference.tests
            ),
        )
        for difference in differences
    )


def runs_lines(comparison: Comparison) -> list[str]:
    """Return a line for each run: its name, folder and protocol."""
    return [f"{run.name} = {run.folder} ({run.protocol})" for run in comparison.runs]


def differences_table(comparison: Comparison) -> ResultTable:
    """Return the differences times 100 with their intervals."""
    rows = tuple(
        (
            difference.corpus,
            TITLES[difference.metric],
            difference.runs,
            percent(difference.first_value),
            percent(difference.second_value),
            format_estimate(difference, sign="+"),
            str(difference.n),
            str(difference.speakers or "unknown"),
        )
        for difference in comparison.differences
    )
    columns = ("corpus", "metric", "runs", "first", "second", "second - first [95 %]", "n", "speakers")
    return ResultTable(columns, rows, caption="Scores x 100.")


def significance_table(comparison: Comparison) -> ResultTable:
    """Return every test of every difference."""
    rows = tuple(
        (
            difference.corpus,
            TITLES[difference.metric],
            difference.runs,
            found.test.name,
            str(found.test.n),
            "-" if found.test.statistic is None else f"{found.test.statistic:.3g}",
            p_value(found.test.p),
            p_value(found.holm),
            str(found.family),
        )
        for difference in comparison.differences
        for found in difference.tests
    )
    columns = ("corpus", "metric", "runs", "test", "n", "statistic", "p", "p (Holm)", "family")
    return ResultTable(columns, rows, caption="Tests, two-sided.")


def notes_of(comparison: Comparison) -> list[str]:
    """Return every note once, with the corpora and runs it applies to."""
    places: dict[str, list[str]] = {}
    for difference in comparison.differences:
        where = f"{difference.corpus}: {difference.runs}"
        undefined = [
            f"{TITLES[difference.metric]}, {found.test.name}: {found.test.note}"
            for found in difference.tests
            if found.test.p is None
        ]
        for note in (*difference.notes, *undefined):
            of_note = places.setdefault(note, [])
            if where not in of_note:
                of_note.append(where)
    return [*comparison.notes, *(f"{note} ({'; '.join(of_note)})" for note, of_note in places.items())]


def comparison_tables(comparison: Comparison) -> tuple[ResultTable, ...]:
    """Return the differences and, if there are any, the tests; the notes are those of the last table."""
    tables = [table for table in (differences_table(comparison), significance_table(comparison)) if table.rows]
    return (*tables[:-1], replace(tables[-1], notes=tuple(notes_of(comparison))))
