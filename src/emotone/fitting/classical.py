"""Fit a baseline within one fold: functionals of whole recordings, scaling, and a classifier."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from emotone.classical.base import AdaptiveClassifier, standardise_by_group
from emotone.config import signature, to_mapping
from emotone.errors import RunError
from emotone.features.base import MetadataFunctionals
from emotone.features.store import ExtractionResult, FeatureStore
from emotone.training.tuning import TargetCorpus, TunedClassifier, tune, tune_for_target

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from emotone.protocols import Scaling
    from emotone.recipes.classical_recipe import ClassicalRecipe
    from emotone.types import Array, Fold, Utterance

SIGNATURE_VERSION = 1  # of how a recipe is hashed
NOT_IN_SIGNATURE = ("name", "description")  # they do not change the predictions


@dataclass(frozen=True, eq=False)
class ResolvedBaseline:
    """A recipe of a baseline that is ready to be fitted.

    Attributes:
        recipe: every default written out. Runs store it.

    """

    recipe: ClassicalRecipe

    @property
    def name(self) -> str:
        """Name of the recipe."""
        return self.recipe.name

    @property
    def seed(self) -> int:
        """Seed of all random numbers."""
        return self.recipe.seed

    @property
    def epochs(self) -> int:
        """Steps that the training of a fold reports: one."""
        return 1

    @property
    def signature(self) -> str:
        """Hash of what changes the predictions: settings but the name and the description, and versions of the code."""
        settings = {key: value for key, value in to_mapping(self.recipe).items() if key not in NOT_IN_SIGNATURE}
        versions = [self.recipe.functionals_spec.version, self.recipe.classifier_spec.version]
        return signature("classical", SIGNATURE_VERSION, settings, versions)

    @property
    def adapts(self) -> bool:
        """Whether it distinguishes clips of the target corpus from those of others."""
        return self.recipe.adaptation != "none" or isinstance(self.recipe.classifier_spec, AdaptiveClassifier)

    def with_seed(self, seed: int) -> ResolvedBaseline:
        """Return the recipe with another seed."""
        return replace(self, recipe=replace(self.recipe, seed=seed))

    def extract(
        self, utterances: Sequence[Utterance], *, workers: int = 1, progress: Callable[[int], None] | None = None
    ) -> ExtractionResult:
        """Return the functionals of utterances: from the feature store, or from the list if no audio is needed.

        Args:
            utterances: keys must be unique.
            workers: processes that read audio; 1 stays in this one.
            progress: called with the number of utterances done since the last call.

        """
        spec = self.recipe.functionals_spec
        if not isinstance(spec, MetadataFunctionals):
            store = FeatureStore(str(self.recipe.functionals["name"]), spec)
            return store.extract(utterances, workers=workers, progress=progress)
        known = ExtractionResult(spec.of(utterances), ())
        if progress is not None:
            progress(len(utterances))
        return known


def resolve_baseline(recipe: ClassicalRecipe) -> ResolvedBaseline:
    """Return a baseline that is ready to be fitted: every default is written out."""
    return ResolvedBaseline(recipe.written_out())


def fit_and_predict(
    resolved: ResolvedBaseline,
    utterances: Sequence[Utterance],
    vectors: Mapping[str, Array],
    fold: Fold,
    *,
    labels: tuple[str, ...],
    scaling: Scaling,
) -> tuple[tuple[Utterance, ...], NDArray[np.float64], TunedClassifier]:
    """Return a fold's test utterances, their probabilities [utterances, labels], and the fitted classifier.

    Args:
        resolved: what to fit.
        utterances: of all parts, with labels from `labels`.
        vectors: functionals [values] by `Utterance.key`; utterances without an entry are left out.
        fold: both its training and its development part are training data: settings are selected in inner folds.
        labels: in the order of the probabilities.
        scaling: "train" scales by the training part's statistics; "speaker" scales each speaker by its own, over
            all of its clips in `utterances`, test clips included.

    Raises:
        RunError: nothing to train on, a single label, or nothing to test; or a recipe that adapts without exactly one
            tested corpus that has training clips, and training clips of other corpora.

    """
    known = [utterance for utterance in utterances if utterance.key in vectors]
    learned, tested = set(fold.train) | set(fold.dev), set(fold.test)
    training = np.array([utterance.key in learned for utterance in known], np.bool_)
    testing = np.array([utterance.key in tested for utterance in known], np.bool_)
    if not training.any() or not testing.any():
        raise RunError(f"fold {fold.name} has no usable recording to {'test' if training.any() else 'train on'}")
    every = np.stack([vectors[utterance.key] for utterance in known]).astype(np.float64)
    speakers = np.array([utterance.speaker_key for utterance in known])
    if scaling == "speaker":
        every = standardise_by_group(every, speakers)
    truth = np.array([labels.index(utterance.label) for utterance in known], np.int64)
    spec = resolved.recipe.classifier_spec
    onto = _onto(resolved, known, training, testing, fold=fold.name) if resolved.adapts else None
    tuning = partial(tune, spec) if onto is None else partial(tune_for_target, onto, spec)
    try:
        tuned = tuning(
            every[training],
            truth[training],
            speakers[training],
            labels=len(labels),
            seed=resolved.seed,
            standardise=scaling == "train",
        )
    except RunError as error:
        raise RunError(f"fold {fold.name}: {error}") from error
    asked = tuple(utterance for utterance, test in zip(known, testing, strict=True) if test)
    return asked, tuned.probabilities(every[testing]), tuned


def _onto(
    resolved: ResolvedBaseline,
    utterances: Sequence[Utterance],
    training: NDArray[np.bool_],
    testing: NDArray[np.bool_],
    *,
    fold: str,
) -> TargetCorpus:
    """Return the target corpus, that of the test clips; raise `RunError` unless one, trained on next to others."""
    corpora = np.array([utterance.corpus for utterance in utterances])
    targets, learned = sorted(set(corpora[testing].tolist())), sorted(set(corpora[training].tolist()))
    if len(targets) != 1 or targets[0] not in learned or learned == targets:
        raise RunError(
            f"fold {fold} trains on {', '.join(learned)} and tests {', '.join(targets)}; {resolved.name} adapts the "
            "training clips of other corpora to those of the tested one: give two or more corpora, and a protocol such "
            f"as onto-{targets[0]}-speaker-folds-5"
        )
    return TargetCorpus(corpora[training], targets[0], resolved.recipe.adaptation)
