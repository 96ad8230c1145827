"""Cells without a recipe file: recipes with other settings, and systems computed from predictions of others."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from emotone.config import from_mapping, signature, to_mapping
from emotone.errors import RunError
from emotone.evaluation.run import finished_in, write_run
from emotone.scoring.finished_run import TABLE, read_run
from emotone.scoring.predictions import WHOLE, PredictionsTable
from emotone.scoring.scores import scores_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from emotone.evaluation.run import Evaluation, Progress
    from emotone.recipes.library import AnyRecipe
    from emotone.reproductions.base import Changes, Combination


def changed(recipe: AnyRecipe, changes: Changes) -> AnyRecipe:
    """Return a recipe with some settings replaced; all settings are validated as those of a file.

    Args:
        recipe: of either kind.
        changes: settings with their values; dots separate tables and keys, as in `net.hidden`.

    Raises:
        ConfigError: an unknown setting, or an invalid value.

    Example:
        >>> from emotone.recipes.library import load_recipe
        >>> recipe = changed(load_recipe("anger-soundnet"), (("windows.hop", 0.3), ("net.filters", 256)))
        >>> recipe.windows.hop, recipe.net["filters"], recipe.transfer.plan
        (0.3, 256, 'anger-2')

    """
    if not changes:
        return recipe
    tables = to_mapping(recipe)
    for setting, value in changes:
        _set(tables, setting.split("."), value)
    shown = ", ".join(f"{setting} = {value!r}" for setting, value in changes)
    return from_mapping(type(recipe), tables, where=f"{recipe.name} with {shown}")


def _set(tables: dict[str, Any], path: list[str], value: Any) -> None:
    for name in path[:-1]:
        tables = tables.setdefault(name, {})
    tables[path[-1]] = value


class Job(Protocol):
    """The evaluation of a cell."""

    @property
    def folder(self) -> Path:
        """Folder of the run, if it is not stored elsewhere."""

    @property
    def finished(self) -> bool:
        """Whether the run is in one of the folders."""

    def is_part_of(self, run: Path) -> bool:
        """Return whether a finished run has the same settings and labels, and tested all of these clips."""

    def evaluate(self, *, workers: int, progress: Callable[[Progress], None] | None) -> Evaluation:
        """Return the evaluation; a finished one is read."""


@dataclass(frozen=True)
class CombinedJob:
    """The evaluation of a combination.

    Attributes:
        combination: what is computed.
        members: evaluations of its recipes, in order.
        stored: folders with further finished runs, which are used and not changed.

    """

    combination: Combination
    members: tuple[Job, ...]
    stored: tuple[Path, ...]

    @property
    def folder(self) -> Path:
        """Folder of the run, if it is not stored elsewhere."""
        first = self.members[0].folder
        settings = first.name.rsplit("-", 1)[0].removeprefix(self.combination.recipes[0])
        name = signature(self.combination.version, [member.folder.name for member in self.members])
        return first.parent / f"{self.combination.name}{settings}-{name}"

    @property
    def finished(self) -> bool:
        """Whether the run is in one of the folders."""
        return finished_in(self.folder, self.stored) is not None

    def is_part_of(self, run: Path) -> bool:  # noqa: ARG002 - see Job
        """Return False: combinations are computed again."""
        return False

    def evaluate(self, *, workers: int, progress: Callable[[Progress], None] | None) -> Evaluation:
        """Return the evaluation, computed from those of the recipes, which are run if they are not finished."""
        found = [member.evaluate(workers=workers, progress=progress) for member in self.members]
        first = found[0]
        place = finished_in(self.folder, self.stored)
        if place is not None:
            table = read_run(place).predictions
        else:
            place = self.folder
            table = self.combination.compute([each.table for each in found])
            table = replace(table, system=np.full(len(table), place.name.rsplit("-", 1)[1]))
        scores = tuple(scores_of(table, speaker_independent=first.scores[0].speaker_independent))
        problems = tuple(dict.fromkeys(problem for each in found for problem in each.problems))
        if place == self.folder and not self.finished:
            about = dict(read_run(first.folder).about)
            about["recipe"] = {**about["recipe"], "name": self.combination.name}
            about["combines"] = [each.folder.name for each in found]
            place.mkdir(parents=True, exist_ok=True)
            table.write(place / TABLE)
            write_run(place, about, scores=scores, leakage=first.leakage, problems=problems)
        return replace(first, folder=place, table=table, scores=scores, problems=problems)


def mean_of(tables: Sequence[PredictionsTable]) -> PredictionsTable:
    """Return the mean probabilities of systems with the same clips and folds.

    Raises:
        RunError: the rows of the systems differ.

    """
    first, *others = tables
    for other in others:
        same = (first.labels, len(first)) == (other.labels, len(other)) and all(
            np.array_equal(getattr(first, name), getattr(other, name)) for name in ("utterance", "segment", "seed")
        )
        if not same:
            raise RunError("only systems with the same clips, windows and seeds can be combined; evaluate them again")
    return with_probabilities(first, np.mean([table.probabilities for table in tables], axis=0))


def mean_so_far(table: PredictionsTable, *, windows: int) -> PredictionsTable:
    """Return the table with the mean probabilities of each window and those before it in its clip.

    Args:
        table: a system's.
        windows: largest number of windows in a mean.

    """
    probabilities = table.probabilities.copy()
    (rows,) = np.nonzero(table.segment != WHOLE)
    order = rows[np.lexsort((table.segment[rows], table.utterance[rows], table.seed[rows]))]
    same = (table.utterance[order][1:] == table.utterance[order][:-1]) & (
        table.seed[order][1:] == table.seed[order][:-1]
    )
    (starts,) = np.nonzero(np.concatenate([[True], ~same]))
    for clip in np.split(order, starts[1:]):
        for number, row in enumerate(clip):
            probabilities[row] = table.probabilities[clip[max(0, number + 1 - windows) : number + 1]].mean(axis=0)
    return with_probabilities(table, probabilities)


def with_probabilities(table: PredictionsTable, probabilities: NDArray[np.float64]) -> PredictionsTable:
    """Return the table with other probabilities [rows, labels], and the predictions that follow from them."""
    names = np.array(table.labels, dtype=np.str_)
    return replace(table, probabilities=probabilities, prediction=names[probabilities.argmax(axis=1)])
