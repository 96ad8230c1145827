"""The results that a report shows of a run, computed from its stored predictions; no model is run.

Contents:
    reports_of      a `RunReport` for each folder that `emotone evaluate` made
    RunReport, CorpusReport, DetectorReport, CalibrationReport, TwinRun
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from emotone.errors import ConfigError, RunError, UsageError
from emotone.evaluation.report.about import RunDescription
from emotone.inference.segments import positive_of
from emotone.metrics.calibration import brier_score, expected_calibration_error, log_loss, reliability
from emotone.metrics.detection import auroc_by_label, equal_error_rate, roc_curve, threshold_at
from emotone.protocols import protocol
from emotone.scoring.breakdowns import seeds_of, speakers_of
from emotone.scoring.detection import RATES
from emotone.scoring.finished_run import RUN, TABLE, read_description, read_run
from emotone.scoring.operating_points import recorded_points
from emotone.scoring.predictions import PredictionsTable
from emotone.scoring.scores import confusion_of, scores_of
from emotone.scoring.segments import clip_confusion_of, has_segments
from emotone.scoring.summary import corpus_title

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from emotone.metrics.calibration import ReliabilityBin
    from emotone.metrics.detection import EqualErrorRate, OperatingPoint, RocCurve
    from emotone.scoring.breakdowns import SeedSpread, SpeakerScore
    from emotone.scoring.detection import AppliedThreshold
    from emotone.scoring.operating_points import OperatingPoints
    from emotone.scoring.scores import Score


@dataclass(frozen=True, slots=True)
class CalibrationReport:
    """Calibration of the probabilities; see `emotone.metrics.calibration`."""

    bins: tuple[ReliabilityBin, ...]
    ece: float
    brier: float
    log_loss: float


@dataclass(frozen=True, slots=True)
class DetectorReport:
    """A system with two labels as a detector of one of them.

    Attributes:
        positive: the detected label: the one that is not `other`, or else the rarer one.
        eer: equal error rate.
        points: by maximum false positive rate.
        windows: ROC curve of windows, if the run has windows.

    """

    positive: str
    eer: EqualErrorRate
    points: Mapping[float, OperatingPoint]
    windows: RocCurve | None = None


@dataclass(frozen=True, eq=False)
class CorpusReport:
    """The results of a run on one corpus, pooled over folds and seeds.

    Attributes:
        corpus: registry name.
        title: of the corpus.
        labels: of the system, in the order of the table's columns.
        present: labels of at least one recording.
        scores: see `scores_of`.
        confusion: counts [labels, labels], row = truth.
        auroc: of each label against all others; empty with only one label.
        curves: ROC curves of the same labels.
        detector: for systems with two labels, if both are present.
        calibration: of the probabilities.
        speakers: lowest UAR first; empty if no speaker is known.
        seeds: mean and deviation over seeds.
        notes: what is undefined for this corpus, and why.
        clip_confusion: counts [labels, labels] by the mean logits of each clip's segments; None without segments.

    """

    corpus: str
    title: str
    labels: tuple[str, ...]
    present: tuple[str, ...]
    scores: tuple[Score, ...]
    confusion: NDArray[np.int64]
    auroc: Mapping[str, float]
    curves: Mapping[str, RocCurve]
    detector: DetectorReport | None
    calibration: CalibrationReport
    speakers: tuple[SpeakerScore, ...]
    seeds: tuple[SeedSpread, ...]
    notes: tuple[str, ...]
    clip_confusion: NDArray[np.int64] | None = None

    def score(self, metric: str, setting: str = "system") -> Score | None:
        """Return one score, or None."""
        return next((found for found in self.scores if (found.metric, found.setting) == (metric, setting)), None)

    @property
    def uar(self) -> Score:
        """The main score."""
        return next(found for found in self.scores if (found.metric, found.setting) == ("uar", "system"))


@dataclass(frozen=True, eq=False)
class TwinRun:
    """The speaker-independent run on the same recordings.

    Attributes:
        protocol: name of the speaker-independent protocol.
        folder: of the run; None if there is none.
        scores: of the run.

    """

    protocol: str
    folder: Path | None = None
    scores: tuple[Score, ...] = ()


@dataclass(frozen=True, eq=False)
class RunReport:
    """The results of one run.

    Attributes:
        name: name in the report, e.g. "R1".
        folder: of the run.
        about: description from `run.json`.
        protocol: name.
        speaker_independent: whether no tested speaker is in the training data; None if unknown.
        table: rows of whole utterances, of one system and one protocol.
        corpora: by name.
        twin: for speaker-dependent protocols.
        operating: operating points of a detector with thresholds chosen on other recordings, if recorded.

    """

    name: str
    folder: Path
    about: RunDescription
    protocol: str
    speaker_independent: bool | None
    table: PredictionsTable
    corpora: tuple[CorpusReport, ...]
    twin: TwinRun | None = None
    operating: OperatingPoints | None = None

    def points_of(self, corpus: str) -> tuple[AppliedThreshold, ...]:
        """Return the operating points on a corpus of thresholds chosen on other recordings."""
        return tuple(point for point in (self.operating.points if self.operating else ()) if point.corpus == corpus)

    def to_dict(self) -> dict[str, Any]:
        """Return what `emotone report --json` prints of a run: its folder, and the main score of every corpus."""
        return {
            "name": self.name,
            "folder": str(self.folder),
            "protocol": self.protocol,
            "speaker_independent": self.speaker_independent,
            "scores": [corpus.uar.to_dict() for corpus in self.corpora],
            "twin": str(self.twin.folder) if self.twin is not None and self.twin.folder is not None else None,
            "operating_points": self.operating.to_dict() if self.operating is not None else None,
        }


def reports_of(folders: Sequence[Path]) -> tuple[RunReport, ...]:
    """Return the results of every run, named R1, R2 ... in the order given, with its speaker-independent twin, if any.

    Raises:
        UsageError: no run, or duplicate ones.
        RunError: no finished evaluation, or several systems or protocols.
        ConfigError: a file in it that can't be read.
        MissingExtraError: pyarrow is not installed.

    """
    if not folders:
        raise UsageError("a report needs at least 1 run")
    resolved = [folder.resolve() for folder in folders]
    for folder, path in zip(folders, resolved, strict=True):
        if resolved.count(path) > 1:
            raise UsageError(f"{folder} was given twice; pass different runs")
    found = [report_of(folder, name=f"R{number}") for number, folder in enumerate(folders, start=1)]
    return tuple(_with_twin(report, others=found) for report in found)


def report_of(folder: Path, *, name: str) -> RunReport:
    """Return the results of one run, without its twin; errors are those of `reports_of`."""
    run = read_run(folder)
    table, independent = run.whole, run.speaker_independent
    scores = scores_of(run.predictions, speaker_independent=independent)
    speakers, seeds = speakers_of(table), seeds_of(run.predictions)
    corpora = tuple(
        _corpus(
            table.of_corpus(corpus),
            run.predictions.of_corpus(corpus).windows(),
            corpus,
            scores=tuple(score for score in scores if score.corpus == corpus),
            speakers=tuple(found for found in speakers if found.corpus == corpus),
            seeds=tuple(found for found in seeds if found.corpus == corpus),
        )
        for corpus in table.corpora
    )
    operating = recorded_points(run.about)
    about = RunDescription(run.about)
    return RunReport(name, folder, about, run.protocol, independent, table, corpora, operating=operating)


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
        title=corpus_title(corpus),
        labels=labels,
        present=present,
        scores=scores,
        confusion=confusion_of(part, corpus),
        auroc=areas,
        curves={label: roc_curve(truth == label, probabilities[:, labels.index(label)]) for label in areas},
        detector=_detector(part, windows, areas) if len(labels) == 2 and areas else None,
        calibration=CalibrationReport(
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


def _detector(part: PredictionsTable, windows: PredictionsTable, areas: Mapping[str, float]) -> DetectorReport:
    rarer = min(areas, key=lambda label: int(np.count_nonzero(part.truth == label)))
    positive = positive_of(part.labels) or rarer
    flags, scores = part.truth == positive, part.probabilities[:, part.labels.index(positive)]
    points = {rate: threshold_at(flags, scores, false_positive_rate=rate) for rate in RATES}
    curve = None
    if len(np.unique(windows.truth)) == 2:
        curve = roc_curve(windows.truth == positive, windows.probabilities[:, part.labels.index(positive)])
    return DetectorReport(positive, equal_error_rate(flags, scores), points, curve)


def _notes(part: PredictionsTable, present: tuple[str, ...]) -> tuple[str, ...]:
    notes = []
    if len(present) == 1:
        notes.append(
            f"Every recording has the label '{present[0]}': the scores do not measure discrimination, and ROC curves "
            "are undefined."
        )
    absent = [label for label in part.labels if label not in present]
    if absent:
        notes.append(f"No recording of this corpus has the label {', '.join(absent)}, but the system can predict it.")
    if len(np.unique(part.probabilities, axis=0)) == 1:
        notes.append("All recordings have the same predicted probabilities.")
    elif np.isin(part.probabilities, (0.0, 1.0)).all():
        notes.append(
            "Every probability is 0 or 1: ROC curves have one step, and calibration carries no more information than "
            "accuracy."
        )
    unknown = int(np.count_nonzero(part.speaker == ""))
    if unknown:
        notes.append(f"The speaker of {unknown} of {len(part)} predictions is unknown: there are no intervals.")
    return tuple(notes)


def _with_twin(report: RunReport, *, others: Sequence[RunReport]) -> RunReport:
    """Return the report with its speaker-independent twin, if its protocol has one.

    The twin has the same recipe and recordings. It is searched among the runs of the report, then in sibling folders.
    """
    try:
        wanted = protocol(report.protocol).twin
    except UsageError:
        return report
    if wanted is None:
        return report
    for other in others:
        if (
            other.protocol == wanted
            and _same_system(report.about, other.about)
            and _same_items(report.table, other.table)
        ):
            scores = tuple(score for corpus in other.corpora for score in corpus.scores)
            return replace(report, twin=TwinRun(wanted, other.folder, scores))
    for folder in _siblings(report.folder):
        table = _twin_table(folder, wanted, report.about)
        if table is not None and _same_items(report.table, table):
            return replace(report, twin=TwinRun(wanted, folder, tuple(scores_of(table))))
    return replace(report, twin=TwinRun(wanted))


def _siblings(folder: Path) -> list[Path]:
    path = folder.resolve()
    return sorted(found.parent for found in path.parent.glob(f"*/{RUN}") if found.parent != path)


def _twin_table(folder: Path, wanted: str, about: RunDescription) -> PredictionsTable | None:
    """Return the predictions of a run of the same system under the wanted protocol, or None."""
    try:
        other = RunDescription(read_description(folder))
        if other.protocol.get("name") != wanted or not _same_system(about, other):
            return None
        return PredictionsTable.read(folder / TABLE)
    except (RunError, ConfigError):  # an unrelated folder, or an interrupted run
        return None


def _same_system(first: RunDescription, second: RunDescription) -> bool:
    return (
        bool(first.recipe) and first.recipe == second.recipe and first.about.get("seeds") == second.about.get("seeds")
    )


def _same_items(first: PredictionsTable, second: PredictionsTable) -> bool:
    """Return whether both tables have the same recordings with the same truth."""
    return np.array_equal(_items(first), _items(second))


def _items(table: PredictionsTable) -> NDArray[np.str_]:
    whole = table.whole_utterances()
    return np.unique(np.stack([whole.utterance, whole.truth], axis=1), axis=0)
