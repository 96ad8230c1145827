"""Support vector machines on kernels that candidates of the settings share: linear, Gaussian (RBF) and adaptive.

The adaptive support vector machine: a machine fitted to other corpora plus a correction fitted to the target.

For each label, y = 1 for its clips and -1 for the rest. The source's machine f_s(x) is fitted to other corpora. On
the target's clips, f(x) = f_s(x) + w.phi(x) must separate y with a margin of 1, and the penalty on w keeps f close to
f_s:

    min over w, xi   1/2 |w|^2 + sum_i C_i xi_i     with  y_i f_s(x_i) + y_i w.phi(x_i) >= 1 - xi_i,  xi_i >= 0

With multipliers a_i >= 0 of the margins and m_i >= 0 of xi_i >= 0, the Lagrangian is minimal at
w = sum_i a_i y_i phi(x_i) and C_i = a_i + m_i, which gives the dual:

    max over a       sum_i (1 - y_i f_s(x_i)) a_i - 1/2 sum_ij a_i a_j y_i y_j K(x_i, x_j)     with  0 <= a_i <= C_i

This is the dual of a support vector machine with the linear term 1 - y_i f_s(x_i) instead of 1: a clip that f_s
separates with a margin above 1 has no effect at first. As in the paper, w has no offset of its own, so there is no
constraint sum_i a_i y_i = 0. Without target clips, f is f_s.

References: Yang, Yan, Hauptmann, Cross-domain video concept detection using adaptive SVMs, ACM Multimedia 2007; the
same, Adapting SVM classifiers to data with shifted distributions, ICDM workshops 2007; on emotions in speech
Abdel-Wahab, Busso, Supervised domain adaptation for emotion recognition from speech, ICASSP 2015.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from emotone.classical.base import at_all_labels, check_candidates
from emotone.errors import RunError, missing_extra

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from emotone.classical.base import Scorer, Truth, Vectors

CACHE_MB = 200

TOLERANCE = 1e-3  # of the margins, as in scikit-learn
STARTS = 20  # of the optimiser, each from the result of the previous one
ITERATIONS = 20_000  # usually hundreds suffice


def squared_distances(left: Vectors, right: Vectors) -> Vectors:
    """Return |l - r|^2 [left, right] from |l|^2 + |r|^2 - 2 l.r: a matrix product instead of differences."""
    squares = (left**2).sum(axis=1)[:, None] + (right**2).sum(axis=1)[None, :] - 2 * left @ right.T
    distances: Vectors = np.maximum(squares, 0.0)  # rounding can go below
    return distances


def fit_svm(gram: Vectors, truth: Truth, *, cost: float, labels: int, kernel: Callable[[Vectors], Vectors]) -> Scorer:
    """Return the scorer of a one-vs-one support vector machine with balanced label weights.

    Args:
        gram: kernel of the training vectors with themselves [clips, clips].
        truth: [clips].
        cost: C, the penalty of a margin violation.
        labels: number of labels in total.
        kernel: maps vectors to their kernel with the training vectors [vectors, clips].

    Returns:
        Scores are scikit-learn's one-vs-rest form of the pairwise decisions: votes, ties broken by the margins.

    """
    svm = svc()(kernel="precomputed", C=cost, class_weight="balanced", cache_size=CACHE_MB).fit(gram, truth)

    def score(vectors: Vectors) -> Vectors:
        scores = svm.decision_function(kernel(vectors))
        if scores.ndim == 1:  # two labels: the margin of the second
            scores = np.stack([-scores, scores], axis=1)
        return at_all_labels(scores, seen=svm.classes_, labels=labels)

    return score


def svc() -> Any:
    """Return scikit-learn's machine, or raise `MissingExtraError`."""
    try:
        from sklearn.svm import SVC
    except ImportError as error:
        raise missing_extra("scikit-learn", "baselines", "support vector machines") from error
    return SVC


@dataclass(frozen=True)
class LinearSvm:
    """A linear one-vs-one support vector machine with balanced label weights.

    Attributes:
        cost: C, or several to select from; a small C gives a wide margin.

    """

    version: ClassVar[int] = 1

    cost: tuple[float, ...] = (1e-4, 1e-3, 1e-2, 1e-1)

    def __post_init__(self) -> None:
        check_candidates("cost", self.cost)

    @property
    def candidates(self) -> tuple[dict[str, float], ...]:
        """One per cost."""
        return tuple({"cost": cost} for cost in self.cost)

    def fit(self, vectors: Vectors, truth: Truth, *, labels: int, seed: int) -> list[Scorer]:  # noqa: ARG002 - no draws
        """Return one scorer per cost, all from one Gram matrix."""

        def kernel(others: Vectors) -> Vectors:
            products: Vectors = others @ vectors.T
            return products

        gram = kernel(vectors)
        return [fit_svm(gram, truth, cost=cost, labels=labels, kernel=kernel) for cost in self.cost]


