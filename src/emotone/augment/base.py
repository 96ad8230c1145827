"""The protocol of augmentations: parameters are drawn from a generator, and applied in a separate step."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from emotone.registry import Registry

if TYPE_CHECKING:
    import numpy as np

    from emotone.types import Array


DECIBEL = math.log(10) / 10  # one decibel of power, as a natural logarithm


class Augmentation(Protocol):
    """A frozen dataclass of ranges, for the rows of some front ends. It never changes its argument."""

    title: ClassVar[str]
    front_ends: ClassVar[tuple[str, ...]]
    """Registry names of the front ends whose rows it supports."""

    @property
    def reach(self) -> float:
        """Maximum number of input rows per output row: above 1 if it can shorten its input."""
        ...

    def draw(self, rng: np.random.Generator, shape: tuple[int, int]) -> Any:
        """Return the parameters of one application to features of `shape` [time, dimension]."""
        ...

    def apply(self, features: Array, drawn: Any) -> Array:
        """Return the augmented copy [time', dimension]; equal parameters give equal output."""
        ...


AUGMENTATIONS: Registry[type[Augmentation]] = Registry("augmentation", "emotone.augment.augmentations", "AUGMENTATION")


def augment(features: Array, augmentations: tuple[Augmentation, ...], rng: np.random.Generator) -> Array:
    """Return features [time, dimension] after all augmentations, in order, with parameters drawn from `rng`."""
    for augmentation in augmentations:
        shape = (features.shape[0], features.shape[1])
        features = augmentation.apply(features, augmentation.draw(rng, shape))
    return features


def reach(augmentations: tuple[Augmentation, ...]) -> float:
    """Return the maximum number of input rows per output row of all augmentations combined."""
    return math.prod(augmentation.reach for augmentation in augmentations)
