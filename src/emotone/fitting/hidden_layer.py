"""Training of a head with a hidden layer: several small networks at once, with new standardisations in each epoch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emotone.bundles.head import HiddenLayer

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

    from emotone.fitting.embedding_data import LabelledEmbeddings, Standardiser
    from emotone.recipes.embedding_recipe import HiddenSettings

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
