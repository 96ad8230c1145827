"""Networks before they are bundles: transferred weights, output tensors, and predictions from features."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emotone.transfer.apply import HeadSpec
from emotone.transfer.weights import inside_block

if TYPE_CHECKING:
    from emotone.fitting.resolve import ResolvedRecipe
    from emotone.nets.blocks.base import Network
    from emotone.recipes.recipe import Recipe
    from emotone.transfer.apply import TransferResult
    from emotone.types import Array


def load_transferred(resolved: ResolvedRecipe, net: Network, *, labels: tuple[str, ...]) -> list[TransferResult]:
    """Load and freeze layers of a newly built network, in place, as its recipe's plan says; [] without a transfer.

    Raises:
        ConfigError: the plan does not fit the weights' labels (see `emotone.transfer.apply`).
        SourceError: the weights can't be read any more, or do not fit the network.

    """
    recipe = resolved.recipe
    if recipe.transfer is None or resolved.plan is None or resolved.weights is None:
        return []
    from emotone.transfer.apply import transfer_into

    groups = recipe.net_spec.groups[-1] if recipe.transfer.plan else ()
    head = HeadSpec(labels, output_tensors(recipe, net, len(labels)), groups)
    weights = inside_block(resolved.weights.read(), getattr(recipe.net_spec, "source_block", ""))
    return [transfer_into(net, weights, resolved.plan, head=head)]


def output_tensors(recipe: Recipe, net: Network, labels: int) -> tuple[str, ...]:
    """Return the names of the tensors whose first dimension is the labels: their shape changes with one label more."""
    import torch

    # The meta device draws no random numbers: those of the generator belong to the network that is trained.
    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        wider = recipe.net_spec.build(recipe.feature.dimension, labels + 1).state_dict()
    return tuple(name for name, tensor in net.state_dict().items() if wider[name].shape != tensor.shape)


def clip_probabilities(recipe: Recipe, net: Network, features: Array) -> Array:
    """Return the probabilities [labels] of a clip, the mean over its windows, as on the development part.

    Args:
        recipe: settings of the windows.
        net: in eval mode.
        features: [time, dimension] of the clip.

    """
    from emotone.training.development import window_probabilities

    window, hop = recipe.windows.frames(recipe.feature)
    least = recipe.windows.min_frames(recipe.feature)
    mean: Array = window_probabilities(net, features, window=window, hop=hop, min_frames=least).mean(axis=0)
    return mean
