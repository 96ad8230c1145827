"""Operating points of finished runs: thresholds from another run, or from the run's own development parts."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from emotone.config import from_mapping, to_mapping
from emotone.errors import RunError
from emotone.inference.segments import positive_of
from emotone.metrics.intervals import Estimate
from emotone.recipes.classical_recipe import ClassicalRecipe
from emotone.recipes.recipe import Recipe
from emotone.scoring.detection import (
    AppliedThreshold,
    chosen_threshold,
    operating_points,
    operating_points_table,
)
from emotone.scoring.finished_run import RUN, VALIDATION, read_run, read_table, update_description

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from emotone.recipes.library import AnyRecipe
    from emotone.scoring.detection import Per
    from emotone.scoring.result_table import ResultTable

OWN = "its own development parts"
POINTS = "operating_points"  # key in `run.json`
ESTIMATES = ("false_positive_rate", "recall", "precision", "alarms_per_hour")
NAMES = ("name", "description", "licence", "seed")  # fields of a recipe that do not change the system


@dataclass(frozen=True)
class OperatingPoints:
    """Thresholds and their rates on the test parts of a run.

    Attributes:
        validation: data of the choice: `OWN`, or the name of another run's folder.
        points: by corpus and rate.

    """

    validation: str
    points: tuple[AppliedThreshold, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the values for `run.json` and `--json`."""
        return asdict(self)

    def table(self) -> ResultTable:
        """Return them as a table, captioned with the data of the choice."""
        caption = f"Thresholds chosen on {self.validation}, and their rates on the test data (x 100)."
        return replace(operating_points_table(self.points), caption=caption)


@dataclass(frozen=True)
class StoredThreshold:
    """A threshold for a bundle, and its rates on the data it was chosen on.

    Attributes:
        validation: name of the run's folder.
        points: by corpus.

    """

    validation: str
    points: tuple[AppliedThreshold, ...]

    @property
    def thresholds(self) -> dict[str, float]:
        """The thresholds that the bundle stores."""
        first = self.points[0]
        return {} if first.threshold is None else {first.positive: first.threshold}

    def to_dict(self) -> dict[str, Any]:
        """Return the values for `--json`."""
        return asdict(self)

    def markdown(self) -> str:
        """Return its section of the model card."""
        ((label, value),) = self.thresholds.items()
        first = self.points[0]
        return (
            f"The model predicts `{label}` if its probability is at least {value:.4g}, in windows, clips and "
            f"utterances, and `other` otherwise; the accuracies and recalls of clips above are of the more probable "
            f"label. This is the lowest threshold that limits false alarms to {100 * first.wanted:g} % of the "
            f"{first.per}s of `{self.validation}`, a speaker-independent evaluation. Its rates there (x 100), which "
            f"are optimistic because the threshold was chosen on the same data:\n\n"
            f"{operating_points_table(self.points).markdown()}\n"
        )


def operating_points_of(folder: Path, *, validation: Path | None = None) -> OperatingPoints | None:
    """Return thresholds and their rates on the test parts of a finished run; None without data to choose them on.

    Args:
        folder: of the run.
        validation: folder of a run of the same system on other utterances. None selects the run's own development
            parts, if no fold tests them: in cross-validation over all speakers there are none.

    Raises:
        RunError: no finished run, not of a detector, not of the same system, or runs that share utterances.

    """
    run = read_run(folder)
    if validation is not None:
        other = read_run(validation)
        check_same_system(run.about, other.about, where=validation)
        return OperatingPoints(validation.name, operating_points(other.predictions, run.predictions))
    own = None if positive_of(run.predictions.labels) is None else read_table(folder, VALIDATION)
    if own is None or len(np.intersect1d(own.utterance, run.predictions.utterance)):
        return None
    return OperatingPoints(OWN, operating_points(own, run.predictions))


def add_operating_points(folder: Path, found: OperatingPoints) -> None:
    """Write operating points into the `run.json` of a finished run; existing ones are replaced."""
    update_description(folder, POINTS, found.to_dict())


def recorded_points(about: Mapping[str, Any]) -> OperatingPoints | None:
    """Return the operating points that the description of a run contains, or None.

    Raises:
        RunError: they can't be read.

    """
    given = about.get(POINTS)
    if not isinstance(given, dict):
        return None
    try:
        return OperatingPoints(str(given["validation"]), tuple(_point(point) for point in given["points"]))
    except (KeyError, TypeError) as error:
        raise RunError(f"{RUN}: {POINTS} can't be read: {error!r}; run `emotone evaluate` again") from error


def _point(given: dict[str, Any]) -> AppliedThreshold:
    estimates = {key: Estimate(**given[key]) for key in ESTIMATES}
    return AppliedThreshold(**{**given, **estimates})


def stored_threshold(
    validation: Path, recipe: Recipe, *, labels: tuple[str, ...], rate: float, per: Per = "window"
) -> StoredThreshold:
    """Return the threshold that the bundle of a training run stores.

    Args:
        validation: a finished, speaker-independent run of the same recipe.
        recipe: of the training run.
        labels: of the training run.
        rate: maximum false positive rate.
        per: whether the rate is over windows or whole clips.

    Raises:
        RunError: no finished run, one with other settings or labels, or a speaker-dependent one.
        UsageError: a rate outside [0, 1].

    """
    run = read_run(validation)
    check_same_system({"recipe": to_mapping(recipe.written_out())}, run.about, where=validation)
    table = run.predictions
    if set(table.labels) != set(labels):
        raise RunError(
            f"{validation} has the labels {', '.join(table.labels)}; the training run has {', '.join(labels)}"
        )
    if any(score.get("speaker_independent") is False for score in run.about["scores"]):
        raise RunError(
            f"{validation} is speaker-dependent: a threshold chosen on it gives more false alarms for new speakers; "
            "evaluate with a speaker-independent protocol, or on other corpora"
        )
    return StoredThreshold(validation.name, chosen_threshold(table, false_positive_rate=rate, per=per))


def check_same_system(one: Mapping[str, Any], other: Mapping[str, Any], *, where: Path) -> None:
    """Raise `RunError` if two runs evaluate different models, or recipes with different settings.

    Models are compared by name, because storing a threshold changes the SHA-256 of a bundle.
    """
    models = [about["model"]["name"] if "model" in about else about["recipe"]["name"] for about in (one, other)]
    if "model" in one or "model" in other:
        if models[0] != models[1]:
            raise RunError(f"{where} evaluates {models[1]}, not {models[0]}; thresholds apply to one system")
        return
    first, second = (_settings(about["recipe"], where=str(where)) for about in (one, other))
    different = sorted(key for key in first.keys() | second.keys() if first.get(key) != second.get(key))
    if different:
        raise RunError(
            f"{where} evaluates {models[1]} with settings that differ from {models[0]} ({', '.join(different)}); "
            "thresholds apply to one system: pass an evaluation of the same recipe"
        )


def _settings(given: dict[str, Any], *, where: str) -> dict[str, Any]:
    """Return the settings that define a recipe's system; weights are identified by their hash, not their path."""
    recipe: AnyRecipe
    if "classifier" in given or "functionals" in given:
        recipe = from_mapping(ClassicalRecipe, given, where=where).written_out()
    else:
        recipe = from_mapping(Recipe, given, where=where).written_out()
        if recipe.transfer is not None:
            recipe = replace(recipe, transfer=replace(recipe.transfer, source=""))
    return {key: value for key, value in to_mapping(recipe).items() if key not in NAMES}
