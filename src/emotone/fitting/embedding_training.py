"""Training of a model with a frozen encoder on all given recordings: head, calibration, and the finished bundle."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from emotone.bundles.bundle import write_bundle
from emotone.bundles.contents import SCHEMA, BundleManifest, Calibration, TrainingData
from emotone.bundles.head import mixture
from emotone.bundles.training_domain import temperature_factors
from emotone.config import signature
from emotone.errors import RunError
from emotone.fitting.card import embedding_card
from emotone.fitting.export import example_signal, licence_text
from emotone.fitting.training_run import HEAD_RUN, HeadRun
from emotone.fitting.window_embeddings import encoder_bundle
from emotone.inference.segments import positive_of
from emotone.metrics.detection import alarm_threshold
from emotone.training.tuning import best_temperature, cross_entropy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from emotone.bundles.bundle import Bundle
    from emotone.bundles.head import OrdinarySpeech
    from emotone.features.store import ExtractionProblem
    from emotone.fitting.embedding import ResolvedEmbedding
    from emotone.types import Array, Utterance

SPEAKER_FOLDS = 5
QUANTILES = 101  # of distances
SLOPES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
COVERAGE = 0.5  # share of recordings of an unseen corpus, or of unseen speakers, that is at least not marked unsure
FALSE_ALARMS = 0.05  # of windows without the label that a detector looks for, of speakers or corpora that were left out
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
        thresholds: by label: confidence below which a result is unsure; of a detector, probability from which its label
            is detected.
        slope: exponent with which the temperature grows with the distance from the training data.
        distances: quantiles of the distances of left-out speakers' recordings; see `TrainingDomain`.
        problems: recordings that were left out.

    """

    resolved: ResolvedEmbedding
    utterances: tuple[Utterance, ...]
    embeddings: Mapping[str, Array]
    labels: tuple[str, ...]
    temperature: float
    thresholds: Mapping[str, float]
    slope: float
    distances: NDArray[np.float32]
    problems: tuple[ExtractionProblem, ...]

    @property
    def threshold(self) -> float:
        """The highest threshold of a label."""
        return max(self.thresholds.values())

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
    probabilities are calibrated for new speakers of the same corpora and for other corpora. With several corpora, the
    temperature grows with the distance of a recording from the training data, with the slope that is best for both.

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
    distances = parts[0].distances  # of left-out speakers
    if len(distances):
        distances = np.quantile(distances, np.linspace(0, 1, QUANTILES))
    usual = float(np.median(distances)) if len(distances) else 1.0
    slopes = SLOPES if len(parts) > 1 and len(distances) else (0.0,)
    found = [(_best(parts, usual=usual, slope=slope), slope) for slope in slopes]
    (_, temperature), slope = min(found)
    hardest = parts[-1]  # other corpora, if there are several
    probabilities = hardest.probabilities(temperature, usual=usual, slope=slope)
    return EmbeddingTraining(
        resolved,
        used,
        extracted.features,
        labels,
        temperature,
        _thresholds(probabilities, hardest, labels),
        slope,
        distances.astype(np.float32),
        extracted.problems,
    )


