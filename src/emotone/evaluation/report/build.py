"""A `RunReport` from a folder that `emotone evaluate` made; no model is run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emotone.corpora.base import CORPORA
from emotone.errors import UsageError
from emotone.evaluation.report.about import read_about
from emotone.evaluation.report.numbers import Calibration, CorpusReport, Detector, RunReport
from emotone.evaluation.report.twin import twin_of
from emotone.evaluation.run import TABLE
from emotone.metrics.calibration import brier_score, expected_calibration_error, log_loss, reliability
from emotone.metrics.detection import auroc_by_label, equal_error_rate, roc_curve, threshold_at
from emotone.scoring.detection import RATES, positive_of
from emotone.scoring.independence import of_run
from emotone.scoring.operating_points import told_points
from emotone.scoring.scores import confusion_of, scores_of
from emotone.scoring.seeds import seeds_of
from emotone.scoring.segments import clip_confusion_of, has_segments
from emotone.scoring.speakers import speakers_of
from emotone.scoring.table import PredictionsTable
from emotone.scoring.table_checks import WHOLE, whole_of_one

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from emotone.scoring.scores import Score
    from emotone.scoring.seeds import SeedSpread
    from emotone.scoring.speakers import SpeakerScore


def reports_of(folders: Sequence[Path]) -> tuple[RunReport, ...]:
    """Return a report of every run, named R1, R2 ... in the order given, each beside its twin where there is one.

    Raises:
        UsageError: no run, or one of them twice.
        RunError: a folder without a finished evaluation, or not one system under one protocol.
        ConfigError: a file in it that can't be read.
        MissingExtraError: pyarrow is not installed.

    """
    if not folders:
        raise UsageError("a report needs at least 1 run; none was given")
    places = [folder.resolve() for folder in folders]
    for folder, place in zip(folders, places, strict=True):
        if places.count(place) > 1:
            raise UsageError(f"{folder} was given twice; give each run once")
    found = [report_of(folder, name=f"R{number}") for number, folder in enumerate(folders, start=1)]
    return tuple(twin_of(report, others=found) for report in found)


def report_of(folder: Path, *, name: str) -> RunReport:
    """Return the report of one run, without its twin; `reports_of` says what is raised."""
    about = read_about(folder)
    everything = PredictionsTable.read(folder / TABLE)
    table = whole_of_one(everything, holder=str(folder), verb="report")
    used = str(table.protocol[0])
    independent = of_run(used, about.told)
    scores = scores_of(everything, speaker_independent=independent)
    speakers, seeds = speakers_of(table), seeds_of(everything)
    corpora = tuple(
        _corpus(
            table.of_corpus(corpus),
            everything.where((everything.segment != WHOLE) & (everything.corpus == corpus)),
            corpus,
            scores=tuple(score for score in scores if score.corpus == corpus),
            speakers=tuple(found for found in speakers if found.corpus == corpus),
            seeds=tuple(found for found in seeds if found.corpus == corpus),
        )
        for corpus in table.corpora
    )
    return RunReport(name, folder, about, used, independent, table, corpora, operating=told_points(about.told))


def _corpus(
    part: PredictionsTable,
    windows: PredictionsTable,
    corpus: str,
    *,
    scores: tuple[Score, ...],
    speakers: tuple[SpeakerScore, ...],
    seeds: tuple[SeedSpread, ...],
) -> CorpusReport:
    labels, truth, probabilities = part.labels, part.truth, part.probabilities
    present = tuple(label for label in labels if label in set(truth.tolist()))
    areas = auroc_by_label(truth, probabilities, labels=labels)
    return CorpusReport(
        corpus=corpus,
        title=CORPORA.get(corpus).title if corpus in CORPORA.names else corpus,
        labels=labels,
        present=present,
        scores=scores,
        confusion=confusion_of(part, corpus),
        auroc=areas,
        curves={label: roc_curve(truth == label, probabilities[:, labels.index(label)]) for label in areas},
        detector=_detector(part, windows, areas) if len(labels) == 2 and areas else None,
        calibration=Calibration(
            bins=reliability(truth, probabilities, labels=labels),
            ece=expected_calibration_error(truth, probabilities, labels=labels),
            brier=brier_score(truth, probabilities, labels=labels),
            log_loss=log_loss(truth, probabilities, labels=labels),
        ),
        speakers=tuple(found for found in speakers if found.speaker),
        seeds=seeds,
        notes=_notes(part, present),
        clip_confusion=clip_confusion_of(windows, corpus) if has_segments(windows) else None,
    )


def _detector(part: PredictionsTable, windows: PredictionsTable, areas: Mapping[str, float]) -> Detector:
    rarer = min(areas, key=lambda label: int(np.count_nonzero(part.truth == label)))
    positive = positive_of(part.labels) or rarer
    flags, scores = part.truth == positive, part.probabilities[:, part.labels.index(positive)]
    points = {rate: threshold_at(flags, scores, false_positive_rate=rate) for rate in RATES}
    curve = None
    if len(np.unique(windows.truth)) == 2:
        curve = roc_curve(windows.truth == positive, windows.probabilities[:, part.labels.index(positive)])
    return Detector(positive, equal_error_rate(flags, scores), points, curve)


def _notes(part: PredictionsTable, present: tuple[str, ...]) -> tuple[str, ...]:
    notes = []
    if len(present) == 1:
        notes.append(
            f"Every recording is '{present[0]}': how well emotions are told apart is undefined, and so are ROC curves."
        )
    absent = [label for label in part.labels if label not in present]
    if absent:
        notes.append(f"No recording of this corpus is {', '.join(absent)}; the system can answer it all the same.")
    if len(np.unique(part.probabilities, axis=0)) == 1:
        notes.append("Every recording got the same probabilities: nothing is told apart.")
    elif np.isin(part.probabilities, (0.0, 1.0)).all():
        notes.append(
            "Every probability is 0 or 1: the curves have one step, and calibration says no more than accuracy."
        )
    nameless = int(np.count_nonzero(part.speaker == ""))
    if nameless:
        notes.append(f"The speaker of {nameless} of {len(part)} answers is not known: there are no intervals.")
    return tuple(notes)
