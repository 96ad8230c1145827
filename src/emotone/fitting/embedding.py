"""A model with a frozen encoder: embeddings of recordings, and the head that is fitted on them.

The embedding of a recording is the mean over the windows of its utterances, found and cut by the engine that also
predicts, so training and prediction read the same audio. Embeddings are stored by the content of the recordings: a new
head costs seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from emotone.bundles.head import MIN_RECORDINGS
from emotone.config import signature, to_mapping
from emotone.errors import RunError
from emotone.features.store import ExtractionResult, FeatureStore
from emotone.fitting.embedding_data import LabelledEmbeddings
from emotone.fitting.embedding_head import fit_head
from emotone.fitting.encoder import Encoder, build_encoder
from emotone.fitting.window_embeddings import WindowEmbeddings, changed_copy, encoder_bundle
from emotone.inference.engine import analyse
from emotone.inference.segments import positive_of
from emotone.types import Hertz  # noqa: TC001 - settings are read by their types

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from emotone.bundles.bundle import Bundle
    from emotone.bundles.head import EmbeddingHead
    from emotone.features.store import ExtractionProblem
    from emotone.features.windows import Windows
    from emotone.recipes.embedding_recipe import EmbeddingRecipe
    from emotone.types import Array, Fold, Utterance

SIGNATURE_VERSION = 1  # of how a recipe is hashed
NOT_IN_SIGNATURE = ("name", "description", "licence")  # they do not change the weights


@dataclass(frozen=True)
class RecordingEmbedding:
    """The embedding of a recording, as a feature store computes and keeps it.

    Attributes:
        encoder: of the windows.
        windows: of an utterance.
        copy: perturbation of the recording; see `changed_copy`.

    """

    version: ClassVar[int] = 2

    encoder: Encoder
    windows: Windows
    copy: str = ""

    @property
    def rate(self) -> Hertz:
        """Sampling rate of the encoder's front end."""
        return self.encoder.feature.rate

    def compute(self, signal: Array) -> Array:
        """Return the embedding [values] of a signal [time], or of its copy; see `embedding_of`."""
        copy = changed_copy(signal, self.copy, rate=self.rate)
        return embedding_of(encoder_bundle(self.encoder, self.windows), copy)


def embedding_of(bundle: Bundle, signal: Array) -> Array:
    """Return the mean embedding [values] of the windows of all utterances of a signal [time].

    A signal in which no speech is found is one window.
    """
    outputs = analyse(bundle, [signal]).segments.outputs
    if not len(outputs):
        outputs = bundle.outputs(bundle.feature.compute(signal)[np.newaxis])
    mean: Array = outputs.mean(axis=0)
    return mean


