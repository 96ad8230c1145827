"""How a score grows with the clips that are learned from: finished evaluations, put in order.

Runs that judged the same clips of a corpus, under one division with different numbers of clips (`PROTOCOL@N`), make a
curve for each plan of transfer and one for training from nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from emotone.errors import RunError
from emotone.metrics.intervals import REPLICATES
from emotone.protocols import protocol
from emotone.scoring.comparison import compare_runs
from emotone.scoring.scores import scores_of
from emotone.scoring.summary import read_evaluation
from emotone.transfer.plans import ROWS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from emotone.scoring.comparison import Difference
    from emotone.scoring.scores import Score
    from emotone.scoring.table import PredictionsTable

NOTHING = ""  # the plan of a training that takes over nothing


@dataclass(frozen=True)
class Point:
    """One run's place on a curve.

    Attributes:
        corpus: what was tested.
        source: what was taken over; "" for nothing.
        plan: by which it was taken over; "" for nothing.
        clips: that each fold learned from: a number that was asked for, or 0 where the plan learns nothing, or all.
        few: whether a number was asked for.
        folder: of the run.
        score: UAR.

    """

    corpus: str
    source: str
    plan: str
    clips: int
    few: bool
    folder: Path
    score: Score

    @property
    def column(self) -> str:
        """How tables call the number of clips."""
        return str(self.clips) if self.few or self.clips == 0 else f"all ({self.clips})"


def points_of(folders: Sequence[Path], *, replicates: int = REPLICATES) -> list[Point]:
    """Return the points of runs, sorted by corpus, source, plan and clips.

    Args:
        folders: of finished evaluations of one corpus each, by recipes with a net.
        replicates: of the scores' intervals.

    Raises:
        RunError: no finished evaluation there, a finished model's, or one of several corpora; or two runs of one point.

    """
    found: dict[tuple[str, str, str, int], Point] = {}
    for folder in folders:
        about, table = read_evaluation(folder)
        if "recipe" not in about or len(table.corpora) != 1:
            raise RunError(f"{folder}: a curve is of a recipe's runs on one corpus; given: {', '.join(table.corpora)}")
        transfer: dict[str, Any] = about["recipe"].get("transfer") or {}
        plan = str(transfer.get("plan", NOTHING))
        division = protocol(about["protocol"]["name"])
        limit = division.spec.train_clips
        few = limit is not None
        clips = _left(table) if limit is None else limit
        untrained = plan in ROWS and ROWS[plan].freeze is None
        (score,) = (
            each for each in scores_of(table, replicates=replicates) if (each.metric, each.setting) == ("uar", "system")
        )
        corpus, source = table.corpora[0], str(transfer.get("source", ""))
        point = Point(corpus, source, plan, 0 if untrained else clips, few and not untrained, folder, score)
        key = (corpus, source, plan, point.clips)
        if key in found:
            raise RunError(f"{folder} and {found[key].folder} are the same point: {plan or 'nothing'}, {point.column}")
        found[key] = point
    return [found[key] for key in sorted(found)]


def gains_of(points: Sequence[Point], *, replicates: int = REPLICATES) -> dict[tuple[str, str, str, int], Difference]:
    """Return what each plan's UAR is above that of training from nothing with as many clips, where there is such a run.

    By corpus, source, plan and clips; with an interval over speakers.
    """
    alone = {(point.corpus, point.clips): point for point in points if point.plan == NOTHING}
    found = {}
    for point in points:
        base = alone.get((point.corpus, point.clips))
        if base is None or base is point:
            continue
        differences = compare_runs([base.folder, point.folder], replicates=replicates).differences
        (uar,) = (each for each in differences if (each.corpus, each.metric) == (point.corpus, "uar"))
        found[point.corpus, point.source, point.plan, point.clips] = uar
    return found


def _left(table: PredictionsTable) -> int:
    """Return how many clips a fold of a division that tests every clip once leaves to learn from, on average."""
    whole = table.whole_utterances()
    tested = len(np.unique(whole.utterance))
    return round(tested - tested / len(np.unique(whole.fold)))
