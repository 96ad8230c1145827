"""The recipe of a baseline: functionals of whole recordings and a classifier, as one TOML file."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - read at run time by emotone.config
from dataclasses import dataclass, field, replace
from typing import Any, get_args

from emotone.classical.base import CLASSIFIERS, Adaptation, Classifier
from emotone.errors import ConfigError, unknown_name
from emotone.features.base import FUNCTIONALS, AnyFunctionals
from emotone.recipes.recipe import check_task, member, settings


@dataclass(frozen=True)
class ClassicalRecipe:
    """Functionals to compute and a classifier to fit. Data only: see `emotone.fitting.classical` for the fitting.

    Attributes:
        name: lower-case letters, digits, dots, hyphens and underscores.
        description: one sentence.
        labels: name of a label set (see `emotone.corpora.labels`).
        functionals: table with `name` of functionals, and any of their settings.
        classifier: table with `name` of a classifier, and any of its settings. Several values of a setting are
            candidates: the best is selected inside each fold's training part, on speakers that it was not fitted on.
        selection: name of a selection (see `emotone.corpora.resolve`); "" takes every labelled clip.
        seed: of all random numbers.
        adaptation: how the values of other corpora are aligned with those of the target corpus (see
            `emotone.classical.base`); "none" trains on all clips alike.

    Raises:
        ConfigError: a wrong setting.
        UnknownNameError: an unknown label set, selection, functionals or classifier.

    """

    name: str
    labels: str
    description: str = ""
    functionals: Mapping[str, Any] = field(default_factory=lambda: {"name": "opensmile"})
    classifier: Mapping[str, Any] = field(default_factory=lambda: {"name": "linear-svm"})
    selection: str = ""
    seed: int = 1
    adaptation: Adaptation = "none"

    def __post_init__(self) -> None:
        check_task(self.name, seed=self.seed, selection=self.selection, labels=self.labels)
        if self.adaptation not in get_args(Adaptation):
            raise ConfigError(f"adaptation: {unknown_name('value', self.adaptation, get_args(Adaptation))}")
        _ = self.functionals_spec, self.classifier_spec

    @property
    def functionals_spec(self) -> AnyFunctionals:
        """The functionals with their settings."""
        built: AnyFunctionals = member(FUNCTIONALS, self.functionals, where="functionals")
        return built

    @property
    def classifier_spec(self) -> Classifier:
        """The classifier with its settings."""
        built: Classifier = member(CLASSIFIERS, self.classifier, where="classifier")
        return built

    def written_out(self) -> ClassicalRecipe:
        """Return the recipe with every default written out."""
        return replace(
            self,
            functionals={"name": self.functionals["name"], **settings(self.functionals_spec)},
            classifier={"name": self.classifier["name"], **settings(self.classifier_spec)},
        )
