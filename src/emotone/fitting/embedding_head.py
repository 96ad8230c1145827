"""The fit of a linear head on embeddings that are standardised in several ways."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from emotone.bundles.head import EmbeddingHead, OrdinarySpeech, shrunk_statistics
from emotone.errors import RunError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from emotone.recipes.embedding_recipe import HeadSettings, Standardisation

    Values = NDArray[np.float64]

FLOOR = 1e-3  # is added to deviations: no dimension is amplified without limit
MIN_SUBSET, MAX_SUBSET = 8, 200  # recordings whose statistics a "subset" has
MAX_NEUTRAL = 0.9
ITERATIONS = 200


@dataclass(frozen=True, eq=False)
class LabelledEmbeddings:
    """Training data of a head.

    Attributes:
        values: [recordings, values].
        labels: index of each recording's label [recordings].
        corpora: of each recording.
        speakers: of each recording, unique over all corpora.

    """

    values: Values
    labels: NDArray[np.int64]
    corpora: NDArray[np.str_]
    speakers: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.labels)

    def chosen(self, mask: NDArray[np.bool_]) -> LabelledEmbeddings:
        """Return the recordings where the mask [recordings] is true."""
        return LabelledEmbeddings(self.values[mask], self.labels[mask], self.corpora[mask], self.speakers[mask])


def fit_head(data: LabelledEmbeddings, settings: HeadSettings, *, labels: Sequence[str], seed: int) -> EmbeddingHead:
    """Return the head that minimises the weighted cross-entropy plus a quadratic penalty.

    The stored mean is the mean of the corpora's means; the stored variance is the mean of their variances plus the
    variance of their means, so that a large corpus does not dominate.

    Args:
        data: at least two labels.
        settings: see `HeadSettings`.
        labels: names, in the order of the logits.
        seed: of the random subsets.

    Raises:
        RunError: fewer than two labels in the data.

    """
    everything = data
    is_ordinary = np.isin(data.corpora, settings.ordinary)
    data = data.chosen(~is_ordinary)
    if len(np.unique(data.labels)) < 2:
        raise RunError(f"{len(data)} recordings with fewer than two labels are not enough to fit a head")
    mean, deviation, within = _stored_statistics(data)
    weights = _weights(data, settings)
    stored = _Statistics(mean, within, settings.shrinkage)
    rng = np.random.default_rng([seed, len(data)])
    neutral = labels.index("neutral") if "neutral" in labels else -1
    inputs = np.concatenate(
        [
            _standardised(kind, data, stored=stored, deviation=deviation, neutral=neutral, rng=rng)
            for kind in settings.standardisations
        ]
    )
    copies = len(settings.standardisations)
    weight, bias = _softmax_regression(
        inputs,
        np.tile(data.labels, copies),
        np.tile(weights / copies, copies),
        classes=len(labels),
        regularisation=settings.regularisation,
    )
    ordinary = None
    if is_ordinary.any():
        ordinary = _fit_ordinary(
            everything, is_ordinary, settings, mean=mean, deviation=deviation, labels=len(labels), neutral=neutral
        )
    return EmbeddingHead(
        mean=mean.astype(np.float32),
        deviation=deviation.astype(np.float32),
        within=within.astype(np.float32),
        weight=weight.astype(np.float32),
        bias=bias.astype(np.float32),
        shrinkage=settings.shrinkage,
        ordinary=ordinary,
    )


def _fit_ordinary(
    data: LabelledEmbeddings,
    is_ordinary: NDArray[np.bool_],
    settings: HeadSettings,
    *,
    mean: Values,
    deviation: Values,
    labels: int,
    neutral: int,
) -> OrdinarySpeech:
    """Return the detector that separates ordinary speech from that with emotion labels.

    Both kinds weigh the same, and corpora of one kind as in the fit of the emotions; the bias is then moved to the
    expected share. Without a label neutral, ordinary speech has equal probabilities.
    """
    weights = _weights(data, settings)
    for kind in (is_ordinary, ~is_ordinary):
        weights[kind] *= len(data) / 2 / weights[kind].sum()
    matrix, bias = _softmax_regression(
        (data.values - mean) / deviation,
        is_ordinary.astype(np.int64),
        weights,
        classes=2,
        regularisation=settings.ordinary_regularisation,
    )
    slope = (matrix[:, 1] - matrix[:, 0]) / deviation
    expected = np.log(settings.ordinary_share / (1 - settings.ordinary_share))
    prior = np.full(labels, 1 / labels)
    if neutral >= 0:
        prior[:] = (1 - settings.ordinary_neutral) / (labels - 1)
        prior[neutral] = settings.ordinary_neutral
    return OrdinarySpeech(
        weight=slope.astype(np.float32),
        bias=float(bias[1] - bias[0] - mean @ slope + expected),
        prior=prior.astype(np.float32),
    )


@dataclass(frozen=True, eq=False)
class _Statistics:
    """What the statistics of a few recordings are shrunk towards."""

    mean: Values
    within: Values
    shrinkage: float

    def shrunk(self, values: Values) -> tuple[Values, Values]:
        mean, variance = shrunk_statistics(values, mean=self.mean, within=self.within, shrinkage=self.shrinkage)
        return mean, np.sqrt(variance) + FLOOR


def _stored_statistics(data: LabelledEmbeddings) -> tuple[Values, Values, Values]:
    parts = [data.values[data.corpora == corpus] for corpus in np.unique(data.corpora)]
    means, variances = np.array([part.mean(axis=0) for part in parts]), np.array([part.var(axis=0) for part in parts])
    mean = means.mean(axis=0)
    within = np.sqrt(variances.mean(axis=0)) + FLOOR
    deviation = np.sqrt((variances + (means - mean) ** 2).mean(axis=0)) + FLOOR
    return mean, deviation, within


def _weights(data: LabelledEmbeddings, settings: HeadSettings) -> Values:
    """Return a weight per recording, 1 on average: a corpus of n recordings weighs n ** (1 - balance)."""
    weights = np.ones(len(data))
    for corpus in np.unique(data.corpora):
        chosen = data.corpora == corpus
        weights[chosen] = chosen.sum() ** -settings.corpus_balance * settings.weights.get(str(corpus), 1.0)
    scaled: Values = weights * len(data) / weights.sum()
    return scaled


def _standardised(
    kind: Standardisation,
    data: LabelledEmbeddings,
    *,
    stored: _Statistics,
    deviation: Values,
    neutral: int,
    rng: np.random.Generator,
) -> Values:
    if kind == "stored":
        result: Values = (data.values - stored.mean) / deviation
        return result
    result = np.empty_like(data.values)
    for corpus in np.unique(data.corpora):
        chosen = np.flatnonzero(data.corpora == corpus)
        if kind == "corpus":
            values = data.values[chosen]
            result[chosen] = (values - values.mean(axis=0)) / (values.std(axis=0) + FLOOR)
            continue
        for group in _speaker_groups(data.speakers[chosen], rng):
            members = chosen[group]
            mean, spread = stored.shrunk(data.values[_subset(members, data.labels, neutral=neutral, rng=rng)])
            result[members] = (data.values[members] - mean) / spread
    return result


def _speaker_groups(speakers: NDArray[np.str_], rng: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    """Yield the places of groups of a random number of speakers, which cover all of them."""
    names = np.unique(speakers)
    rng.shuffle(names)
    size = int(rng.integers(1, len(names) + 1))
    for first in range(0, len(names), size):
        yield np.flatnonzero(np.isin(speakers, names[first : first + size]))


def _subset(
    members: NDArray[np.int64], labels: NDArray[np.int64], *, neutral: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Return a random subset of recordings, half of the time with a random share of neutral ones."""
    count = min(len(members), int(np.exp(rng.uniform(np.log(MIN_SUBSET), np.log(MAX_SUBSET)))))
    is_neutral = labels[members] == neutral
    if rng.random() < 0.5 or not is_neutral.any() or is_neutral.all():
        return rng.choice(members, count, replace=False)
    share = int(rng.uniform(0, MAX_NEUTRAL) * count)
    return np.concatenate([rng.choice(members[is_neutral], share), rng.choice(members[~is_neutral], count - share)])


