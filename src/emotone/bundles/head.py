"""A classifier of embeddings, linear or with a hidden layer, and the statistics of what it was trained on.

An embedding is standardised before it is classified: by the mean and the deviation of the training data, or, in an
adapted model, by those of unlabelled recordings of the user. Adaptation needs no training: only these two vectors
change. With n recordings, the statistics of the recordings have the weight n / (n + shrinkage), those of the training
data the rest, so that a few recordings change little.

A head may contain a detector of ordinary speech: reading, dictation, meetings. A classifier of acted emotions has seen
little of it, and finds emotions in it with confidence. The detector is fitted on such speech without emotion labels. In
proportion to its probability, the result approaches fixed probabilities, mostly "neutral".
"""

from __future__ import annotations

import dataclasses
import io
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import numpy as np

from emotone.bundles.training_domain import TrainingDomain
from emotone.errors import BundleError, UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

ARRAYS = ("mean", "deviation", "within", "weight", "bias", "shrinkage")
HIDDEN_ARRAYS = ("hidden_weight", "hidden_bias")
ORDINARY_ARRAYS = ("ordinary_weight", "ordinary_bias", "ordinary_prior")
SMALLEST_DEVIATION = 1e-6
PRIOR_TOLERANCE = 1e-4
MIN_RECORDINGS = 2  # below, there is no deviation


