"""Classifiers by Gaussian densities of each label, with equal priors: what their members share.

Scores are logarithms of probabilities: of the log densities l_k of the labels, l_k - ln sum_j exp l_j.
"""

from __future__ import annotations

from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from emotone.classical.base import at_all_labels
from emotone.errors import missing_extra

if TYPE_CHECKING:
    from collections.abc import Callable

    from emotone.classical.base import Scorer, Truth, Vectors


def scikit_learn(module: str, purpose: str) -> Any:
    """Return a module of scikit-learn, or raise `MissingExtraError` with the purpose."""
    try:
        return import_module(f"sklearn.{module}")
    except ImportError as error:
        raise missing_extra("scikit-learn", "baselines", purpose) from error


def equal_priors(truth: Truth) -> Vectors:
    """Return the probabilities of the labels in `truth`: all the same."""
    seen = np.unique(truth)
    return np.full(len(seen), 1 / len(seen))


def density_scorer(densities: Callable[[Vectors], Any], truth: Truth, *, labels: int) -> Scorer:
    """Return a scorer from a function of vectors to log densities [vectors, labels that are in `truth`].

    The function may return the difference of two labels' [vectors] instead, that of the second label minus the first.
    """
    return partial(_score, densities=densities, seen=np.unique(truth), labels=labels)


def _score(vectors: Vectors, *, densities: Callable[[Vectors], Any], seen: Truth, labels: int) -> Vectors:
    logs = np.asarray(densities(vectors), np.float64)
    if logs.ndim == 1:
        logs = np.stack([np.zeros_like(logs), logs], axis=1)
    return at_all_labels(logs - np.logaddexp.reduce(logs, axis=1, keepdims=True), seen=seen, labels=labels)
