"""A baseline: functionals of whole recordings and a classifier, as a recipe, fitted and asked within one fold."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - read at run time by emotone.config
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from emotone.classical.adaptation import Adaptation
from emotone.classical.base import CLASSIFIERS, Adapting, Classifier
from emotone.classical.scaling import standardised_by_group
from emotone.config import LATER, signature
from emotone.errors import ConfigError, RunError, unknown_name
from emotone.features.functional import FUNCTIONALS, AnyFunctionals, Known
from emotone.features.store import Extracted, FeatureStore
from emotone.recipes.recipe import check_task, member, settings
from emotone.training.tuning import Onto, Tuned, tune, tune_onto

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from emotone.protocols.base import Normalisation
    from emotone.types import Array, Fold, Utterance


@dataclass(frozen=True)
class ClassicalRecipe:
    """What to compute of every recording, and what to learn from it.

    Attributes:
        name: lower-case letters, digits, dots, hyphens and underscores.
        description: one sentence.
        labels: name of a label set (see `emotone.corpora.labels`).
        functionals: table with `name` of functionals, and any of their settings.
        classifier: table with `name` of a classifier, and any of its settings. Several values of one are candidates:
            the best is chosen inside each fold's training part, on speakers that it was not fitted on.
        selection: name of a selection (see `emotone.corpora.selections`); "" takes every clip with a label.
        seed: of every draw.
        adaptation: how other corpora's values are brought to those of the corpus that is tested (see
            `emotone.classical.adaptation`); "none" learns from all clips alike.

    """

    name: str
    labels: str
    description: str = ""
    functionals: Mapping[str, Any] = field(default_factory=lambda: {"name": "opensmile"})
    classifier: Mapping[str, Any] = field(default_factory=lambda: {"name": "linear-svm"})
    selection: str = ""
    seed: int = 1
    adaptation: Adaptation = field(default="none", metadata=LATER)

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

    @property
    def adapts(self) -> bool:
        """Whether it asks which clips are of the corpus that is tested, and which of others."""
        return self.adaptation != "none" or isinstance(self.classifier_spec, Adapting)

    @property
    def store(self) -> FeatureStore:
        """Where the functionals of recordings are kept; what is known without listening is not kept."""
        name, spec = str(self.functionals["name"]), self.functionals_spec
        if isinstance(spec, Known):
            raise ConfigError(f"functionals: {name} is known without listening, and not stored")
        return FeatureStore(name, spec)

    def extract(
        self, utterances: Sequence[Utterance], *, workers: int = 1, progress: Callable[[int], None] | None = None
    ) -> Extracted:
        """Return the functionals of utterances: from the store, or from the list where no listening is needed.

        Args:
            utterances: keys must be unique.
            workers: processes that listen; 1 stays in this one.
            progress: called with the number of utterances done since the last call.

        """
        spec = self.functionals_spec
        if not isinstance(spec, Known):
            return self.store.extract(utterances, workers=workers, progress=progress)
        known = Extracted(spec.of(utterances), ())
        if progress is not None:
            progress(len(utterances))
        return known

    @property
    def steps(self) -> int:
        """How many steps a fold's training reports: there are none to see."""
        return 1

    @property
    def signature(self) -> str:
        """Hash of what changes the answers: everything but the name and the description."""
        full = self.expanded()
        versions = [self.functionals_spec.version, self.classifier_spec.version]
        later = () if full.adaptation == "none" else (full.adaptation,)
        return signature(
            "classical", full.labels, full.functionals, full.classifier, full.seed, versions, full.selection, *later
        )

    def expanded(self) -> ClassicalRecipe:
        """Return the recipe as runs keep it."""
        return self.written_out()

    def written_out(self) -> ClassicalRecipe:
        """Return the recipe with every setting written out."""
        return replace(
            self,
            functionals={"name": self.functionals["name"], **settings(self.functionals_spec)},
            classifier={"name": self.classifier["name"], **settings(self.classifier_spec)},
        )


def fit_and_judge(
    recipe: ClassicalRecipe,
    utterances: Sequence[Utterance],
    vectors: Mapping[str, Array],
    fold: Fold,
    *,
    labels: tuple[str, ...],
    normalisation: Normalisation,
) -> tuple[tuple[Utterance, ...], NDArray[np.float64], Tuned]:
    """Return a fold's tested utterances, their probabilities [utterances, labels], and what was fitted for them.

    Args:
        recipe: what to learn.
        utterances: of all parts, with labels from `labels`.
        vectors: functionals [values] by `Utterance.key`; utterances without an entry are left out.
        fold: it is learned from the training and the development part: settings are chosen in inner folds of both.
        labels: in the order of the probabilities.
        normalisation: "train" scales by the training part's statistics; "speaker" each speaker by its own, over all
            of its clips in `utterances`, tested ones included.

    Raises:
        RunError: nothing to train on, a single label, or nothing to test; or a recipe that adapts, and not one tested
            corpus with training clips of it and of others.

    """
    known = [utterance for utterance in utterances if utterance.key in vectors]
    learned, tested = set(fold.train) | set(fold.dev), set(fold.test)
    training = np.array([utterance.key in learned for utterance in known], np.bool_)
    testing = np.array([utterance.key in tested for utterance in known], np.bool_)
    if not training.any() or not testing.any():
        raise RunError(f"fold {fold.name} has no usable recording to {'test' if training.any() else 'learn from'}")
    every = np.stack([vectors[utterance.key] for utterance in known]).astype(np.float64)
    speakers = np.array([utterance.speaker_key for utterance in known])
    if normalisation == "speaker":
        every = standardised_by_group(every, speakers)
    truth = np.array([labels.index(utterance.label) for utterance in known], np.int64)
    onto = _onto(recipe, known, training, testing, fold=fold.name) if recipe.adapts else None
    learning = (
        partial(tune, recipe.classifier_spec) if onto is None else partial(tune_onto, onto, recipe.classifier_spec)
    )
    try:
        tuned = learning(
            every[training],
            truth[training],
            speakers[training],
            labels=len(labels),
            seed=recipe.seed,
            standardise=normalisation == "train",
        )
    except RunError as error:
        raise RunError(f"fold {fold.name}: {error}") from error
    asked = tuple(utterance for utterance, test in zip(known, testing, strict=True) if test)
    return asked, tuned.probabilities(every[testing]), tuned


def _onto(
    recipe: ClassicalRecipe,
    utterances: Sequence[Utterance],
    training: NDArray[np.bool_],
    testing: NDArray[np.bool_],
    *,
    fold: str,
) -> Onto:
    """Return which corpus is the target: that of the tested clips; raise `RunError` unless it is one beside others."""
    corpora = np.array([utterance.corpus for utterance in utterances])
    targets, learned = sorted(set(corpora[testing].tolist())), sorted(set(corpora[training].tolist()))
    if len(targets) != 1 or targets[0] not in learned or learned == targets:
        raise RunError(
            f"fold {fold} learns from {', '.join(learned)} and tests {', '.join(targets)}; {recipe.name} adapts what "
            "other corpora teach to the training clips of the one that is tested: give at least two corpora, and a "
            f"protocol such as onto-{targets[0]}-speaker-folds-5"
        )
    return Onto(corpora[training], targets[0], recipe.adaptation)