@dataclass(frozen=True, eq=False)
class HiddenLayer:
    """Rectified units between standardised embeddings and the logits: max(0, x @ weight + bias).

    Attributes:
        weight: [values, units]; half precision, so that the file is small.
        bias: [units].

    """

    weight: NDArray[np.float16]
    bias: NDArray[np.float32]

    @cached_property
    def _double(self) -> NDArray[np.float64]:
        return self.weight.astype(np.float64)

    def activations(self, standardised: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the outputs [batch, units] for standardised embeddings [batch, values]."""
        result: NDArray[np.float64] = np.maximum(standardised @ self._double + self.bias, 0.0)
        return result


@dataclass(frozen=True, eq=False)
class OrdinarySpeech:
    """A detector of ordinary speech on embeddings as they are; adaptation does not change it.

    Attributes:
        weight: [values].
        bias: the expected share of ordinary speech is contained in it.
        prior: probabilities [labels] of ordinary speech; they sum to 1.

    """

    weight: NDArray[np.float32]
    bias: float
    prior: NDArray[np.float32]

    def probabilities(self, embeddings: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return for embeddings [batch, values] the probability [batch] that the speech is ordinary."""
        score = embeddings.astype(np.float64) @ self.weight.astype(np.float64) + self.bias
        result: NDArray[np.float64] = 0.5 * (1.0 + np.tanh(0.5 * score))  # the logistic function, without overflow
        return result


@dataclass(frozen=True, eq=False)
class EmbeddingHead:
    """Logits of embeddings: (embedding - mean) / deviation @ weight + bias, or with a hidden layer before the weight.

    Attributes:
        mean: of the training data [values].
        deviation: of the training data [values].
        within: deviation within one corpus or channel [values]; what the statistics of a user's recordings are shrunk
            towards.
        weight: [values, labels], or [units, labels] with a hidden layer.
        bias: [labels].
        shrinkage: number of recordings whose statistics have the same weight as those of the training data.
        ordinary: detector of ordinary speech; None leaves the probabilities unchanged.
        hidden: layer between the standardised embeddings and the logits; None makes the head linear.
        domain: region of the training data, for the distance of recordings from it; None if it is not known.

    Raises:
        UsageError: arrays of other shapes, or values that are not finite, or a deviation that is not above 0.

    """

    mean: NDArray[np.float32]
    deviation: NDArray[np.float32]
    within: NDArray[np.float32]
    weight: NDArray[np.float32]
    bias: NDArray[np.float32]
    shrinkage: float
    ordinary: OrdinarySpeech | None = None
    hidden: HiddenLayer | None = None
    domain: TrainingDomain | None = None

    def __post_init__(self) -> None:
        values, labels = self.values, len(self.bias)
        inputs = values if self.hidden is None else len(self.hidden.bias)
        shapes = {"mean": (values,), "deviation": (values,), "within": (values,), "weight": (inputs, labels)}
        for name, shape in shapes.items():
            found = getattr(self, name)
            if found.shape != shape:
                raise UsageError(f"head: {name} has shape {list(found.shape)}; needed: {list(shape)}")
        if not all(np.isfinite(getattr(self, name)).all() for name in (*shapes, "bias")):
            raise UsageError("head: its values are not all finite numbers")
        if not (self.deviation > 0).all() or not (self.within > 0).all():
            raise UsageError("head: deviations must be above 0")
        if not 0 <= self.shrinkage < np.inf:
            raise UsageError(f"head: shrinkage must be 0 or above; given {self.shrinkage}")
        if self.hidden is not None:
            _check_hidden(self.hidden, values=values)
        if self.ordinary is not None:
            _check_ordinary(self.ordinary, values=values, labels=labels)
        if self.domain is not None and len(self.domain.spread) != values:
            raise UsageError(f"head: the training domain is of {len(self.domain.spread)} values; needed: {values}")

    @property
    def values(self) -> int:
        """Number of values of an embedding."""
        matrix = self.weight if self.hidden is None else self.hidden.weight
        return matrix.shape[0] if matrix.ndim else 0

    def inputs(self, embeddings: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return what the weight is applied to: standardised embeddings, or the outputs of the hidden layer."""
        standardised: NDArray[np.float64] = (embeddings.astype(np.float64) - self.mean) / self.deviation
        return standardised if self.hidden is None else self.hidden.activations(standardised)

    def logits(self, embeddings: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return logits [batch, labels] of embeddings [batch, values]."""
        result: NDArray[np.float64] = self.inputs(embeddings) @ self.weight.astype(np.float64) + self.bias
        return result

    def probabilities(self, embeddings: NDArray[np.float32], *, temperature: float) -> NDArray[np.float64]:
        """Return probabilities [batch, labels] of embeddings [batch, values]; each row sums to 1.

        They are  (1 - s) softmax(logits / t) + s prior  with the probability s of ordinary speech. The temperature t
        grows with the distance from the training data where the head has a domain with a slope.
        """
        temperatures = np.full(len(embeddings), temperature, np.float64)
        if self.domain is not None:
            temperatures *= self.domain.temperature_factors(embeddings)
        return mixture(self.logits(embeddings), temperatures, self.ordinary_share(embeddings), self.ordinary)

    def ordinary_share(self, embeddings: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return for embeddings [batch, values] the probability [batch] of ordinary speech; 0 without a detector."""
        return np.zeros(len(embeddings)) if self.ordinary is None else self.ordinary.probabilities(embeddings)

    def novelty(self, embedding: NDArray[np.float32]) -> float | None:
        """Return how unlike the training data an embedding [values] is, in [0, 1]; None if it is not known.

        See `TrainingDomain.novelty`; of an adapted head, how unlike the recordings that it was adapted to.
        """
        if self.domain is None or not len(self.domain.distances):
            return None
        return float(self.domain.novelty(embedding[np.newaxis])[0])

    def adapted(self, embeddings: NDArray[np.float32]) -> EmbeddingHead:
        """Return the head with the statistics of unlabelled embeddings [recordings, values], shrunk towards its own.

        Raises:
            UsageError: fewer than two recordings.

        """
        if len(embeddings) < MIN_RECORDINGS:
            raise too_few_recordings(len(embeddings))
        within = self.within.astype(np.float64)
        mean, variance = shrunk_statistics(
            embeddings.astype(np.float64), mean=self.mean, within=within, shrinkage=self.shrinkage
        )
        deviation = np.maximum(np.sqrt(variance), SMALLEST_DEVIATION)
        return dataclasses.replace(
            self,
            mean=mean.astype(np.float32),
            deviation=deviation.astype(np.float32),
            domain=None if self.domain is None else self.domain.adapted(mean, deviation),
        )


def too_few_recordings(count: int) -> UsageError:
    """Return the error of an adaptation to so many recordings."""
    return UsageError(
        f"adaptation needs the statistics of at least {MIN_RECORDINGS} recordings with speech; given {count}"
    )


def mixture(
    logits: NDArray[np.float64],
    temperatures: NDArray[np.float64],
    share: NDArray[np.float64],
    ordinary: OrdinarySpeech | None,
) -> NDArray[np.float64]:
    """Return probabilities [batch, labels]; see `EmbeddingHead.probabilities`.

    Args:
        logits: [batch, labels].
        temperatures: [batch].
        share: probability of ordinary speech [batch].
        ordinary: whose prior the share has; None for no share.

    """
    emotions = softmax(logits / temperatures[:, np.newaxis])
    if ordinary is None:
        return emotions
    shares = share[:, np.newaxis]
    result: NDArray[np.float64] = (1 - shares) * emotions + shares * ordinary.prior.astype(np.float64)
    return result


def _check_hidden(hidden: HiddenLayer, *, values: int) -> None:
    if hidden.weight.shape != (values, len(hidden.bias)):
        raise UsageError(f"head: the hidden layer has shape {list(hidden.weight.shape)} and {len(hidden.bias)} biases")
    if not (np.isfinite(hidden.weight).all() and np.isfinite(hidden.bias).all()):
        raise UsageError("head: the hidden layer contains values that are not finite numbers")


def _check_ordinary(ordinary: OrdinarySpeech, *, values: int, labels: int) -> None:
    given = ordinary.weight.shape, ordinary.prior.shape
    if given != ((values,), (labels,)):
        raise UsageError(f"head: ordinary speech has shapes {list(map(list, given))}; needed: {[[values], [labels]]}")
    if not (np.isfinite(ordinary.weight).all() and np.isfinite(ordinary.bias)):
        raise UsageError("head: the detector of ordinary speech contains values that are not finite numbers")
    if not (ordinary.prior >= 0).all() or abs(float(ordinary.prior.sum()) - 1) > PRIOR_TOLERANCE:
        raise UsageError("head: the probabilities of ordinary speech must be 0 or above and sum to 1")


def shrunk_statistics(
    embeddings: NDArray[np.float64],
    *,
    mean: NDArray[np.floating[Any]],
    within: NDArray[np.float64],
    shrinkage: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean and the variance of embeddings [recordings, values], shrunk towards `mean` and `within` squared.

    `shrinkage` recordings have the same weight as what they are shrunk towards.
    """
    share = len(embeddings) / (len(embeddings) + shrinkage)
    shrunk_mean = share * embeddings.mean(axis=0) + (1 - share) * mean
    return shrunk_mean, share * embeddings.var(axis=0) + (1 - share) * within**2


def head_bytes(head: EmbeddingHead) -> bytes:
    """Return the head as an `.npz` file; equal heads give equal bytes."""
    buffer = io.BytesIO()
    arrays: dict[str, NDArray[Any]] = {name: np.asarray(getattr(head, name), np.float32) for name in ARRAYS}
    if head.hidden is not None:
        arrays |= {"hidden_weight": head.hidden.weight, "hidden_bias": head.hidden.bias.astype(np.float32)}
    if head.ordinary is not None:
        found = (head.ordinary.weight, head.ordinary.bias, head.ordinary.prior)
        arrays |= {name: np.asarray(value, np.float32) for name, value in zip(ORDINARY_ARRAYS, found, strict=True)}
    if head.domain is not None:
        arrays |= head.domain.arrays()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def read_head(data: bytes, *, where: str, labels: int) -> EmbeddingHead:
    """Return the head in the bytes of an `.npz` file.

    Raises:
        BundleError: the file is damaged, or does not contain a head for so many labels.

    """
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            mean, deviation, within, weight, bias = (np.asarray(arrays[name], np.float32) for name in ARRAYS[:-1])
            ordinary = None
            if ORDINARY_ARRAYS[0] in arrays:
                slope, offset, prior = (np.asarray(arrays[name], np.float32) for name in ORDINARY_ARRAYS)
                ordinary = OrdinarySpeech(slope, float(offset), prior)
            hidden = None
            if HIDDEN_ARRAYS[0] in arrays:
                matrix, offsets = (arrays[name] for name in HIDDEN_ARRAYS)
                hidden = HiddenLayer(np.asarray(matrix, np.float16), np.asarray(offsets, np.float32))
            domain = TrainingDomain.from_arrays(arrays)
            shrinkage = float(arrays["shrinkage"])
            head = EmbeddingHead(mean, deviation, within, weight, bias, shrinkage, ordinary, hidden, domain)
    except (ValueError, KeyError, TypeError, OSError, EOFError, BadZipFile, UsageError) as error:
        raise BundleError(f"{where} does not contain a head ({', '.join(ARRAYS)}): {error}") from error
    if len(head.bias) != labels:
        raise BundleError(f"{where} has scores for {len(head.bias)} labels; the model has {labels}")
    return head


def softmax(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return probabilities [rows, labels] of scores [rows, labels]; a score of -inf gives 0, each row sums to 1."""
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    probabilities: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return probabilities
