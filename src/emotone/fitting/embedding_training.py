"""Training of a model with a frozen encoder on all given recordings: head, calibration, and the finished bundle."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from emotone.bundles.bundle import write_bundle
from emotone.bundles.manifest import SCHEMA, BundleManifest, Calibration, TrainingData
from emotone.config import signature
from emotone.errors import RunError
from emotone.features.front_ends.whisper_log_mel import WhisperLogMel
from emotone.fitting.card import embedding_card
from emotone.fitting.embedding import FRONT_END, ResolvedEmbedding, encoder_bundle
from emotone.fitting.export import example_signal, licence_text
from emotone.fitting.head_run import HEAD_RUN, HeadRun
from emotone.training.tuning import best_temperature, cross_entropy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from emotone.bundles.bundle import Bundle
    from emotone.bundles.head import EmbeddingHead
    from emotone.features.store import ExtractionProblem
    from emotone.types import Array, Utterance

SPEAKER_FOLDS = 5
COVERAGE = 0.5  # share of recordings of an unseen corpus, or of unseen speakers, that is at least not marked unsure
SURE = 0.6  # a calibrated confidence that is never marked unsure, however easy the training data are
# A quantised network rounds activations; processors differ by a step now and then.
TOLERANCE = 0.01


@dataclass(frozen=True, eq=False)
class EmbeddingTraining:
    """A fitted model before it is written.

    Attributes:
        resolved: the recipe and its encoder.
        utterances: that were fitted on.
        labels: in the order of the probabilities.
        temperature: divisor of the logits.
        threshold: confidence below which a result is unsure.
        problems: recordings that were left out.

    """

    resolved: ResolvedEmbedding
    utterances: tuple[Utterance, ...]
    embeddings: Mapping[str, Array]
    labels: tuple[str, ...]
    temperature: float
    threshold: float
    problems: tuple[ExtractionProblem, ...]

    @property
    def signature(self) -> str:
        """Hash of the recipe and of the recordings with their labels."""
        data = sorted((one.key, one.label) for one in self.utterances)
        return signature(self.resolved.signature, data, list(self.labels))


def train_embedding(
    resolved: ResolvedEmbedding,
    utterances: Sequence[Utterance],
    *,
    labels: tuple[str, ...],
    workers: int = 1,
    progress: Callable[[int], None] | None = None,
    fits: Callable[[int], Callable[[int], None]] | None = None,
) -> EmbeddingTraining:
    """Return a training on all utterances: embeddings, temperature and threshold.

    The temperature and the threshold come from recordings that a head was not fitted on: each fifth of the speakers,
    and each corpus if there are several, is left out once. Both kinds count the same for the temperature, so that
    probabilities are calibrated for new speakers of the same corpora and for other corpora as far as one value allows.

    Args:
        resolved: what to train.
        utterances: of all corpora, also those of ordinary speech.
        labels: in the order of the probabilities.
        workers: processes that compute embeddings.
        progress: called with the number of embeddings since the last call.
        fits: called with the number of heads that will be fitted; what it returns is called after each.

    Raises:
        RunError: no recording can be used, or a single label.

    """
    extracted = resolved.extract(utterances, workers=workers, progress=progress)
    used = extracted.usable(utterances)
    ordinary = resolved.recipe.head.ordinary_corpora
    emotional = [one for one in used if one.corpus not in ordinary]
    divisions = list(_groups(emotional))
    done = None if fits is None else fits(sum(len(set(groups.values())) for groups in divisions))
    parts = [_left_out(resolved, used, extracted.features, groups, labels=labels, done=done) for groups in divisions]
    if not parts:
        raise RunError(f"recipe {resolved.name}: calibration needs recordings of at least two speakers")
    temperature = best_temperature(lambda value: float(np.mean([part.cross_entropy(value) for part in parts])))
    hardest = parts[-1]  # other corpora, if there are several
    confidence = hardest.probabilities(temperature).max(axis=1)
    threshold = min(SURE, float(np.quantile(confidence, 1 - COVERAGE)))
    return EmbeddingTraining(
        resolved, used, extracted.features, labels, temperature, round(threshold, 4), extracted.problems
    )


def write_model(training: EmbeddingTraining, out: Path, *, version: str = "1.0.0", evaluation: str = "") -> Bundle:
    """Write the bundle of a training and return it loaded.

    Args:
        training: see `train_embedding`.
        out: the bundle's folder; an existing bundle is overwritten.
        version: of the model.
        evaluation: Markdown for the card: how the model was evaluated, and the scores.

    Raises:
        OutputError: the folder cannot be written.

    """
    resolved, recipe = training.resolved, training.resolved.recipe
    head = resolved.fit(training.utterances, training.embeddings, labels=training.labels)
    run = HeadRun.of(recipe, training.utterances, labels=training.labels, signature=training.signature)
    manifest = BundleManifest(
        schema=SCHEMA,
        name=recipe.name,
        version=version,
        description=recipe.description,
        labels=training.labels,
        licence=recipe.licence,
        front_end={"name": FRONT_END, **asdict(WhisperLogMel())},
        windows=recipe.windows,
        calibration=Calibration(temperature=training.temperature),
        training=TrainingData(
            corpora=tuple(run.corpora), protocol="all speakers", recipe=recipe.name, signature=training.signature
        ),
        thresholds=dict.fromkeys(training.labels, training.threshold),
        tolerance=TOLERANCE if recipe.encoder.quantised else None,
    )
    signal = example_signal(WhisperLogMel.rate)
    encoder = encoder_bundle(resolved.encoder, recipe.windows)
    embedding = encoder.outputs(encoder.feature.compute(signal)[np.newaxis])
    return write_bundle(
        out,
        manifest,
        model=resolved.encoder.model(),
        head=head,
        card=embedding_card(manifest, run, evaluation=evaluation),
        licence=licence_text(recipe),
        signal=signal,
        probabilities=head.probabilities(embedding, temperature=training.temperature)[0],
        extra={HEAD_RUN: run.to_bytes()},
    )


def _groups(utterances: Sequence[Utterance]) -> Iterator[dict[str, int]]:
    """Yield divisions into parts that are left out in turn, as part by utterance: speakers, then corpora."""
    speakers = sorted({one.speaker_key for one in utterances})
    if len(speakers) > 1:
        part = {speaker: number % SPEAKER_FOLDS for number, speaker in enumerate(speakers)}
        yield {one.key: part[one.speaker_key] for one in utterances}
    corpora = sorted({one.corpus for one in utterances})
    if len(corpora) > 1:
        yield {one.key: corpora.index(one.corpus) for one in utterances}


@dataclass(frozen=True, eq=False)
class _LeftOut:
    """Utterances that heads were not fitted on.

    Attributes:
        truth: index of the true label [utterances].
        tested: each head with the embeddings that it was not fitted on, in the same order.

    """

    truth: NDArray[np.int64]
    tested: tuple[tuple[EmbeddingHead, Array], ...]

    def probabilities(self, temperature: float) -> NDArray[np.float64]:
        """Return probabilities [utterances, labels]."""
        return np.concatenate([head.probabilities(values, temperature=temperature) for head, values in self.tested])

    def cross_entropy(self, temperature: float) -> float:
        """Return the mean of -log p(label)."""
        return cross_entropy(self.probabilities(temperature), self.truth)


def _left_out(
    resolved: ResolvedEmbedding,
    utterances: Sequence[Utterance],
    embeddings: Mapping[str, Array],
    groups: Mapping[str, int],
    *,
    labels: tuple[str, ...],
    done: Callable[[int], None] | None,
) -> _LeftOut:
    """Return the grouped utterances, each with a head that was not fitted on its group.

    Utterances without a group, which are ordinary speech, are part of every fit.
    """
    tested, truth = [], []
    for part in sorted(set(groups.values())):
        fitted = [one for one in utterances if groups.get(one.key) != part]
        held = [one for one in utterances if groups.get(one.key) == part]
        head = resolved.fit(fitted, embeddings, labels=labels)
        tested.append((head, np.stack([embeddings[one.key] for one in held])))
        truth += [labels.index(one.label) for one in held]
        if done is not None:
            done(1)
    return _LeftOut(np.array(truth, np.int64), tuple(tested))
