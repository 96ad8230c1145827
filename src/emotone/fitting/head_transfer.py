"""A finished model whose head is fitted further on labelled clips: embeddings once, then heads in seconds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from emotone.audio.read import read_utterance
from emotone.bundles.bundle import write_bundle
from emotone.bundles.contents import HEAD, LICENCE, MANIFEST, MODEL, TrainingData
from emotone.bundles.head import MIN_RECORDINGS
from emotone.bundles.library import load, shipped_names
from emotone.config import signature
from emotone.errors import AudioError, MissingExtraError, RunError, UsageError
from emotone.features.front_ends.log_mel import WhisperLogMel
from emotone.features.front_ends.waveform import Waveform
from emotone.features.store import ExtractionProblem, ExtractionResult, FeatureStore
from emotone.files import atomic_write, cache_dir, sha256_file
from emotone.fitting.card import embedding_card
from emotone.fitting.embedding import RecordingEmbedding, embedding_of
from emotone.fitting.encoder import FOLDER, Encoder
from emotone.fitting.head_refit import Refit, RefittedHead, head_for_labels, refit_head
from emotone.fitting.training_run import HEAD_RUN, HeadRun, load_head_run
from emotone.recipes.embedding_recipe import HeadTransfer, RefitRecipe

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from emotone.bundles.bundle import Bundle
    from emotone.bundles.head import EmbeddingHead
    from emotone.types import Array, Utterance

SIGNATURE_VERSION = 2  # of how a head is fitted further


@dataclass(frozen=True, eq=False)
class ResolvedRefit:
    """A recipe whose model was found.

    Attributes:
        recipe: what is done with the head.
        bundle: the model to start from.
        encoder: its network, in the cache, so that embeddings are computed once; None for the front end of another
            network than an encoder, whose embeddings are computed each time.

    """

    recipe: RefitRecipe
    bundle: Bundle
    encoder: Encoder | None

    @property
    def name(self) -> str:
        """Name of the recipe."""
        return self.recipe.name

    @property
    def seed(self) -> int:
        """Seed of the division of clips."""
        return self.recipe.seed

    @property
    def epochs(self) -> int:
        """Steps that the training of a fold reports: one."""
        return 1

    @property
    def signature(self) -> str:
        """Hash of what changes the result: the plan, the model's network and head, and the seed."""
        files = self.bundle.manifest.files
        temperature = self.bundle.manifest.calibration.temperature
        plan, seed = self.recipe.transfer.plan, self.recipe.seed
        return signature("refit", SIGNATURE_VERSION, plan, seed, files[MODEL], files[HEAD], temperature)

    @property
    def head(self) -> EmbeddingHead:
        """The head to start from."""
        head = self.bundle.head
        assert head is not None  # noqa: S101 - see `resolve_refit`
        return head

    def with_seed(self, seed: int) -> ResolvedRefit:
        """Return the recipe with another seed."""
        return replace(self, recipe=replace(self.recipe, seed=seed))

    def extract(
        self, utterances: Sequence[Utterance], *, workers: int = 1, progress: Callable[[int], None] | None = None
    ) -> ExtractionResult:
        """Return the embeddings of utterances; those of encoders come from the store if they are there."""
        if self.encoder is None:
            return _embedded(self.bundle, utterances, progress=progress)
        spec = RecordingEmbedding(self.encoder, self.bundle.manifest.windows)
        return FeatureStore("embedding", spec).extract(utterances, workers=workers, progress=progress)

    def fit(
        self, utterances: Sequence[Utterance], embeddings: Mapping[str, Array], *, labels: tuple[str, ...]
    ) -> RefittedHead:
        """Return the head fitted further on utterances, all of which have an embedding.

        Args:
            utterances: with labels from `labels`.
            embeddings: by `Utterance.key`.
            labels: in the order of the logits.

        Raises:
            RunError: too few recordings, or a single label.

        """
        plan, temperature = self.recipe.transfer.plan, self.bundle.manifest.calibration.temperature
        known = self.bundle.labels
        head = head_for_labels(self.head, known, labels)
        if not utterances:
            raise RunError(f"{self.name}: no recording can be used")
        values = np.stack([embeddings[one.key] for one in utterances]).astype(np.float32)
        if plan == "A1" or (plan == "adapted" and len(values) < MIN_RECORDINGS):
            return RefittedHead(head, Refit(adapted=False, strength=None), temperature)
        if plan == "adapted":
            return RefittedHead(head.adapted(values), Refit(adapted=True, strength=None), temperature)
        return refit_head(
            head,
            values,
            np.array([labels.index(one.label) for one in utterances], np.int64),
            np.array([one.speaker for one in utterances]),
            temperature=temperature,
            new_labels=not set(labels) <= set(known),
        )