@dataclass(frozen=True)
class RbfSvm:
    """A one-vs-one support vector machine with the kernel exp(-gamma |x - y|^2 / values).

    The division by the number of values makes gamma independent of the size of the feature set: two independent
    standardised vectors have |x - y|^2 / values near 2.

    Attributes:
        cost: C, or several to select from.
        gamma: of the kernel, or several to select from; a small gamma gives a smooth boundary.

    """

    version: ClassVar[int] = 1

    cost: tuple[float, ...] = (0.1, 1.0, 10.0)
    gamma: tuple[float, ...] = (0.1, 0.3, 1.0)

    def __post_init__(self) -> None:
        check_candidates("cost", self.cost)
        check_candidates("gamma", self.gamma)

    @property
    def candidates(self) -> tuple[dict[str, float], ...]:
        """One per gamma and cost."""
        return tuple({"gamma": gamma, "cost": cost} for gamma, cost in product(self.gamma, self.cost))

    def fit(self, vectors: Vectors, truth: Truth, *, labels: int, seed: int) -> list[Scorer]:  # noqa: ARG002 - no draws
        """Return one scorer per gamma and cost; distances are computed once, each gamma's kernel once."""
        distances = squared_distances(vectors, vectors)

        def kernel(others: Vectors, *, gamma: float) -> Vectors:
            return _gaussian(squared_distances(others, vectors), gamma=gamma)

        scorers: list[Scorer] = []
        for gamma in self.gamma:
            gram = _gaussian(distances, gamma=gamma / vectors.shape[1])
            with_gamma = partial(kernel, gamma=gamma / vectors.shape[1])
            scorers += [fit_svm(gram, truth, cost=cost, labels=labels, kernel=with_gamma) for cost in self.cost]
        return scorers


def _gaussian(distances: Vectors, *, gamma: float) -> Vectors:
    kernel: Vectors = np.exp(-gamma * distances)
    return kernel


@dataclass(frozen=True)
class LinearMachines:
    """One linear machine per label: scores are `vectors @ directions + offsets`.

    Attributes:
        directions: [values, labels]; 0 for a label without a machine.
        offsets: [labels]; 0 for these labels too.
        fitted: indices of the labels with a machine.

    """

    directions: Vectors
    offsets: Vectors
    fitted: Truth

    def __call__(self, vectors: Vectors) -> Vectors:
        """Return [vectors, labels]."""
        scores: Vectors = vectors @ self.directions + self.offsets
        return scores


@dataclass(frozen=True)
class AdaptiveSvm:
    """Linear one-vs-rest support vector machines, fitted to other corpora and adapted to the target's clips.

    The kernel is x.y / values, so that the cost does not depend on the size of the feature set. Label weights are
    balanced, for the sources' clips and for the target's. All other corpora are pooled into one source.

    A label without training clips of the target is never predicted. One without clips of the sources has f_s = 0 and is
    fitted to the target alone. Without target clips, the predictions are the source's.

    Attributes:
        source_cost: C of the source's machines, or several to select from.
        cost: C of the target's clips, or several to select from; a small C stays close to the source.

    """

    version: ClassVar[int] = 1

    source_cost: tuple[float, ...] = (0.01, 0.1)
    cost: tuple[float, ...] = (0.1, 1.0, 10.0, 100.0)

    def __post_init__(self) -> None:
        check_candidates("source_cost", self.source_cost)
        check_candidates("cost", self.cost)

    @property
    def candidates(self) -> tuple[dict[str, float], ...]:
        """One per pair of costs."""
        return tuple({"source_cost": source, "cost": cost} for source, cost in product(self.source_cost, self.cost))

    def fit(self, vectors: Vectors, truth: Truth, *, labels: int, seed: int) -> list[Scorer]:
        """Return one scorer per candidate: the source's machines, without adaptation."""
        sources = self.fit_sources(vectors, truth, labels=labels, seed=seed)
        return self.adapt(sources, vectors[:0], truth[:0], labels=labels)

    def fit_sources(
        self,
        vectors: Vectors,
        truth: Truth,
        *,
        labels: int,
        seed: int,  # noqa: ARG002 - no draws
    ) -> list[LinearMachines]:
        """Return the machines of other corpora, one set per source cost, all from one Gram matrix."""
        gram = _kernel(vectors)
        return [_machines(vectors, gram, truth, cost=cost, labels=labels) for cost in self.source_cost]

    def adapt(self, sources: Sequence[LinearMachines], vectors: Vectors, truth: Truth, *, labels: int) -> list[Scorer]:
        """Return one scorer per candidate: the source's machines with the correction for the target."""
        seen = np.unique(truth)
        if not len(seen):
            return [_scorer(source, labels=labels) for source, _ in product(sources, self.cost)]
        signs = np.where(truth[:, None] == seen, 1.0, -1.0)
        kernel = partial(_signed, _products(vectors), signs)
        scorers: list[Scorer] = []
        for source, cost in product(sources, self.cost):
            # All labels in one call: their problems are independent, but share the kernel.
            weights = solve_dual(kernel, 1 - signs * source(vectors)[:, seen], cost * _balance(signs))
            directions = source.directions.copy()
            directions[:, seen] += vectors.T @ (weights * signs) / vectors.shape[1]
            scorers.append(_scorer(LinearMachines(directions, source.offsets, seen), labels=labels))
        return scorers