def _best(parts: Sequence[_LeftOut], *, usual: float, slope: float) -> tuple[float, float]:
    """Return the least mean cross-entropy with a slope, and the temperature that has it."""

    def loss(temperature: float) -> float:
        return float(np.mean([part.cross_entropy(temperature, usual=usual, slope=slope) for part in parts]))

    temperature = best_temperature(loss)
    return loss(temperature), temperature


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
    if head.domain is not None:
        head = replace(head, domain=replace(head.domain, distances=training.distances, slope=training.slope))
    run = HeadRun.of(recipe, training.utterances, labels=training.labels, signature=training.signature)
    manifest = BundleManifest(
        schema=SCHEMA,
        name=recipe.name,
        version=version,
        description=recipe.description,
        labels=training.labels,
        licence=recipe.licence,
        front_end=resolved.encoder.front_end,
        windows=recipe.windows,
        calibration=Calibration(temperature=training.temperature),
        training=TrainingData(
            corpora=tuple(run.corpora), protocol="all speakers", recipe=recipe.name, signature=training.signature
        ),
        thresholds=training.thresholds,
        tolerance=TOLERANCE if recipe.encoder.quantised else None,
    )
    signal = example_signal(resolved.encoder.feature.rate)
    encoder = encoder_bundle(resolved.encoder, recipe.windows)
    embedding = encoder.outputs(encoder.feature.compute(signal)[np.newaxis])
    return write_bundle(
        out,
        manifest,
        model=resolved.encoder.model(),
        head=head,
        card=embedding_card(manifest, run, evaluation=evaluation, loss=resolved.encoder.quantisation_loss()),
        licence=licence_text(recipe),
        signal=signal,
        probabilities=head.probabilities(embedding, temperature=training.temperature)[0],
        extra={HEAD_RUN: run.to_bytes()},
    )


def _thresholds(probabilities: NDArray[np.float64], held: _LeftOut, labels: tuple[str, ...]) -> dict[str, float]:
    """Return the threshold of each label, from recordings, or windows, that were left out [rows, labels]."""
    positive = positive_of(labels)
    if positive is not None:
        place = labels.index(positive)
        negative = held.truth != place
        return {positive: alarm_threshold(probabilities[negative, place], held.corpora[negative], rate=FALSE_ALARMS)}
    threshold = min(SURE, float(np.quantile(probabilities.max(axis=1), 1 - COVERAGE)))
    return dict.fromkeys(labels, round(threshold, 4))


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
    """Utterances that heads were not fitted on, or their windows.

    Attributes:
        truth: index of the true label [rows].
        logits: [rows, labels].
        share: probability of ordinary speech [rows].
        distances: from the training data [rows]; empty without a domain.
        ordinary: of any of the heads; all have the same prior.
        corpora: of the rows [rows].

    """

    truth: NDArray[np.int64]
    logits: NDArray[np.float64]
    share: NDArray[np.float64]
    distances: NDArray[np.float64]
    ordinary: OrdinarySpeech | None
    corpora: NDArray[np.str_]

    def probabilities(self, temperature: float, *, usual: float, slope: float) -> NDArray[np.float64]:
        """Return probabilities [rows, labels]."""
        temperatures = np.full(len(self.truth), temperature)
        if slope:
            temperatures *= temperature_factors(self.distances, usual=usual, slope=slope)
        return mixture(self.logits, temperatures, self.share, self.ordinary)

    def cross_entropy(self, temperature: float, *, usual: float, slope: float) -> float:
        """Return the mean of -log p(label)."""
        return cross_entropy(self.probabilities(temperature, usual=usual, slope=slope), self.truth)


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
    truth: list[int] = []
    logits, shares, distances = [], [], []
    corpora: list[str] = []
    ordinary = None
    for part in sorted(set(groups.values())):
        fitted = [one for one in utterances if groups.get(one.key) != part]
        held = [one for one in utterances if groups.get(one.key) == part]
        head = resolved.fit(fitted, embeddings, labels=labels)
        each = [np.atleast_2d(embeddings[one.key]) for one in held]
        values = np.concatenate(each)
        truth += [labels.index(one.label) for one, rows in zip(held, each, strict=True) for _ in rows]
        corpora += [one.corpus for one, rows in zip(held, each, strict=True) for _ in rows]
        logits.append(head.logits(values))
        shares.append(head.ordinary_share(values))
        distances.append(np.zeros(0) if head.domain is None else head.domain.distance(values))
        ordinary = head.ordinary
        if done is not None:
            done(1)
    return _LeftOut(
        np.array(truth, np.int64),
        np.concatenate(logits),
        np.concatenate(shares),
        np.concatenate(distances),
        ordinary,
        np.array(corpora),
    )