@dataclass(frozen=True, eq=False)
class ResolvedEmbedding:
    """A recipe whose encoder was built.

    Attributes:
        recipe: what to fit.
        encoder: the encoder on disk.

    """

    recipe: EmbeddingRecipe
    encoder: Encoder

    @property
    def name(self) -> str:
        """Name of the recipe."""
        return self.recipe.name

    @property
    def seed(self) -> int:
        """Seed of all random numbers."""
        return self.recipe.seed

    @property
    def fits_windows(self) -> bool:
        """Whether the head is fitted on single windows, as that of a detector."""
        return self.recipe.fit_on == "windows"

    @property
    def training_only(self) -> tuple[str, ...]:
        """Names of corpora that train no emotion, and so are never tested: those of ordinary speech."""
        return self.recipe.head.ordinary_corpora

    @property
    def epochs(self) -> int:
        """Steps that the training of a fold reports: one."""
        return 1

    @property
    def signature(self) -> str:
        """Hash of what changes the weights: settings but the name, the description and the licence, and the encoder.

        How distances from the training data are measured changes no weight either.
        """
        settings = {key: value for key, value in to_mapping(self.recipe).items() if key not in NOT_IN_SIGNATURE}
        settings["encoder"] = self.recipe.encoder.hashed
        head = settings["head"]
        settings["head"] = {key: value for key, value in head.items() if key != "domain_directions"}
        if not head["label_balance"]:  # it is not stated in the signatures of runs without it
            settings["head"].pop("label_balance")
        return signature("embedding", SIGNATURE_VERSION, settings, self.encoder.sha256, RecordingEmbedding.version)

    def with_seed(self, seed: int) -> ResolvedEmbedding:
        """Return the recipe with another seed."""
        return replace(self, recipe=replace(self.recipe, seed=seed))

    def extract(
        self, utterances: Sequence[Utterance], *, workers: int = 1, progress: Callable[[int], None] | None = None
    ) -> ExtractionResult:
        """Return the embeddings of utterances [values], from the store where they were computed before.

        With `EmbeddingRecipe.fit_on` "windows", they are those of all windows [windows, values]. Those of the recipe's
        copies have keys of their own, see `copy_key`.

        Args:
            utterances: keys must be unique.
            workers: processes; 1 stays in this one.
            progress: called with the number of utterances done since the last call.

        """
        passes = ("", *self.recipe.copies)
        count = None if progress is None else _whole_utterances(progress, passes=len(passes))
        features: dict[str, Array] = {}
        problems: dict[str, ExtractionProblem] = {}
        for copy in passes:
            found = self._store(copy).extract(utterances, workers=workers, progress=count)
            features |= {copy_key(key, copy): values for key, values in found.features.items()}
            problems |= {one.key: one for one in found.problems}
        for key in problems:
            features.pop(key, None)  # without one of its copies, a recording is not used
        return ExtractionResult(features, tuple(problems.values()))

    def _store(self, copy: str) -> FeatureStore:
        if self.fits_windows:
            return FeatureStore("windows", WindowEmbeddings(self.encoder, self.recipe.windows, copy))
        return FeatureStore("embedding", RecordingEmbedding(self.encoder, self.recipe.windows, copy))

    def fit(
        self, utterances: Sequence[Utterance], embeddings: Mapping[str, Array], *, labels: tuple[str, ...]
    ) -> EmbeddingHead:
        """Return the head fitted on utterances and their copies; utterances without an embedding are left out.

        Args:
            utterances: with labels from `labels`.
            embeddings: of the utterances and their copies, by key; see `extract`.
            labels: in the order of the logits.

        Raises:
            RunError: nothing to fit on, or a single label.

        """
        used = [utterance for utterance in utterances if utterance.key in embeddings]
        if not used:
            raise RunError(f"recipe {self.name}: no recording can be used")
        data = self._data(used, embeddings, labels=labels)
        settings = self.recipe.head
        if positive_of(labels) is not None:  # ordinary speech is what a detector does not look for
            settings = replace(settings, ordinary=None)
        return fit_head(data, settings, labels=labels, seed=self.seed)

    def _data(
        self, used: Sequence[Utterance], embeddings: Mapping[str, Array], *, labels: tuple[str, ...]
    ) -> LabelledEmbeddings:
        """Return the labelled embeddings; a copy may have other windows, so those of copies are rows of their own."""
        passes = ("", *self.recipe.copies)
        values = [[np.atleast_2d(embeddings[copy_key(one.key, copy)]) for one in used] for copy in passes]
        parts = [np.concatenate(rows).astype(np.float64) for rows in values]
        listed = list(used)
        counts = [len(rows) for rows in values[0]]
        if self.fits_windows:
            listed, parts = listed * len(passes), [np.concatenate(parts)]
            counts = [len(rows) for rows_of_copy in values for rows in rows_of_copy]
        return LabelledEmbeddings(
            parts[0],
            np.repeat(np.array([labels.index(one.label) for one in listed], np.int64), counts),
            np.repeat(np.array([one.corpus for one in listed]), counts),
            np.repeat(np.array([one.speaker_key for one in listed]), counts),
            copies=tuple(parts[1:]),
        )


def copy_key(key: str, copy: str) -> str:
    """Return the key of the embedding of an utterance's copy; that of "" is the utterance itself."""
    return f"{key}\0{copy}" if copy else key


def _whole_utterances(progress: Callable[[int], None], *, passes: int) -> Callable[[int], None]:
    """Return a function that is told of each pass over an utterance, and reports it once, with its share of passes."""
    done = 0

    def count(number: int) -> None:
        nonlocal done
        before = done // passes
        done += number
        progress(done // passes - before)

    return count


def resolve_embedding(recipe: EmbeddingRecipe) -> ResolvedEmbedding:
    """Return a recipe with its encoder, built from the source's weights or taken from the cache.

    Raises:
        SourceError: the weights are missing, or do not fit.

    """
    return ResolvedEmbedding(recipe, build_encoder(recipe.encoder))


def fit_and_predict(
    resolved: ResolvedEmbedding,
    utterances: Sequence[Utterance],
    embeddings: Mapping[str, Array],
    fold: Fold,
    *,
    labels: tuple[str, ...],
    adapt_to_speakers: bool = False,
) -> tuple[tuple[Utterance, ...], NDArray[np.float64]]:
    """Return the tested utterances of a fold, and their probabilities [utterances, labels].

    Args:
        resolved: what to fit.
        utterances: of all parts, with labels from `labels`.
        embeddings: by `Utterance.key`; utterances without an entry are left out.
        fold: fitted is on the training and the development part.
        labels: in the order of the probabilities.
        adapt_to_speakers: whether the head is adapted to the unlabelled recordings of each tested speaker.

    Raises:
        RunError: nothing to fit on, a single label, or nothing to test.

    """
    learned, tested = {*fold.train, *fold.dev}, set(fold.test)
    head = resolved.fit([one for one in utterances if one.key in learned], embeddings, labels=labels)
    chosen = tuple(one for one in utterances if one.key in tested and one.key in embeddings)
    if not chosen:
        raise RunError(f"fold {fold.name} has no usable recording to test")
    values = np.stack([embeddings[one.key] for one in chosen])
    probabilities = head.probabilities(values, temperature=1.0)
    speakers = np.array([one.speaker_key for one in chosen])
    for speaker in np.unique(speakers) if adapt_to_speakers else ():
        own = values[speakers == speaker]
        if len(own) >= MIN_RECORDINGS:
            probabilities[speakers == speaker] = head.adapted(own).probabilities(own, temperature=1.0)
    return chosen, probabilities
