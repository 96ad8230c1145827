"""Every number that a report shows of one run, computed from its predictions table and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from emotone.evaluation.report.about import About
    from emotone.metrics.calibration import ReliabilityBin
    from emotone.metrics.detection import EqualErrorRate, OperatingPoint, RocCurve
    from emotone.scoring.detection import AppliedThreshold
    from emotone.scoring.operating_points import OperatingPoints
    from emotone.scoring.scores import Score
    from emotone.scoring.seeds import SeedSpread
    from emotone.scoring.speakers import SpeakerScore
    from emotone.scoring.table import PredictionsTable


@dataclass(frozen=True, slots=True)
class Calibration:
    """Whether probabilities mean what they say; see `emotone.metrics.calibration`."""

    bins: tuple[ReliabilityBin, ...]
    ece: float
    brier: float
    log_loss: float


@dataclass(frozen=True, slots=True)
class Detector:
    """What two labels are as a detector of one of them.

    Attributes:
        positive: the label that is looked for: the one that is not `other`, or else the rarer one.
        eer: equal error rate.
        points: by the false positive rate that is allowed.
        windows: ROC curve of its windows, where the run has judged windows.

    """

    positive: str
    eer: EqualErrorRate
    points: Mapping[float, OperatingPoint]
    windows: RocCurve | None = None


@dataclass(frozen=True, eq=False)
class CorpusReport:
    """What a run scores on one corpus, pooled over folds and seeds.

    Attributes:
        corpus: registry name.
        title: of the corpus, for people.
        labels: of the system, in the order of the table's columns.
        present: labels that are true of at least one recording.
        scores: as `scores_of` gives them.
        confusion: counts [labels, labels], row = truth.
        auroc: of each label against all others; empty where there is one label only.
        curves: of the same labels.
        detector: where the system knows two labels and both are present.
        calibration: of the probabilities.
        speakers: the worst first; empty where no speaker is known.
        seeds: mean and deviation over seeds.
        notes: what can't be said about this corpus, and why.
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
    detector: Detector | None
    calibration: Calibration
    speakers: tuple[SpeakerScore, ...]
    seeds: tuple[SeedSpread, ...]
    notes: tuple[str, ...]
    clip_confusion: NDArray[np.int64] | None = None

    def score(self, metric: str, setting: str = "system") -> Score | None:
        """Return one score, or None where there is none of that name."""
        return next((found for found in self.scores if (found.metric, found.setting) == (metric, setting)), None)

    @property
    def uar(self) -> Score:
        """The main score."""
        return next(found for found in self.scores if (found.metric, found.setting) == ("uar", "system"))


@dataclass(frozen=True, eq=False)
class Twin:
    """The speaker-independent run on the same recordings.

    Attributes:
        wanted: name of the protocol.
        folder: of the run, or None where none was found.
        scores: of the run.

    """

    wanted: str
    folder: Path | None = None
    scores: tuple[Score, ...] = ()


@dataclass(frozen=True, eq=False)
class RunReport:
    """One run.

    Attributes:
        name: how the report calls it, e.g. "R1".
        folder: that it was read from.
        about: what `run.json` tells.
        protocol: name.
        speaker_independent: whether no tested speaker was trained on; None where that is not known.
        table: whole-utterance rows, of one system and one protocol.
        corpora: in the order of their names.
        twin: where speakers were not kept apart by the protocol.
        operating: what a detector's thresholds give that were chosen on other recordings, where the run keeps it.

    """

    name: str
    folder: Path
    about: About
    protocol: str
    speaker_independent: bool | None
    table: PredictionsTable
    corpora: tuple[CorpusReport, ...]
    twin: Twin | None = None
    operating: OperatingPoints | None = None

    def points_of(self, corpus: str) -> tuple[AppliedThreshold, ...]:
        """Return what thresholds chosen on other recordings give on a corpus."""
        return tuple(point for point in (self.operating.points if self.operating else ()) if point.corpus == corpus)

    def to_dict(self) -> dict[str, Any]:
        """Return what `emotone report --json` prints of a run: where it lies, and its main score of every corpus."""
        return {
            "name": self.name,
            "folder": str(self.folder),
            "protocol": self.protocol,
            "speaker_independent": self.speaker_independent,
            "scores": [corpus.uar.to_dict() for corpus in self.corpora],
            "twin": str(self.twin.folder) if self.twin is not None and self.twin.folder is not None else None,
            "operating_points": self.operating.to_dict() if self.operating is not None else None,
        }
