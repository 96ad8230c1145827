"""What a net says of a clip before it is a model: from features, as the development part of a training is judged."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emotone.nets.blocks.base import LengthAware
    from emotone.recipes.recipe import Recipe
    from emotone.types import Array


def clip_probabilities(recipe: Recipe, net: LengthAware, features: Array) -> Array:
    """Return the probabilities [labels] of a clip: the mean over its windows.

    Args:
        recipe: says how windows lie.
        net: in eval mode.
        features: [time, dimension] of the clip.

    """
    from emotone.training.development import window_probabilities

    window, hop = recipe.windows.frames(recipe.feature)
    least = recipe.windows.least_frames(recipe.feature)
    mean: Array = window_probabilities(net, features, window=window, hop=hop, least=least).mean(axis=0)
    return mean
