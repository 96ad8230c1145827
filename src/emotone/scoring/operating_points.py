"""Operating points of finished runs: thresholds from one run, or from a run's own development part, on a run's test."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from emotone.config import from_mapping, to_mapping
from emotone.errors import RunError
from emotone.evaluation.folds import VALIDATION
from emotone.evaluation.run import RUN
from emotone.files import atomic_write
from emotone.recipes.classical_recipe import ClassicalRecipe
from emotone.recipes.recipe import Recipe
from emotone.scoring.detection import (
    AppliedThreshold,
    Estimate,
    chosen_threshold,
    operating_points,
    operating_points_markdown,
    positive_of,
)
from emotone.scoring.summary import read_evaluation
from emotone.scoring.table import PredictionsTable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from emotone.recipes.library import AnyRecipe
    from emotone.scoring.detection import Per

OWN = "its own development part"
POINTS = "operating_points"  # key in `run.json`
ESTIMATES = ("false_positive_rate", "recall", "precision", "alarms_per_hour")
NAMES = ("name", "description", "licence", "seed")  # of a recipe: they make no other system


@dataclass(frozen=True)
class OperatingPoints:
    """What thresholds give on a run's test.

    Attributes:
        validation: what they were chosen on: `OWN`, or the name of another run's folder.
        points: by corpus and rate.

    """

    validation: str
    points: tuple[AppliedThreshold, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return what `run.json` and `--json` hold."""
        return asdict(self)

    def lines(self) -> str:
        """Return them as Markdown, with what they were chosen on."""
        return f"Thresholds chosen on {self.validation}, and what they give here (rates x 100):\n\n" + (
            operating_points_markdown(self.points)
        )


@dataclass(frozen=True)
class StoredThreshold:
    """A threshold for a bundle, and what it gave where it was chosen.

    Attributes:
        validation: name of the run's folder.
        there: by corpus.

    """

    validation: str
    there: tuple[AppliedThreshold, ...]

    @property
    def thresholds(self) -> dict[str, float]:
        """What a bundle stores."""
        first = self.there[0]
        return {} if first.threshold is None else {first.positive: first.threshold}

    def to_dict(self) -> dict[str, Any]:
        """Return what `--json` holds."""
        return asdict(self)

    def markdown(self) -> str:
        """Return what a card says of it."""
        ((label, value),) = self.thresholds.items()
        first = self.there[0]
        return (
            f"It says `{label}` where the probability of it reaches {value:.4g}, in windows, clips and utterances, and "
            f"`other` below; accuracies and recalls of clips above are of the likelier label. That is the lowest "
            f"threshold that keeps false alarms to {100 * first.wanted:g} % of the {first.per}s of "
            f"`{self.validation}`, whose speakers the judging nets had not learned from. What it "
            f"gave there (rates x 100), which flatters it:\n\n"
            f"{operating_points_markdown(self.there)}\n"
        )


def operating_points_of(folder: Path, *, validation: Path | None = None) -> OperatingPoints | None:
    """Return what thresholds give on the test of a finished run, or None where there is nothing to choose them on.

    Args:
        folder: that `emotone evaluate` made.
        validation: another such folder, of the same system about other utterances. None takes the run's own
            development part, where it has one that was never tested: where every speaker is tested once, it has none.

    Raises:
        RunError: no finished run, no detector's, not of the same system, or runs that share utterances.

    """
    about, table = read_evaluation(folder)
    if validation is not None:
        other, chosen_on = read_evaluation(validation)
        check_same_system(about, other, where=validation)
        return OperatingPoints(validation.name, operating_points(chosen_on, table))
    if positive_of(table.labels) is None or not (folder / VALIDATION).exists():
        return None
    own = PredictionsTable.read(folder / VALIDATION)
    if len(np.intersect1d(own.utterance, table.utterance)):
        return None
    return OperatingPoints(OWN, operating_points(own, table))


def add_operating_points(folder: Path, found: OperatingPoints) -> None:
    """Write operating points into the `run.json` of a finished run; what was there is replaced."""
    path = folder / RUN
    told = json.loads(path.read_text(encoding="utf-8"))
    told[POINTS] = found.to_dict()
    with atomic_write(path, text=True) as stream:
        stream.write(json.dumps(told, indent=1) + "\n")


def told_points(told: Mapping[str, Any]) -> OperatingPoints | None:
    """Return the operating points that a run's description tells, or None where it has none.

    Raises:
        RunError: they can't be read.

    """
    given = told.get(POINTS)
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
    """Return the threshold that a training's bundle is to store.

    Args:
        validation: a finished run of the training's recipe, whose tested speakers were not learned from.
        recipe: of the training.
        labels: of the training.
        rate: false positive rate that is allowed.
        per: whether windows or whole clips keep to it.

    Raises:
        RunError: no finished run, one of other settings or labels, or one that tested speakers that were learned from.
        UsageError: a rate outside [0, 1].

    """
    about, table = read_evaluation(validation)
    check_same_system({"recipe": to_mapping(recipe.written_out())}, about, where=validation)
    if set(table.labels) != set(labels):
        raise RunError(f"{validation} judged {', '.join(table.labels)}; the training has {', '.join(labels)}")
    if any(score.get("speaker_independent") is False for score in about["scores"]):
        raise RunError(
            f"{validation} tested speakers that were learned from: a threshold chosen on them gives more false alarms "
            "for everybody else; evaluate with a protocol that keeps speakers apart, or on other corpora"
        )
    return StoredThreshold(validation.name, chosen_threshold(table, false_positive_rate=rate, per=per))


def check_same_system(one: dict[str, Any], other: dict[str, Any], *, where: Path) -> None:
    """Raise `RunError` where two descriptions of runs tell of different models, or of recipes with other settings.

    A model that was evaluated before its threshold was stored has another SHA-256 then, so its name must do.
    """
    models = [about["model"]["name"] if "model" in about else about["recipe"]["name"] for about in (one, other)]
    if "model" in one or "model" in other:
        if models[0] != models[1]:
            raise RunError(f"{where} is of {models[1]}, and not of {models[0]}; thresholds are of one system")
        return
    first, second = (_settings(about["recipe"], where=str(where)) for about in (one, other))
    different = sorted(key for key in first.keys() | second.keys() if first.get(key) != second.get(key))
    if different:
        raise RunError(
            f"{where} is of {models[1]}, which is set otherwise than {models[0]} ({', '.join(different)}); "
            "thresholds are of one system: give an evaluation of the same recipe"
        )


def _settings(given: dict[str, Any], *, where: str) -> dict[str, Any]:
    """Return what makes a recipe's system, written out: of a transfer whose weights it takes, not where they lie."""
    recipe: AnyRecipe
    if "classifier" in given or "functionals" in given:
        recipe = from_mapping(ClassicalRecipe, given, where=where).written_out()
    else:
        recipe = from_mapping(Recipe, given, where=where).written_out()
        if recipe.transfer is not None:
            recipe = replace(recipe, transfer=replace(recipe.transfer, source=""))
    return {key: value for key, value in to_mapping(recipe).items() if key not in NAMES}
