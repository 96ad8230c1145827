"""The fit of a head on embeddings that are standardised in several ways: linear, or with a hidden layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emotone.bundles.head import EmbeddingHead, HiddenLayer, OrdinarySpeech
from emotone.bundles.training_domain import TrainingDomain
from emotone.errors import RunError
from emotone.fitting.embedding_data import Standardiser, TrainingStatistics

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch
    from numpy.typing import NDArray

    from emotone.fitting.embedding_data import LabelledEmbeddings
    from emotone.recipes.embedding_recipe import HeadSettings, HiddenSettings, OrdinarySettings

    Values = NDArray[np.float64]

WARM_UP = 0.3  # share of the steps in which the learning rate rises


def fit_hidden_layer(
    data: LabelledEmbeddings, standardiser: Standardiser, settings: HiddenSettings, *, classes: int, seed: int
) -> tuple[HiddenLayer, NDArray[np.float64], NDArray[np.float64]]:
    """Return the hidden layer of all networks side by side, and the weight [units, classes] and the bias [classes].

    The logits are the mean of the networks' logits. The loss is the cross-entropy, weighted as a linear head weighs the
    recordings. In each epoch, a recording may be replaced by one of its copies.

    References:
        Srivastava et al., Dropout: a simple way to prevent neural networks from overfitting, JMLR 15, 2014.
        Smith, Topin, Super-convergence: very fast training of neural networks using large learning rates, 2018 (the
        course of the learning rate).

    """
    import torch
    from torch.nn import functional

    generator = torch.Generator().manual_seed(seed)
    rng = np.random.default_rng([seed, len(data)])
    count = standardiser.ways * len(data)
    labels = torch.from_numpy(np.tile(data.labels, standardiser.ways))
    weights = np.tile(data.weights(standardiser.settings), standardiser.ways)
    scale = torch.from_numpy(weights.astype(np.float32))
    parameters = _initial(settings, values=data.values.shape[1], classes=classes, generator=generator)
    optimizer = torch.optim.AdamW(parameters, lr=settings.learning_rate, weight_decay=settings.weight_decay)
    batches = -(-count // settings.batch_size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, settings.learning_rate, total_steps=settings.epochs * batches, pct_start=WARM_UP
    )
    for _ in range(settings.epochs):
        drawn = data.drawn(rng, copied=settings.copied)
        inputs = torch.from_numpy(standardiser.compute(drawn, rng).astype(np.float32))
        order = torch.randperm(count, generator=generator)
        for first in range(0, count, settings.batch_size):
            chosen = order[first : first + settings.batch_size]
            logits = _logits(inputs[chosen], parameters, settings, generator=generator)
            loss = functional.cross_entropy(
                logits.flatten(0, 1),
                labels[chosen].repeat(settings.networks),
                reduction="none",
                label_smoothing=settings.label_smoothing,
            )
            optimizer.zero_grad()
            # The sum over the networks: each is trained as if it were alone.
            ((loss.view(settings.networks, -1) * scale[chosen]).mean(dim=1).sum()).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
    first_weight, first_bias, second, second_bias = (one.detach().numpy() for one in parameters)
    hidden = HiddenLayer(
        weight=np.concatenate(list(first_weight), axis=1).astype(np.float16),
        bias=first_bias.reshape(-1).astype(np.float32),
    )
    joined = second.reshape(-1, classes).astype(np.float64) / settings.networks
    return hidden, joined, second_bias.mean(axis=(0, 1)).astype(np.float64)


def _initial(
    settings: HiddenSettings, *, values: int, classes: int, generator: torch.Generator
) -> tuple[torch.Tensor, ...]:
    """Return the first weight, its bias, the second weight and its bias, each [networks, ...], as torch's Linear."""
    import torch

    def uniform(*shape: int, inputs: int) -> torch.Tensor:
        drawn: torch.Tensor = (2 * torch.rand(shape, generator=generator) - 1) / inputs**0.5
        return drawn.requires_grad_()

    return (
        uniform(settings.networks, values, settings.units, inputs=values),
        uniform(settings.networks, 1, settings.units, inputs=values),
        uniform(settings.networks, settings.units, classes, inputs=settings.units),
        uniform(settings.networks, 1, classes, inputs=settings.units),
    )


def _logits(
    inputs: torch.Tensor,
    parameters: tuple[torch.Tensor, ...],
    settings: HiddenSettings,
    *,
    generator: torch.Generator,
) -> torch.Tensor:
    """Return training logits [networks, batch, classes] of embeddings [batch, values]; dropout differs per network."""
    first, first_bias, second, second_bias = parameters
    copies = _dropped(inputs.expand(settings.networks, *inputs.shape), settings.input_dropout, generator)
    units = (copies @ first + first_bias).relu()
    return _dropped(units, settings.dropout, generator) @ second + second_bias


def _dropped(values: torch.Tensor, share: float, generator: torch.Generator) -> torch.Tensor:
    import torch

    if share == 0:
        return values
    kept = torch.rand(values.shape, generator=generator) >= share
    return values * kept / (1 - share)


ITERATIONS = 200


