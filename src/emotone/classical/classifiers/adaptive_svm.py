"""The adaptive support vector machine: other corpora's machine, and what the target's clips change about it.

For each label, y = 1 for its clips and -1 for the rest. The source's machine f_s(x) was fitted on other corpora. On
the target's clips, f(x) = f_s(x) + w.phi(x) has to tell y with a margin of 1, and w is kept small, so that f stays
near f_s:

    min over w, xi   1/2 |w|^2 + sum_i C_i xi_i     with  y_i f_s(x_i) + y_i w.phi(x_i) >= 1 - xi_i,  xi_i >= 0

With multipliers a_i >= 0 of the margins and m_i >= 0 of xi_i >= 0, the Lagrangian is least where
w = sum_i a_i y_i phi(x_i) and C_i = a_i + m_i. Put in, what is left is to be maximised:

    max over a       sum_i (1 - y_i f_s(x_i)) a_i - 1/2 sum_ij a_i a_j y_i y_j K(x_i, x_j)     with  0 <= a_i <= C_i

That is a support vector machine's dual whose linear term is 1 - y_i f_s(x_i) in place of 1: a clip that f_s tells with
a margin above 1 begins with nothing to say. As in the paper, w has no offset of its own, so that there is no
constraint sum_i a_i y_i = 0. Without target clips, f is f_s.

References: Yang, Yan, Hauptmann, Cross-domain video concept detection using adaptive SVMs, ACM Multimedia 2007; the
same, Adapting SVM classifiers to data with shifted distributions, ICDM workshops 2007; on emotions in speech
Abdel-Wahab, Busso, Supervised domain adaptation for emotion recognition from speech, ICASSP 2015.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from emotone.classical.base import at_all_labels, check_candidates
from emotone.classical.kernels import CACHE_MB, svc
from emotone.errors import RunError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from emotone.classical.base import Scorer, Truth, Vectors

TOLERANCE = 1e-3  # of the margins, as scikit-learn's machines have it
STARTS = 20  # of the search, each from where the one before has come to
ITERATIONS = 20_000  # hundreds are needed


@dataclass(frozen=True)
class Machines:
    """One linear machine per label: scores are `vectors @ directions + offsets`.

    Attributes:
        directions: [values, labels]; 0 for a label that could not be learned.
        offsets: [labels]; 0 too.
        learned: indices of the labels that were learned.

    """

    directions: Vectors
    offsets: Vectors
    learned: Truth

    def __call__(self, vectors: Vectors) -> Vectors:
        """Return [vectors, labels]."""
        scores: Vectors = vectors @ self.directions + self.offsets
        return scores


@dataclass(frozen=True)
class AdaptiveSvm:
    """Linear support vector machines of other corpora, one against the rest, adapted to the target's clips.

    The kernel is x.y / values: one cost fits feature sets of any size. Labels are weighted by their rarity, among the
    sources' clips and among the target's. All other corpora together make one source.

    A label that the target's training clips lack is not answered. One that the sources lack has f_s = 0, and is learned
    from the target alone. Without target clips, the answers are the source's.

    Attributes:
        source_cost: C of the source's machines, or several to choose among.
        cost: C of the target's clips, or several to choose among; small stays near the source.

    """

    version: ClassVar[int] = 1

    source_cost: tuple[float, ...] = (0.01, 0.1)
    cost: tuple[float, ...] = (0.1, 1.0, 10.0, 100.0)

    def __post_init__(self) -> None:
        check_candidates("source_cost", self.source_cost)
        check_candidates("cost", self.cost)

    @property
    def candidates(self) -> tuple[dict[str, float], ...]:
        """One per cost of the source and of the target."""
        return tuple({"source_cost": source, "cost": cost} for source, cost in product(self.source_cost, self.cost))

    def fit(self, vectors: Vectors, truth: Truth, *, labels: int, seed: int) -> list[Scorer]:
        """Return one scorer per candidate: the source's machines, as there is no target to adapt them to."""
        sources = self.learn_sources(vectors, truth, labels=labels, seed=seed)
        return self.adapt(sources, vectors[:0], truth[:0], labels=labels)

    def learn_sources(
        self,
        vectors: Vectors,
        truth: Truth,
        *,
        labels: int,
        seed: int,  # noqa: ARG002 - no draws
    ) -> list[Machines]:
        """Return the machines of other corpora's clips, one set per cost of the source, all from one Gram matrix."""
        gram = _kernel(vectors)
        return [_machines(vectors, gram, truth, cost=cost, labels=labels) for cost in self.source_cost]

    def adapt(self, sources: Sequence[Machines], vectors: Vectors, truth: Truth, *, labels: int) -> list[Scorer]:
        """Return one scorer per candidate: the source's machines and what the target's clips change about them."""
        seen = np.unique(truth)
        if not len(seen):
            return [_scorer(source, labels=labels) for source, _ in product(sources, self.cost)]
        signs = np.where(truth[:, None] == seen, 1.0, -1.0)
        kernel = partial(_signed, _products(vectors), signs)
        scorers: list[Scorer] = []
        for source, cost in product(sources, self.cost):
            # All labels at once: their problems have nothing to do with each other, but share the kernel.
            weights = solve_dual(kernel, 1 - signs * source(vectors)[:, seen], cost * _balance(signs))
            directions = source.directions.copy()
            directions[:, seen] += vectors.T @ (weights * signs) / vectors.shape[1]
            scorers.append(_scorer(Machines(directions, source.offsets, seen), labels=labels))
        return scorers


