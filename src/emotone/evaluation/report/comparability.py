"""Which runs of a report can be compared, how far they are apart, and why the others can't be.

Two runs can be compared where they judged the same recordings, with the same truth and speakers. That is so for all
pairs of a group or for none between groups, so runs fall into groups; tests are adjusted within a group.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from emotone.errors import ConfigError, MissingExtraError, RunError
from emotone.scoring.comparison import compare_runs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from emotone.evaluation.report.numbers import RunReport
    from emotone.scoring.comparison import Comparison

Judged = dict[str, tuple[str, str]]
"""Truth and speaker by utterance."""


@dataclass(frozen=True, slots=True)
class Apart:
    """Runs that can't be compared.

    Attributes:
        runs: their names.
        reason: why.

    """

    runs: tuple[str, ...]
    reason: str


@dataclass(frozen=True)
class Together:
    """How the runs of a report stand to each other.

    Attributes:
        comparisons: one for each group of runs that judged the same recordings.
        apart: every other pair, and groups that could not be compared after all.

    """

    comparisons: tuple[Comparison, ...]
    apart: tuple[Apart, ...]


def together_of(reports: Sequence[RunReport]) -> Together:
    """Return the comparisons that can be made among runs, and the reasons why others can't; nothing is refused."""
    judged = {report.name: _judged(report) for report in reports}
    groups: list[list[RunReport]] = []
    for report in reports:
        group = next((known for known in groups if judged[known[0].name] == judged[report.name]), None)
        if group is None:
            groups.append([report])
        else:
            group.append(report)
    comparisons: list[Comparison] = []
    apart: list[Apart] = []
    for group in groups:
        if len(group) > 1:
            names = tuple(report.name for report in group)
            try:
                comparisons.append(compare_runs([report.folder for report in group], names=names))
            except (RunError, ConfigError, MissingExtraError) as error:
                apart.append(Apart(names, str(error)))
    apart += [
        Apart((first.name, second.name), _why(first, second, judged))
        for first, second in combinations(reports, 2)
        if judged[first.name] != judged[second.name]
    ]
    return Together(tuple(comparisons), tuple(apart))


def _judged(report: RunReport) -> Judged:
    table = report.table
    pairs = zip(table.truth.tolist(), table.speaker.tolist(), strict=True)
    return dict(zip(table.utterance.tolist(), pairs, strict=True))


def _why(first: RunReport, second: RunReport, judged: Mapping[str, Judged]) -> str:
    one, other = judged[first.name], judged[second.name]
    shared = one.keys() & other.keys()
    if not shared:
        return (
            f"they have no recording in common: {first.name} judged {_corpora(first)}, {second.name} {_corpora(second)}"
        )
    if len(shared) < max(len(one), len(other)):
        return (
            f"they did not judge the same recordings: {len(one)} in {first.name}, {len(other)} in {second.name}, "
            f"{len(shared)} in both; emotone compare --common compares those, where their labels agree"
        )
    labels = sum(one[key][0] != other[key][0] for key in shared)
    if labels:
        return (
            f"the label of {labels} of {len(shared)} recordings is not the same: they were made with other label sets"
        )
    speakers = sum(one[key][1] != other[key][1] for key in shared)
    return f"the speaker of {speakers} of {len(shared)} recordings is not the same"


def _corpora(report: RunReport) -> str:
    table = report.table
    return ", ".join(
        f"{len(np.unique(table.utterance[table.corpus == corpus]))} of {corpus}" for corpus in table.corpora
    )