def fit_head(data: LabelledEmbeddings, settings: HeadSettings, *, labels: Sequence[str], seed: int) -> EmbeddingHead:
    """Return the head that minimises the weighted cross-entropy plus a quadratic penalty.

    With `settings.hidden`, the weights come from `fit_hidden_layer` instead.

    Args:
        data: at least two labels.
        settings: see `HeadSettings`.
        labels: names, in the order of the logits.
        seed: of the random subsets, and of the networks of a hidden layer.

    Raises:
        RunError: fewer than two labels in the data.

    """
    is_ordinary = np.isin(data.corpora, settings.ordinary_corpora)
    emotional = data.chosen(~is_ordinary)
    if len(np.unique(emotional.labels)) < 2:
        raise RunError(f"{len(emotional)} recordings with fewer than two labels are not enough to fit a head")
    everything = emotional.with_copies()
    statistics = TrainingStatistics.of(everything)
    neutral = labels.index("neutral") if "neutral" in labels else -1
    standardiser = Standardiser(statistics, settings, neutral)
    hidden = None
    if settings.hidden is None:
        ways = standardiser.ways
        weight, bias = softmax_regression(
            standardiser.compute(everything, np.random.default_rng([seed, len(everything)])),
            np.tile(everything.labels, ways),
            np.tile(everything.weights(settings) / ways, ways),
            classes=len(labels),
            regularisation=settings.regularisation,
        )
    else:
        hidden, weight, bias = fit_hidden_layer(
            emotional, standardiser, settings.hidden, classes=len(labels), seed=seed
        )
    ordinary = None
    if settings.ordinary is not None and is_ordinary.any():
        every = data.with_copies()
        ordinary = _fit_ordinary(
            every,
            np.tile(is_ordinary, 1 + len(data.copies)),
            settings.ordinary,
            weights=every.weights(settings),
            statistics=statistics,
            labels=len(labels),
            neutral=neutral,
        )
    return EmbeddingHead(
        mean=statistics.mean.astype(np.float32),
        deviation=statistics.deviation.astype(np.float32),
        within=statistics.within.astype(np.float32),
        weight=weight.astype(np.float32),
        bias=bias.astype(np.float32),
        shrinkage=settings.shrinkage,
        ordinary=ordinary,
        hidden=hidden,
        domain=_domain(data, settings, seed=seed),
    )


def _domain(data: LabelledEmbeddings, settings: HeadSettings, *, seed: int) -> TrainingDomain | None:
    """Return the region of all training data, also of ordinary speech; corpora weigh as in the fit."""
    values = data.values.shape[1]
    count = min(settings.domain_directions, values - 1)
    if count < 1:
        return None
    drawn = data.drawn(np.random.default_rng([seed, len(data)]), copied=len(data.copies) / (1 + len(data.copies)))
    corpora = np.unique(drawn.corpora)
    centres = np.array([drawn.values[drawn.corpora == corpus].mean(axis=0) for corpus in corpora])
    spread = TrainingStatistics.of(drawn).within
    standardised = (drawn.values - centres[np.searchsorted(corpora, drawn.corpora)]) / spread
    scaled = (standardised * np.sqrt(drawn.weights(settings))[:, np.newaxis]).astype(np.float32)
    _, vectors = np.linalg.eigh((scaled.T @ scaled).astype(np.float64))  # eigenvalues ascend
    return TrainingDomain(
        centres=centres.astype(np.float32),
        spread=spread.astype(np.float32),
        directions=vectors[:, -count:].T.astype(np.float16),
        distances=np.zeros(0, np.float32),
    )


def _fit_ordinary(
    data: LabelledEmbeddings,
    is_ordinary: NDArray[np.bool_],
    settings: OrdinarySettings,
    *,
    weights: Values,
    statistics: TrainingStatistics,
    labels: int,
    neutral: int,
) -> OrdinarySpeech:
    """Return the detector that separates ordinary speech from that with emotion labels.

    Both kinds weigh the same, and corpora of one kind as in the fit of the emotions; the bias is then moved to the
    expected share. Without a label neutral, ordinary speech has equal probabilities.
    """
    mean, deviation = statistics.mean, statistics.deviation
    for kind in (is_ordinary, ~is_ordinary):
        weights[kind] *= len(data) / 2 / weights[kind].sum()
    matrix, bias = softmax_regression(
        (data.values - mean) / deviation,
        is_ordinary.astype(np.int64),
        weights,
        classes=2,
        regularisation=settings.regularisation,
    )
    slope = (matrix[:, 1] - matrix[:, 0]) / deviation
    expected = np.log(settings.share / (1 - settings.share))
    prior = np.full(labels, 1 / labels)
    if neutral >= 0:
        prior[:] = (1 - settings.neutral) / (labels - 1)
        prior[neutral] = settings.neutral
    return OrdinarySpeech(
        weight=slope.astype(np.float32),
        bias=float(bias[1] - bias[0] - mean @ slope + expected),
        prior=prior.astype(np.float32),
    )


def softmax_regression(
    inputs: Values,
    labels: NDArray[np.int64],
    weights: Values,
    *,
    classes: int,
    regularisation: float,
    offset: Values | None = None,
) -> tuple[Values, Values]:
    """Return weights [values, classes] and biases [classes]; biases are not penalised.

    Minimised is  sum_i w_i (-log p(label_i)) + |W|^2 / (2 regularisation)  with the logits  inputs @ W + b + offset.

    Args:
        inputs: [recordings, values].
        labels: indices [recordings].
        weights: w [recordings].
        classes: number of labels.
        regularisation: inverse weight of the penalty.
        offset: logits [recordings, classes] to start from; None for 0.

    """
    from scipy.optimize import minimize

    count, values = inputs.shape
    single = inputs.astype(np.float32)
    start = np.float32(0) if offset is None else offset.astype(np.float32)
    truth = np.zeros((count, classes), np.float32)
    truth[np.arange(count), labels] = 1.0
    scale = weights.astype(np.float32)[:, None]

    def loss(flat: Values) -> tuple[float, Values]:
        matrix = flat.reshape(values + 1, classes)
        logits = single @ matrix[:-1].astype(np.float32) + matrix[-1].astype(np.float32) + start
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
