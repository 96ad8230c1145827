"""Whether one system is better than another: from two or more finished evaluations and nothing else.

Differences are second minus first, and an utterance counts once, however many seeds have judged it. Two kinds of
evidence stand beside each other, for neither is enough alone:
    the interval of the difference, resampled over speakers: would it hold for other speakers?
    paired tests: over utterances (McNemar; DeLong where there are two labels), and over folds (paired t, corrected t,
    Wilcoxon), a fold being a set of utterances that both runs tested together; seeds that tested the same set are
    averaged, so they do not count as more folds.
Of two detectors (one label against `other`) AU-ROC is compared over windows too, also by the unpaired z-test that the
paper of SoundNet for anger made.
Many comparisons find something by chance: p is adjusted by Holm's procedure over its family, which is one test of one
metric, over all pairs of runs and all corpora. Choose the test before looking; for folds, corrected t.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from emotone.errors import RunError, UsageError
from emotone.metrics.intervals import REPLICATES
from emotone.metrics.significance import holm
from emotone.scoring.auroc_difference import areas_of
from emotone.scoring.evidence import folds_of, interval_of, several_answers, tests_of, values_of
from emotone.scoring.pairing import pair_up, read_run

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from emotone.metrics.base import MetricName
    from emotone.metrics.intervals import Interval
    from emotone.metrics.significance import Test
    from emotone.scoring.pairing import Pair, Run

METRICS: tuple[MetricName, ...] = ("uar", "accuracy")
FEW_SPEAKERS = 20  # below this, intervals over speakers are too narrow: with 10, one in ten leaves out the truth


@dataclass(frozen=True, slots=True)
class Adjusted:
    """One test, and what is left of it among all that were made.

    Attributes:
        test: as it stands alone.
        holm: its p adjusted over the family; None where there is no p.
        family: number of tests with a p in the family.

    """

    test: Test
    holm: float | None
    family: int


@dataclass(frozen=True, slots=True)
class Difference:
    """How far two runs are apart on one corpus.

    Attributes:
        corpus: registry name.
        metric: "uar", "accuracy", or "au-roc" where there are two labels (of the first answer to each utterance), and
            "window-au-roc" of detectors.
        first: name of the one run, e.g. "R1".
        second: name of the other.
        first_value: score of the one, in [0, 1].
        second_value: score of the other.
        value: second minus first.
        low: lower end of the 95 % interval clustered by speaker, or None; `notes` say why.
        high: upper end, or None.
        n: utterances, or windows.
        speakers: different speakers; 0 where a speaker is not known.
        folds: sets of utterances that both runs tested together.
        tests: paired tests.
        notes: what else one must know.

    """

    corpus: str
    metric: str
    first: str
    second: str
    first_value: float
    second_value: float
    value: float
    low: float | None
    high: float | None
    n: int
    speakers: int
    folds: int
    tests: tuple[Adjusted, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Comparison:
    """All pairs of runs on all corpora.

    Attributes:
        runs: in the order given, named R1, R2 ...
        differences: by pair of runs, corpus and metric.
        notes: what holds for a pair of runs as a whole.

    """

    runs: tuple[Run, ...]
    differences: tuple[Difference, ...]
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return what `emotone compare --json` prints."""
        runs = [
            {
                "name": run.name,
                "folder": str(run.folder),
                "protocol": run.protocol,
                "speaker_independent": run.speaker_independent,
                "seeds": len(np.unique(run.table.seed)),
            }
            for run in self.runs
        ]
        differences = []
        for difference in self.differences:
            tests = [{**asdict(found.test), "holm": found.holm, "family": found.family} for found in difference.tests]
            differences.append({**asdict(difference), "tests": tests, "notes": list(difference.notes)})
        return {"runs": runs, "differences": differences, "notes": list(self.notes)}


def compare_runs(
    folders: Sequence[Path],
    *,
    names: Sequence[str] = (),
    common: bool = False,
    seed: int = 0,
    replicates: int = REPLICATES,
) -> Comparison:
    """Return how far every pair of runs is apart on every corpus, with intervals and tests.

    Args:
        folders: at least two, each holding `run.json` and `predictions.parquet`.
        names: how the runs are called, one for each; R1, R2 ... where none are given.
        common: compare what both runs of a pair have judged, instead of refusing runs that have not judged the same.
        seed: of the intervals' draws; the same runs and seed give the same intervals.
        replicates: of the intervals.

    Raises:
        UsageError: fewer than two runs, or one of them twice.
        RunError: a folder without a finished evaluation, utterances that only one run of a pair has, or utterances
            whose truth or speaker is not the same.
        ConfigError: a file that can't be read.
        MissingExtraError: SciPy or pyarrow is not installed.

    """
    if len(folders) < 2:
        raise UsageError(f"a comparison needs at least 2 runs; {len(folders)} was given")
    resolved = [folder.resolve() for folder in folders]
    for folder, place in zip(folders, resolved, strict=True):
        if resolved.count(place) > 1:
            raise UsageError(f"{folder} was given twice; a run does not differ from itself")
    called = names or [f"R{number}" for number in range(1, len(folders) + 1)]
    runs = tuple(read_run(folder, name=name) for folder, name in zip(folders, called, strict=True))
    found: list[Difference] = []
    notes: list[str] = []
    for first, second in combinations(runs, 2):
        corpora, left_out = _shared_corpora(first, second, common=common)
        notes += [*left_out, *_protocol_notes(first, second)]
        for corpus in corpora:
            pair = pair_up(first, second, corpus, common=common)
            found += _differences(pair, (first.name, second.name), seed=seed, replicates=replicates)
    return Comparison(runs, _adjusted(found), tuple(dict.fromkeys(notes)))


