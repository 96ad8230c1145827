"""What every augmentation is: parameters are drawn from a generator, apart from being applied."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from emotone.registry import Registry

if TYPE_CHECKING:
    import numpy as np

    from emotone.types import Array


DECIBEL = math.log(10) / 10  # one decibel of power, in natural logarithm


class Augmentation(Protocol):
    """A frozen dataclass of ranges. Works on the rows of some front ends and never changes its argument."""

    title: ClassVar[str]
    front_ends: ClassVar[tuple[str, ...]]
    """Registry names of the features whose rows it is made for."""

    @property
    def reach(self) -> float:
        """Rows that it needs, at most, for one that comes out: above 1 where it may make its input shorter."""
        ...

    def draw(self, rng: np.random.Generator, shape: tuple[int, int]) -> Any:
        """Return the parameters of one application to features of `shape` [time, dimension]."""
        ...

    def apply(self, features: Array, drawn: Any) -> Array:
        """Return the changed copy [time', dimension]; with equal parameters, equal output."""
        ...


AUGMENTATIONS: Registry[type[Augmentation]] = Registry("augmentation", "emotone.augment.augmentations", "AUGMENTATION")


def augment(features: Array, augmentations: tuple[Augmentation, ...], rng: np.random.Generator) -> Array:
    """Return features [time, dimension] after each augmentation in turn, with parameters drawn from `rng`."""
    for augmentation in augmentations:
        shape = (features.shape[0], features.shape[1])
        features = augmentation.apply(features, augmentation.draw(rng, shape))
    return features


def reach(augmentations: tuple[Augmentation, ...]) -> float:
    """Return how many rows all of them together need, at most, for one that comes out."""
    return math.prod(augmentation.reach for augmentation in augmentations)
