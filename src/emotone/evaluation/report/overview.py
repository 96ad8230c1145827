"""The whole report: all runs side by side, how far they are apart, each by itself, and how to read it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emotone.evaluation.report.blocks import Block, Document, Figure, Section, Table, Text
from emotone.evaluation.report.figures import roc_together
from emotone.evaluation.report.formatting import INDEPENDENT, headline
from emotone.evaluation.report.sections import run_section
from emotone.scoring.comparison_text import (
    DIFFERENCE_HEADER,
    TEST_HEADER,
    notes_of,
    rows_of_differences,
    rows_of_tests,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emotone.evaluation.report.comparability import Together
    from emotone.evaluation.report.numbers import RunReport
    from emotone.metrics.detection import RocCurve

HEADLINES = 4  # more than these are not taken in at a glance, and stand in their own sections only
READING = (
    ("recall", "of all recordings that were meant as an emotion, the share that was answered as that emotion"),
    ("UAR", "unweighted average recall: the mean of the emotions' recalls, so that frequent emotions count no more"),
    ("UAR, mean over folds", "the UAR of each fold's test part by itself, averaged; what many papers call UAR"),
    ("accuracy", "the share of all recordings that is answered right; frequent emotions count more"),
    ("macro-F1", "the mean over emotions of F1, which falls with misses and with false alarms"),
    (
        "95 % interval",
        "where the score would likely lie with other speakers of the same kind; too narrow below 20 speakers",
    ),
    ("chance, majority", "what guessing would score, and always answering the most frequent emotion"),
    (
        "speaker-independent",
        "nobody who is tested was trained on; where it says NO, the scores do not hold for new speakers",
    ),
    ("AU-ROC", "how often a recording of the emotion gets a higher probability of it than one of another emotion"),
    ("AU-ROC of windows", "the same over windows of a recording, each of which counts as what the recording is"),
    ("EER", "the rate at which misses and false alarms are equally frequent"),
    ("ECE", "how far the probability of the answers and the share that is right are apart, on average"),
    ("p (Holm)", "how likely a difference this large is by chance, made larger for the number of tests"),
    ("corrected t", "a test over folds that allows for training parts that overlap; the careful one to choose"),
    ("McNemar, DeLong", "tests over recordings; those of one speaker are alike, so their p is often far too small"),
)


def document_of(reports: Sequence[RunReport], together: Together, *, pictures: bool) -> Document:
    """Return the whole report.

    Args:
        reports: at least one.
        together: how they stand to each other.
        pictures: whether the format can show SVG.

    Raises:
        MissingExtraError: pictures are wanted, and Matplotlib is not installed.

    """
    sections = [Section("At a glance", "glance", _glance(reports))]
    if len(reports) > 1:
        sections.append(
            Section("How far the runs are apart", "comparison", _apart(reports, together, pictures=pictures))
        )
    sections += [run_section(report, pictures=pictures) for report in reports]
    reading = Table("The words of this report.", ("word", "meaning"), READING)
    sections.append(Section("How to read this", "reading", (reading,)))
    names = ", ".join(dict.fromkeys(report.about.system for report in reports))
    return Document(f"Evaluation of {names}", tuple(sections))


def _glance(reports: Sequence[RunReport]) -> tuple[Block, ...]:
    found: list[Block] = []
    short = sum(len(report.corpora) for report in reports) <= HEADLINES
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
            *(
                "-" if score is None else score.text
                for score in (corpus.score("uar", "chance"), corpus.score("accuracy"))
            ),
            str(corpus.uar.n),
            str(corpus.uar.speakers or "not known"),
            report.protocol,
            INDEPENDENT[report.speaker_independent],
        )
        for report in reports
        for corpus in report.corpora
    )
    header = (
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
    return (*found, Table("Main scores x 100, with 95 % intervals clustered by speaker.", header, rows))


def _apart(reports: Sequence[RunReport], together: Together, *, pictures: bool) -> tuple[Block, ...]:
    """Return the comparison, and before it the detectors' ROC curves together, where several have judged a corpus."""
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
            (roc_together(f"{positive} in {title}, {what}", of),),
            f"ROC curves of {positive} in {title}, over {what}, with the area below each.",
        )
        for (title, positive, what), of in curves.items()
        if len(of) > 1
    )
    return (*figures, *_comparison(together))


def _comparison(together: Together) -> tuple[Block, ...]:
    found: list[Block] = []
    for comparison in together.comparisons:
        names = ", ".join(run.name for run in comparison.runs)
        found.append(
            Table(
                f"{names} judged the same recordings. Scores x 100; differences are second minus first, with 95 % "
                "intervals clustered by speaker. Where one leaves out 0, the difference would hold for other speakers "
                "of the same kind.",
                DIFFERENCE_HEADER,
                tuple(rows_of_differences(comparison)),
            )
        )
        tests = tuple(rows_of_tests(comparison))
        if tests:
            found.append(Table(f"Tests of {names}, two-sided, adjusted by Holm's procedure.", TEST_HEADER, tests))
        found += [Text(note, "note") for note in notes_of(comparison)]
    found += [
        Text(f"{' and '.join(apart.runs)} can't be compared: {apart.reason}.", "note") for apart in together.apart
    ]
    return tuple(found)
