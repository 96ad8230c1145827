"""The speaker-independent twin of a run whose protocol tests speakers that were trained on.

It is looked for among the runs of the report, then beside the run's own folder: the same recipe and the same
recordings under the protocol that the run's own names as its twin.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from emotone.errors import ConfigError, RunError, UsageError
from emotone.evaluation.report.about import read_about
from emotone.evaluation.report.numbers import Twin
from emotone.evaluation.run import RUN, TABLE
from emotone.protocols import protocol
from emotone.scoring.scores import scores_of
from emotone.scoring.table import PredictionsTable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from emotone.evaluation.report.about import About
    from emotone.evaluation.report.numbers import RunReport


def twin_of(report: RunReport, *, others: Sequence[RunReport]) -> RunReport:
    """Return the report with its twin, or as it is where its protocol has none.

    Raises:
        MissingExtraError: pyarrow is not installed.

    """
    try:
        wanted = protocol(report.protocol).twin
    except UsageError:
        return report
    if wanted is None:
        return report
    for other in others:
        if other.protocol == wanted and _same_system(report.about, other.about) and _same(report.table, other.table):
            scores = tuple(score for corpus in other.corpora for score in corpus.scores)
            return replace(report, twin=Twin(wanted, other.folder, scores))
    for folder in _beside(report.folder):
        table = _table(folder, wanted, report.about)
        if table is not None and _same(report.table, table):
            return replace(report, twin=Twin(wanted, folder, tuple(scores_of(table))))
    return replace(report, twin=Twin(wanted))


def _beside(folder: Path) -> list[Path]:
    place = folder.resolve()
    return sorted(path.parent for path in place.parent.glob(f"*/{RUN}") if path.parent != place)


def _table(folder: Path, wanted: str, about: About) -> PredictionsTable | None:
    """Return the predictions of a run of the same system under the wanted protocol; None for any other folder."""
    try:
        other = read_about(folder)
        if other.protocol.get("name") != wanted or not _same_system(about, other):
            return None
        return PredictionsTable.read(folder / TABLE)
    except (RunError, ConfigError):  # somebody else's folder, or a run that was cut off
        return None


def _same_system(first: About, second: About) -> bool:
    return bool(first.recipe) and first.recipe == second.recipe and first.told.get("seeds") == second.told.get("seeds")


def _same(first: PredictionsTable, second: PredictionsTable) -> bool:
    """Return whether both have judged the same recordings with the same truth."""
    return np.array_equal(_judged(first), _judged(second))


def _judged(table: PredictionsTable) -> np.ndarray[tuple[int, ...], np.dtype[np.str_]]:
    whole = table.whole_utterances()
    return np.unique(np.stack([whole.utterance, whole.truth], axis=1), axis=0)
