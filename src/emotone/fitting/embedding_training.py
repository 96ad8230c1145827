"""Training of a model with a frozen encoder on all given recordings: head, calibration, and the finished bundle."""

from __future__ import annotations

from collections import Counter
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
from emotone.training.tuning import softmax, softmax_temperature

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from emotone.bundles.bundle import Bundle
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
) -> EmbeddingTraining:
    """Return a training on all utterances: embeddings, temperature and threshold.

    The temperature and the threshold come from recordings that a head was not fitted on: each fifth of the speakers,
    and each corpus if there are several, is left out once. Both kinds count the same for the temperature, so that
    probabilities are calibrated for new speakers of the same corpora and for other corpora as far as one value allows.

    Raises:
        RunError: no recording can be used, or a single label.

    """
    extracted = resolved.extract(utterances, workers=workers, progress=progress)
    used = extracted.usable(utterances)
    parts = [_left_out(resolved, used, extracted.features, labels, groups) for groups in _groups(used)]
    if not parts:
        raise RunError(f"recipe {resolved.name}: calibration needs recordings of at least two speakers")
    size = max(len(truth) for _, truth in parts)
    logits = np.concatenate([np.resize(scores, (size, len(labels))) for scores, _ in parts])
    truth = np.concatenate([np.resize(answers, size) for _, answers in parts])
    temperature = softmax_temperature(logits, truth)
    hardest, _ = parts[-1]  # other corpora, if there are several
    confidence = softmax(hardest / temperature).max(axis=1)
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
    counts = Counter(one.corpus for one in training.utterances)
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
            corpora=tuple(sorted(counts)), protocol="all speakers", recipe=recipe.name, signature=training.signature
        ),
        thresholds=dict.fromkeys(training.labels, training.threshold),
        tolerance=TOLERANCE if recipe.encoder.quantised else None,
    )
    signal = example_signal(WhisperLogMel.rate)
    encoder = encoder_bundle(resolved.encoder, recipe.windows)
    logits = head.logits(encoder.outputs(encoder.feature.compute(signal)[np.newaxis]))
    return write_bundle(
        out,
        manifest,
        model=resolved.encoder.model(),
        head=head,
        card=embedding_card(manifest, recipe, training.utterances, evaluation=evaluation),
        licence=licence_text(recipe),
        signal=signal,
        probabilities=softmax(logits / training.temperature)[0],
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


def _left_out(
    resolved: ResolvedEmbedding,
    utterances: Sequence[Utterance],
    embeddings: Mapping[str, Array],
    labels: tuple[str, ...],
    groups: Mapping[str, int],
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the logits and the true labels of all utterances, each from a head that was not fitted on its part."""
    logits, truth = [], []
    for part in sorted(set(groups.values())):
        fitted = [one for one in utterances if groups[one.key] != part]
        held = [one for one in utterances if groups[one.key] == part]
        head = resolved.fit(fitted, embeddings, labels=labels)
        logits.append(head.logits(np.stack([embeddings[one.key] for one in held])))
        truth += [labels.index(one.label) for one in held]
    return np.concatenate(logits), np.array(truth, np.int64)
