"""The perceptron is trained for the epochs that it is given, whatever the loss does, and does not complain."""

from __future__ import annotations

import re

import numpy as np
import pytest

from emotone.classical.classifiers.mlp import Mlp
from emotone.errors import ConfigError


@pytest.mark.parametrize("epochs", [1, 3, 40])
def test_it_is_trained_for_as_many_epochs_as_asked(rng: np.random.Generator, epochs: int) -> None:
    # Vectors that tell nothing, under a strong penalty: the loss stands still after a few epochs.
    vectors, truth = np.zeros((20, 2)), np.arange(20) % 2
    net = Mlp(hidden=2, epochs=epochs)._fitted(vectors, truth, penalty=1e-6, seed=1)
    assert net.n_iter_ == epochs


def test_the_strongest_penalty_comes_first(rng: np.random.Generator) -> None:
    spec = Mlp(hidden=8, penalty=(0.01, 1000.0), epochs=200)
    assert spec.candidates == ({"penalty": 1000.0}, {"penalty": 0.01})
    truth = np.arange(40) % 2
    vectors = rng.normal(size=(40, 3))
    vectors[:, 0] += 6 * truth
    strong, weak = (np.ptp(scorer(vectors)) for scorer in spec.fit(vectors, truth, labels=2, seed=1))
    assert strong < weak


def test_a_probability_of_0_has_a_finite_logarithm(rng: np.random.Generator) -> None:
    truth = np.arange(40) % 2
    vectors = rng.normal(size=(40, 3))
    vectors[:, 0] += 6 * truth
    scores = Mlp(hidden=8, penalty=(0.01,), epochs=60).fit(vectors, truth, labels=2, seed=1)[0](1e6 * vectors)
    assert np.isfinite(scores).all()
    assert scores.min() == pytest.approx(np.log(1e-12))


@pytest.mark.parametrize(("hidden", "epochs"), [(0, 60), (128, 0)])
def test_nothing_to_train_is_rejected(hidden: int, epochs: int) -> None:
    message = f"hidden and epochs must be at least 1; given {hidden} and {epochs}"
    with pytest.raises(ConfigError, match=re.escape(message)):
        Mlp(hidden=hidden, epochs=epochs)