def _shared_corpora(first: Run, second: Run, *, common: bool) -> tuple[list[str], list[str]]:
    """Return the corpora that both runs have, and notes about the others, which are refused unless `common`."""
    shared = [corpus for corpus in first.table.corpora if corpus in second.table.corpora]
    alone = [
        f"{corpus} is in {run.name} and not in {other.name}"
        for run, other in ((first, second), (second, first))
        for corpus in run.table.corpora
        if corpus not in other.table.corpora
    ]
    if not shared:
        raise RunError(f"{first.name} and {second.name} share no corpus: {'; '.join(alone)}")
    if alone and not common:
        raise RunError(
            f"{first.name} and {second.name} were not judged on the same corpora: {'; '.join(alone)}; to compare what "
            "both have, add --common"
        )
    return shared, [f"left out: {line}" for line in alone]


def _protocol_notes(first: Run, second: Run) -> list[str]:
    notes = [
        f"{run.name} ({run.protocol}) tests speakers that it was trained on: its scores do not hold for new ones"
        for run in (first, second)
        if run.speaker_independent is False
    ]
    if first.protocol != second.protocol:
        notes.append(
            f"{first.name} is {first.protocol} and {second.name} is {second.protocol}: they were not trained on the "
            "same parts, so a difference is not the systems' alone"
        )
    return notes


def _differences(pair: Pair, names: tuple[str, str], *, seed: int, replicates: int) -> list[Difference]:
    """Return the differences of one pair on one corpus, their tests not yet adjusted."""
    folds = folds_of(pair)
    speakers = 0 if (pair.speaker == "").any() else len(np.unique(pair.speaker))
    notes = [*pair.notes, *filter(None, [folds.note])]
    if 1 < speakers < FEW_SPEAKERS:
        notes.append(f"an interval over {speakers} speakers is too narrow")
    if several_answers(pair):
        notes.append("tests over utterances look at the first seed only")
    found: list[Difference] = []
    areas, undefined = areas_of(pair, seed=seed, replicates=replicates)
    notes += undefined
    rows: list[tuple[str, tuple[float, float], Interval, Sequence[Test], int, tuple[str, ...]]] = [
        (
            metric,
            values_of(pair, metric),
            interval_of(pair, metric, seed=seed, replicates=replicates),
            tests_of(pair, metric, folds),
            len(pair.utterances),
            (),
        )
        for metric in METRICS
    ]
    rows += [(area.metric, area.values, area.interval, area.tests, area.n, area.notes) for area in areas]
    for metric, (first_value, second_value), interval, tests, n, special in rows:
        difference = Difference(
            corpus=pair.corpus,
            metric=metric,
            first=names[0],
            second=names[1],
            first_value=first_value,
            second_value=second_value,
            value=second_value - first_value,
            low=interval.low,
            high=interval.high,
            n=n,
            speakers=speakers,
            folds=len(folds),
            tests=tuple(Adjusted(test, None, 0) for test in tests),
            notes=(*notes, *special, *filter(None, [interval.reason])),
        )
        found.append(difference)
    return found


def _adjusted(differences: Sequence[Difference]) -> tuple[Difference, ...]:
    """Return the differences with every p adjusted over its family: the same test of the same metric."""
    families: dict[tuple[str, str], list[float | None]] = defaultdict(list)
    for difference in differences:
        for found in difference.tests:
            families[difference.metric, found.test.name].append(found.test.p)
    adjusted = {key: iter(holm(family)) for key, family in families.items()}  # in the order of the loop below
    sizes = {key: sum(p is not None for p in family) for key, family in families.items()}
    return tuple(
        replace(
            difference,
            tests=tuple(
                Adjusted(
                    found.test,
                    holm=next(adjusted[difference.metric, found.test.name]),
                    family=sizes[difference.metric, found.test.name],
                )
                for found in difference.tests
            ),
        )
        for difference in differences
    )
