"""Learning curves: UAR against the number of training clips, from finished evaluations.

Runs with the same test clips and protocol but different numbers of training clips (`PROTOCOL@N`) form one curve per
transfer plan, and one for training from scratch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from emotone.errors import RunError
from emotone.metrics.intervals import REPLICATES
from emotone.protocols import protocol
from emotone.scoring.comparison import compare_runs
from emotone.scoring.finished_run import read_run
from emotone.scoring.scores import scores_of
from emotone.transfer.plans import PLANS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from emotone.scoring.comparison import Difference
    from emotone.scoring.predictions import PredictionsTable
    from emotone.scoring.scores import Score

SCRATCH = ""  # the plan of training from scratch


@dataclass(frozen=True)
class CurvePoint:
    """One run of a learning curve.

    Attributes:
        corpus: tested corpus.
        source: source of the weights; "" for training from scratch.
        plan: transfer plan; "" for training from scratch.
        clips: number of training clips per fold; 0 if the plan trains nothing.
        limited: whether the protocol limits the number of clips.
        folder: of the run.
        score: UAR.

    """

    corpus: str
    source: str
    plan: str
    clips: int
    limited: bool
    folder: Path
    score: Score

    @property
    def column(self) -> str:
        """The number of clips in the header of a table."""
        return str(self.clips) if self.limited or self.clips == 0 else f"all ({self.clips})"


def points_of(folders: Sequence[Path], *, replicates: int = REPLICATES) -> list[CurvePoint]:
    """Return the points of runs, sorted by corpus, source, plan and clips.

    Args:
        folders: of finished evaluations of recipes with a net, on one corpus each.
        replicates: of the intervals.

    Raises:
        RunError: no finished evaluation, one of a finished model or of several corpora, or two runs for the same point.

    """
    found: dict[tuple[str, str, str, int], CurvePoint] = {}
    for folder in folders:
        run = read_run(folder)
        about, table = run.about, run.predictions
        if "recipe" not in about or len(table.corpora) != 1:
            raise RunError(
                f"{folder}: a learning curve needs runs of a recipe on one corpus; given: {', '.join(table.corpora)}"
            )
        transfer: dict[str, Any] = about["recipe"].get("transfer") or {}
        plan = str(transfer.get("plan", SCRATCH))
        used = protocol(about["protocol"]["name"])
        limit = used.spec.train_clips
        limited = limit is not None
        clips = _clips_left(table) if limit is None else limit
        untrained = plan in PLANS and PLANS[plan].freeze is None
        (score,) = (
            each for each in scores_of(table, replicates=replicates) if (each.metric, each.setting) == ("uar", "system")
        )
        corpus, source = table.corpora[0], str(transfer.get("source", ""))
        point = CurvePoint(corpus, source, plan, 0 if untrained else clips, limited and not untrained, folder, score)
        key = (corpus, source, plan, point.clips)
        if key in found:
            raise RunError(f"{folder} and {found[key].folder} are the same point: {plan or 'scratch'}, {point.column}")
        found[key] = point
    return [found[key] for key in sorted(found)]


def gains_of(
    points: Sequence[CurvePoint], *, replicates: int = REPLICATES
) -> dict[tuple[str, str, str, int], Difference]:
    """Return the gain in UAR of each plan over training from scratch with as many clips, if there is such a run.

    The keys are corpus, source, plan and number of clips.
    """
    scratch = {(point.corpus, point.clips): point for point in points if point.plan == SCRATCH}
    found = {}
    for point in points:
        base = scratch.get((point.corpus, point.clips))
        if base is None or base is point:
            continue
        differences = compare_runs([base.folder, point.folder], replicates=replicates).differences
        (uar,) = (each for each in differences if (each.corpus, each.metric) == (point.corpus, "uar"))
        found[point.corpus, point.source, point.plan, point.clips] = uar
    return found


def _clips_left(table: PredictionsTable) -> int:
    """Return the mean number of clips that a fold leaves for training, if every clip is tested once."""
    whole = table.whole_utterances()
    tested = len(np.unique(whole.utterance))
    return round(tested - tested / len(np.unique(whole.fold)))
