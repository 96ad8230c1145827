"""The whole report: overview, differences between runs, the section of each run, and the glossary."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from emotone.errors import ConfigError, MissingExtraError, RunError
from emotone.evaluation.report.corpus_sections import headline
from emotone.evaluation.report.document import Block, Document, Figure, Section, Text
from emotone.evaluation.report.figures import roc_comparison
from emotone.evaluation.report.sections import run_section
from emotone.scoring.comparison import compare_runs, differences_table, notes_of, significance_table
from emotone.scoring.result_table import INDEPENDENT, ResultTable, format_estimate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from emotone.evaluation.report.run_report import RunReport
    from emotone.metrics.detection import RocCurve
    from emotone.scoring.comparison import Comparison

MAX_HEADLINES = 4  # in the overview; with more corpora, headlines are in the sections of the runs only
GLOSSARY = (
    ("recall", "share of the recordings of an emotion that are predicted as this emotion"),
    ("UAR", "unweighted average recall: the mean of the recalls of all emotions, whatever their frequency"),
    ("UAR, mean over folds", "UAR of the test part of each fold, averaged; the UAR of many publications"),
    ("accuracy", "share of correct predictions; frequent emotions have more weight"),
    ("macro-F1", "mean over emotions of F1, the harmonic mean of precision and recall"),
    ("95 % interval", "likely range of the score for other speakers; too narrow with fewer than 20 speakers"),
    ("chance, majority", "scores of labels drawn at random, and of always predicting the most frequent emotion"),
    ("speaker-independent", "no tested speaker is in the training data; otherwise (NO) scores do not generalise"),
    ("AU-ROC", "probability that a recording of the emotion has a higher score than another recording"),
    ("AU-ROC of windows", "the same over windows, each with the label of its recording"),
    ("EER", "equal error rate: the rate at which misses and false alarms are equal"),
    ("ECE", "expected calibration error: mean difference between confidence and accuracy"),
    ("p (Holm)", "p-value adjusted for multiple tests by Holm's procedure"),
    ("corrected t", "t-test over folds, corrected for overlapping training parts; the recommended test"),
    ("McNemar, DeLong", "tests over recordings; p is too small, as recordings of one speaker are not independent"),
)


Items = dict[str, tuple[str, str]]
"""Truth and speaker by utterance."""


@dataclass(frozen=True, slots=True)
class IncomparableRuns:
    """Runs that can't be compared.

    Attributes:
        runs: names.
        reason: why they can't be compared.

    """

    runs: tuple[str, ...]
    reason: str


@dataclass(frozen=True)
class RunGroups:
    """The comparisons between the runs of a report.

    Runs are comparable if they have the same recordings with the same truth and speakers. This is an equivalence, so
    runs form groups; tests are adjusted within a group.

    Attributes:
        comparisons: one for each group of comparable runs.
        incomparable: every other pair, and groups whose comparison failed.

    """

    comparisons: tuple[Comparison, ...]
    incomparable: tuple[IncomparableRuns, ...]


def group_runs(reports: Sequence[RunReport]) -> RunGroups:
    """Return the possible comparisons between runs, and the reasons for the impossible ones; never raises an error."""
    items = {report.name: _items(report) for report in reports}
    groups: list[list[RunReport]] = []
    for report in reports:
        group = next((known for known in groups if items[known[0].name] == items[report.name]), None)
        if group is None:
            groups.append([report])
        else:
            group.append(report)
    comparisons: list[Comparison] = []
    incomparable: list[IncomparableRuns] = []
    for group in groups:
        if len(group) > 1:
            names = tuple(report.name for report in group)
            try:
                comparisons.append(compare_runs([report.folder for report in group], names=names))
            except (RunError, ConfigError, MissingExtraError) as error:
                incomparable.append(IncomparableRuns(names, str(error)))
    incomparable += [
        IncomparableRuns((first.name, second.name), _reason(first, second, items))
        for first, second in combinations(reports, 2)
        if items[first.name] != items[second.name]
    ]
    return RunGroups(tuple(comparisons), tuple(incomparable))


def _items(report: RunReport) -> Items:
    table = report.table
    pairs = zip(table.truth.tolist(), table.speaker.tolist(), strict=True)
    return dict(zip(table.utterance.tolist(), pairs, strict=True))


def _reason(first: RunReport, second: RunReport, items: Mapping[str, Items]) -> str:
    one, other = items[first.name], items[second.name]
    shared = one.keys() & other.keys()
    if not shared:
        return f"they share no recording: {first.name} has {_corpora(first)}, {second.name} {_corpora(second)}"
    if len(shared) < max(len(one), len(other)):
        return (
            f"their recordings differ: {len(one)} in {first.name}, {len(other)} in {second.name}, {len(shared)} in "
            "both; emotone compare --common compares the shared ones, if their labels agree"
        )
    labels = sum(one[key][0] != other[key][0] for key in shared)
    if labels:
        return f"the label of {labels} of {len(shared)} recordings differs: they use different label sets"
    speakers = sum(one[key][1] != other[key][1] for key in shared)
    return f"the speaker of {speakers} of {len(shared)} recordings differs"


def _corpora(report: RunReport) -> str:
    table = report.table
    return ", ".join(
        f"{len(np.unique(table.utterance[table.corpus == corpus]))} of {corpus}" for corpus in table.corpora
    )


def document_of(reports: Sequence[RunReport], groups: RunGroups, *, pictures: bool) -> Document:
    """Return the whole report.

    Args:
        reports: at least one.
        groups: comparisons between the runs.
        pictures: whether the format supports SVG.

    Raises:
        MissingExtraError: `pictures` is true and Matplotlib is not installed.

    """
    sections = [Section("Overview", "overview", _overview(reports))]
    if len(reports) > 1:
        sections.append(
            Section("Differences between runs", "comparison", _differences(reports, groups, pictures=pictures))
        )
    sections += [run_section(report, pictures=pictures) for report in reports]
    glossary = ResultTable(("term", "meaning"), GLOSSARY, caption="Terms of this report.")
    sections.append(Section("Glossary", "glossary", (glossary,)))
    names = ", ".join(dict.fromkeys(report.about.system for report in reports))
    return Document(f"Evaluation of {names}", tuple(sections))


def _overview(reports: Sequence[RunReport]) -> tuple[Block, ...]:
    found: list[Block] = []
    short = sum(len(report.corpora) for report in reports) <= MAX_HEADLINES
    for report in reports:
        prefix = f"{report.name} ({report.about.system}, {report.protocol}): " if len(reports) > 1 else ""
        if report.speaker_independent is False:
            found.append(Text(f"{report.name} ({report.protocol}) IS SPEAKER-DEPENDENT.", "warning"))
        found += [
            Text(prefix + headline(corpus, independent=report.speaker_independent), "headline")
            for corpus in report.corpora
            if short
        ]
    rows = tuple(
        (
            report.name,
            report.about.system,
            corpus.corpus,
            corpus.uar.text,
            format_estimate(corpus.score("uar", "chance")),
            format_estimate(corpus.score("accuracy")),
            str(corpus.uar.n),
            str(corpus.uar.speakers or "unknown"),
            report.protocol,
            INDEPENDENT[report.speaker_independent],
        )
        for report in reports
        for corpus in report.corpora
    )
    columns = (
        "run",
        "system",
        "corpus",
        "UAR [95 %]",
        "chance UAR",
        "accuracy [95 %]",
        "n",
        "speakers",
        "protocol",
        "speaker-independent",
    )
    caption = "Main scores x 100, with 95 % intervals clustered by speaker."
    return (*found, ResultTable(columns, rows, caption=caption))


def _differences(reports: Sequence[RunReport], groups: RunGroups, *, pictures: bool) -> tuple[Block, ...]:
    """Return the ROC curves of detectors that share a corpus, and the comparisons."""
    curves: dict[tuple[str, str, str], dict[str, RocCurve]] = {}
    for report in reports if pictures else ():
        for corpus in report.corpora:
            detector = corpus.detector
            if detector is not None:
                of = curves.setdefault((corpus.title, detector.positive, "recordings"), {})
                of[report.name] = corpus.curves[detector.positive]
                if detector.windows is not None:
                    of = curves.setdefault((corpus.title, detector.positive, "windows"), {})
                    of[report.name] = detector.windows
    figures = (
        Figure(
            (roc_comparison(f"{positive} in {title}, {what}", of),),
            f"ROC curves of {positive} in {title}, over {what}, with the AU-ROC of each run.",
        )
        for (title, positive, what), of in curves.items()
        if len(of) > 1
    )
    return (*figures, *_comparisons(groups))


def _comparisons(groups: RunGroups) -> tuple[Block, ...]:
    found: list[Block] = []
    for comparison in groups.comparisons:
        names = ", ".join(run.name for run in comparison.runs)
        caption = (
            f"Comparison of {names}. Scores x 100; differences are second minus first, with 95 % intervals clustered "
            "by speaker. An interval that excludes 0 indicates a difference that generalises to other speakers."
        )
        found.append(replace(differences_table(comparison), caption=caption))
        tests = significance_table(comparison)
        if tests.rows:
            caption = f"Significance tests of {names}, two-sided, adjusted by Holm's procedure."
            found.append(replace(tests, caption=caption))
        found += [Text(note, "note") for note in notes_of(comparison)]
    found += [
        Text(f"{' and '.join(each.runs)} can't be compared: {each.reason}.", "note") for each in groups.incomparable
    ]
    return tuple(found)