def solve_dual(gram: Callable[[Vectors], Vectors], linear: Vectors, caps: Vectors) -> Vectors:
    """Return a, 0 <= a <= caps, that maximises linear.a - 1/2 a.G a, for one problem or for several at once.

    The variables of L-BFGS-B are shares of the caps. At the optimum a projected gradient step changes nothing; the
    search stops when no share would change by more than `TOLERANCE`: the gradient for a_i is what clip i lacks of its
    margin.

    Args:
        gram: maps a to G a, where G is symmetric and positive semidefinite.
        linear: [clips], or [clips, problems].
        caps: of the same shape, above 0.

    Raises:
        RunError: the search did not converge, e.g. because the values have very different scales.

    """
    from scipy.optimize import minimize

    unit, shape = caps.mean(), caps.shape

    def loss(flat: Vectors) -> tuple[float, Vectors]:
        weights = caps * flat.reshape(shape)
        lacking = gram(weights) - linear
        return float(np.vdot(lacking - linear, weights) / (2 * unit)), (caps * lacking / unit).ravel()

    options = {"maxiter": ITERATIONS, "maxfun": 2 * ITERATIONS, "ftol": 0.0, "gtol": TOLERANCE / 2}
    bounds = [(0.0, 1.0)] * caps.size
    shares, left, steps = np.zeros(caps.size), np.inf, 0
    # If the Gram matrix is singular, L-BFGS-B may stop early: restart it from its result.
    for _ in range(STARTS):
        found = minimize(loss, shares, jac=True, bounds=bounds, method="L-BFGS-B", options=options)
        shares, steps = np.clip(found.x, 0.0, 1.0), steps + int(found.nit)
        left = float(np.abs(shares - np.clip(shares - loss(shares)[1], 0.0, 1.0)).max())
        if left <= TOLERANCE:
            break
    else:  # nan too
        raise RunError(
            f"the adaptive support vector machine did not converge in {steps} steps: the margins lack {left:.2g}, the "
            f"tolerance is {TOLERANCE:g}; standardise the values, or use smaller costs"
        )
    weights: Vectors = caps * shares.reshape(shape)
    return weights


def _machines(vectors: Vectors, gram: Vectors, truth: Truth, *, cost: float, labels: int) -> LinearMachines:
    """Return a machine for each label against all other clips; labels of no clip or of all clips have none."""
    directions, offsets = np.zeros((vectors.shape[1], labels)), np.zeros(labels)
    fitted = np.unique(truth) if len(np.unique(truth)) > 1 else truth[:0]
    for label in fitted:
        machine = svc()(kernel="precomputed", C=cost, class_weight="balanced", cache_size=CACHE_MB)
        machine.fit(gram, truth == label)
        directions[:, label] = machine.dual_coef_[0] @ vectors[machine.support_] / vectors.shape[1]
        offsets[label] = machine.intercept_[0]
    return LinearMachines(directions, offsets, fitted)


def _scorer(machines: LinearMachines, *, labels: int) -> Scorer:
    def score(vectors: Vectors) -> Vectors:
        return at_all_labels(machines(vectors)[:, machines.fitted], seen=machines.fitted, labels=labels)

    return score


def _products(vectors: Vectors) -> Callable[[Vectors], Vectors]:
    """Return a function that maps weights [clips, problems] to K weights, with K the kernel of the vectors.

    K is computed explicitly only if that is cheaper than two products with the vectors.
    """
    clips, values = vectors.shape
    if clips < 2 * values:
        return _kernel(vectors).dot
    return lambda weights: vectors @ (vectors.T @ weights / values)


def _signed(products: Callable[[Vectors], Vectors], signs: Vectors, weights: Vectors) -> Vectors:
    signed: Vectors = signs * products(signs * weights)
    return signed


def _kernel(vectors: Vectors) -> Vectors:
    products: Vectors = vectors @ vectors.T / vectors.shape[1]
    return products


def _balance(signs: Vectors) -> Vectors:
    """Return each clip's weight [clips, labels]: equal totals for both sides and a mean of 1, as in scikit-learn."""
    share = (signs > 0).mean(axis=0)  # 1 if all clips have one label; then there is no other side
    weights: Vectors = 1 / (2 * np.where(signs > 0, share, 1 - share))
    return weights