def solve_dual(gram: Callable[[Vectors], Vectors], linear: Vectors, caps: Vectors) -> Vectors:
    """Return a, 0 <= a <= caps, that maximises linear.a - 1/2 a.G a, for one problem or for several at once.

    It is sought in shares of the caps, with L-BFGS-B. At the optimum a small step up the slope, cut off at the bounds,
    leads nowhere; it is taken for found where no share would move by more than `TOLERANCE`: the slope by a_i is what
    clip i lacks of its margin.

    Args:
        gram: from a to G a, where G is symmetric and has no negative eigenvalue.
        linear: [clips], or [clips, problems].
        caps: of the same shape, above 0.

    Raises:
        RunError: it was not found, as with values whose scales are far apart.

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
    # Where the Gram matrix has directions without any slope, the search can lose its way: it is sent off again.
    for _ in range(STARTS):
        found = minimize(loss, shares, jac=True, bounds=bounds, method="L-BFGS-B", options=options)
        shares, steps = np.clip(found.x, 0.0, 1.0), steps + int(found.nit)
        left = float(np.abs(shares - np.clip(shares - loss(shares)[1], 0.0, 1.0)).max())
        if left <= TOLERANCE:
            break
    else:  # nan too
        raise RunError(
            f"the adaptive support vector machine was not found in {steps} steps: margins lack {left:.2g}, where "
            f"{TOLERANCE:g} is allowed; scale the values alike, or choose smaller costs"
        )
    weights: Vectors = caps * shares.reshape(shape)
    return weights


def _machines(vectors: Vectors, gram: Vectors, truth: Truth, *, cost: float, labels: int) -> Machines:
    """Return a machine for each label, against all other clips; there is none for a label of no clip or of all."""
    directions, offsets = np.zeros((vectors.shape[1], labels)), np.zeros(labels)
    learned = np.unique(truth) if len(np.unique(truth)) > 1 else truth[:0]
    for label in learned:
        machine = svc()(kernel="precomputed", C=cost, class_weight="balanced", cache_size=CACHE_MB)
        machine.fit(gram, truth == label)
        directions[:, label] = machine.dual_coef_[0] @ vectors[machine.support_] / vectors.shape[1]
        offsets[label] = machine.intercept_[0]
    return Machines(directions, offsets, learned)


def _scorer(machines: Machines, *, labels: int) -> Scorer:
    def score(vectors: Vectors) -> Vectors:
        return at_all_labels(machines(vectors)[:, machines.learned], seen=machines.learned, labels=labels)

    return score


def _products(vectors: Vectors) -> Callable[[Vectors], Vectors]:
    """Return a function from weights [clips, problems] to K weights, K being the kernel of the vectors with themselves.

    K is written out only where that is less work: for many clips, two products with the vectors are.
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
    """Return each clip's weight [clips, labels]: both sides weigh alike, and all 1 on average, as in scikit-learn."""
    share = (signs > 0).mean(axis=0)  # 1 where all clips have one label, and then there is no other side
    weights: Vectors = 1 / (2 * np.where(signs > 0, share, 1 - share))
    return weights


CLASSIFIER = AdaptiveSvm