def refit_recipe_for(source: str, *, plan: str = "", labels: str = "") -> RefitRecipe | None:
    """Return the recipe that fits the head of a model further; None if `source` is not a model with such a head.

    Args:
        source: name or folder of a model, or anything else that weights can be loaded from.
        plan: see `HeadTransfer`; "" is auto.
        labels: name of a label set; "" is every label of the clips.

    Raises:
        ConfigError: a plan for networks.

    """
    if source not in shipped_names() and not (Path(source) / MANIFEST).exists():
        return None
    bundle = load(source)
    if bundle.head is None:
        return None
    transfer = HeadTransfer(source, plan=plan or "auto")
    return RefitRecipe(f"{bundle.manifest.name}-{transfer.plan.lower()}", labels or "every", transfer)


def resolve_refit(recipe: RefitRecipe) -> ResolvedRefit:
    """Return a recipe that is ready to be fitted.

    Raises:
        UsageError: the model has no head on a frozen encoder.
        BundleError: the model is damaged.

    """
    bundle = load(recipe.transfer.source)
    if bundle.head is None:
        raise UsageError(f"{recipe.transfer.source} has no head on a frozen encoder; name a plan, e.g. --transfer A5")
    files, name = bundle.manifest.files, bundle.manifest.name
    transfer = replace(recipe.transfer, source=name, sha256=files[HEAD])
    return ResolvedRefit(replace(recipe, transfer=transfer), bundle, _cached(bundle))


def write_refitted(
    resolved: ResolvedRefit,
    fitted: RefittedHead,
    utterances: Sequence[Utterance],
    out: Path,
    *,
    labels: tuple[str, ...],
    name: str,
    description: str = "",
    evaluation: str = "",
) -> Bundle:
    """Write the model with a head that was fitted further, and return it loaded.

    Args:
        resolved: what was fitted.
        fitted: see `ResolvedRefit.fit`.
        utterances: that were fitted on.
        out: folder of the new model.
        labels: in the order of the logits.
        name: of the model.
        description: one sentence; "" states what was fitted.
        evaluation: scores, as Markdown; "" states that there are none.

    Raises:
        RunError: the model does not state what it was fitted on.
        OutputError: the folder can't be written.

    """
    bundle = resolved.bundle
    run = load_head_run(bundle.directory)
    digest = fit_signature(resolved, utterances, labels)
    own = HeadRun.of(run.recipe, utterances, labels=labels, signature=digest)
    described = replace(own, recordings=tuple(sorted({*run.recordings, *own.recordings})))
    text = description or f"{', '.join(labels)}: {bundle.manifest.name} fitted further on {len(utterances)} clips"
    threshold = max(bundle.manifest.thresholds.values(), default=0.0)
    manifest = replace(
        bundle.manifest,
        name=name,
        version="1.0.0",
        description=text,
        labels=labels,
        calibration=replace(bundle.manifest.calibration, temperature=fitted.temperature),
        training=TrainingData(tuple(own.corpora), "all speakers", run.recipe.name, digest),
        adaptation=None,
        thresholds=dict.fromkeys(labels, threshold) if threshold else {},
    )
    origin = f"{bundle.manifest.name} {bundle.manifest.version}, whose training data are on its own card"
    done = f"The head was fitted further from that of {origin}: {fitted.refit}."
    signal = bundle.test_signal()
    outputs = bundle.outputs(bundle.feature.compute(signal)[np.newaxis])
    return write_bundle(
        out,
        manifest,
        model=bundle.model_bytes(),
        head=fitted.head,
        card=embedding_card(manifest, described, evaluation=f"{done} {evaluation}".rstrip()),
        licence=(bundle.directory / LICENCE).read_text(encoding="utf-8"),
        signal=signal,
        probabilities=fitted.head.probabilities(outputs, temperature=fitted.temperature)[0],
        extra={HEAD_RUN: described.to_bytes()},
    )


def fit_signature(resolved: ResolvedRefit, utterances: Sequence[Utterance], labels: tuple[str, ...]) -> str:
    """Return the hash of a model to start from and the clips that its head is fitted further on."""
    return signature(resolved.signature, sorted((one.key, one.label) for one in utterances), list(labels))


def _cached(bundle: Bundle) -> Encoder | None:
    """Return a model's network as an encoder in the cache, where the store of embeddings finds it."""
    assert bundle.head is not None  # noqa: S101 - checked by the caller
    rate = bundle.feature.rate if isinstance(bundle.feature, Waveform) else None
    if rate is None and not isinstance(bundle.feature, WhisperLogMel):
        return None
    digest = bundle.manifest.files[MODEL]
    for path in sorted((cache_dir() / FOLDER).glob("*.onnx")):
        if sha256_file(path) == digest:
            return Encoder(path.stem, digest, bundle.head.values, rate)
    encoder = Encoder(digest[:12], digest, bundle.head.values, rate)
    with atomic_write(encoder.path) as stream:
        stream.write(bundle.model_bytes())
    return encoder


def _embedded(
    bundle: Bundle, utterances: Sequence[Utterance], *, progress: Callable[[int], None] | None
) -> ExtractionResult:
    features, problems = {}, []
    for one in utterances:
        try:
            features[one.key] = embedding_of(bundle, read_utterance(one, rate=bundle.feature.rate))
        except (AudioError, MissingExtraError) as error:
            problems.append(ExtractionProblem.of(one, error))
        if progress is not None:
            progress(1)
    return ExtractionResult(features, tuple(problems))