def _softmax_regression(
    inputs: Values, labels: NDArray[np.int64], weights: Values, *, classes: int, regularisation: float
) -> tuple[Values, Values]:
    """Return weights [values, classes] and biases [classes]; biases are not penalised.

    Minimised is  sum_i w_i (-log p(label_i)) + |W|^2 / (2 regularisation).
    """
    from scipy.optimize import minimize

    count, values = inputs.shape
    single = inputs.astype(np.float32)
    truth = np.zeros((count, classes), np.float32)
    truth[np.arange(count), labels] = 1.0
    scale = weights.astype(np.float32)[:, None]

    def loss(flat: Values) -> tuple[float, Values]:
        matrix = flat.reshape(values + 1, classes)
        logits = single @ matrix[:-1].astype(np.float32) + matrix[-1].astype(np.float32)
        logits -= logits.max(axis=1, keepdims=True)
        logs = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        residual = (np.exp(logs) - truth) * scale
        gradient = np.concatenate([single.T @ residual, residual.sum(axis=0, keepdims=True)]).astype(np.float64)
        gradient[:-1] += matrix[:-1] / regularisation
        value = -float((scale * truth * logs).sum(dtype=np.float64)) + float((matrix[:-1] ** 2).sum()) / (
            2 * regularisation
        )
        return value, gradient.ravel()

    found = minimize(
        loss, np.zeros((values + 1) * classes), jac=True, method="L-BFGS-B", options={"maxiter": ITERATIONS}
    )
    matrix = found.x.reshape(values + 1, classes)
    return matrix[:-1], matrix[-1]
