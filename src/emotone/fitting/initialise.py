"""What a training starts from: another training, its model, or a source's layers; and whether they go together."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from emotone.errors import ConfigError, UsageError
from emotone.recipes.transfer import Hearing, Transfer, find, training_of
from emotone.transfer.head import Head

if TYPE_CHECKING:
    from emotone.features.base import Feature
    from emotone.nets.blocks.base import LengthAware
    from emotone.recipes.recipe import Recipe
    from emotone.transfer.apply import Transferred


def recipe_of(source: str, *, plan: str, labels: str = "", unlabelled: Hearing = "") -> Recipe:
    """Return a recipe that goes on from a finished training or its model: front end, net, windows and all are its own.

    Args:
        source: folder of the training, or of the model.
        plan: what of it is taken over and what learns (see `emotone.transfer.plans`).
        labels: name of another label set; "" keeps its own.
        unlabelled: how clips are heard without labels, if they are (see `Transfer`).

    Raises:
        UsageError: the source is no training, and so does not say what to train.

    """
    run = training_of(find(source))
    if run is None:
        raise UsageError(
            f"{source} holds layers and no training, so it does not say what to train: give a recipe too; "
            "a training's folder and its model's say it themselves"
        )
    recipe = replace(run.recipe, transfer=Transfer(source, plan=plan, unlabelled=unlabelled), pretraining=None)
    return replace(recipe, labels=labels) if labels else recipe


def check_start(recipe: Recipe) -> None:
    """Raise `ConfigError` where a recipe takes over a training that hears other things, or is of another net."""
    if recipe.transfer is None or recipe.pretraining is not None:
        return
    run = training_of(find(recipe.transfer.source))
    if run is None:
        return
    theirs, ours = run.recipe, recipe
    where, way_on = recipe.transfer.source, "leave the recipe out, or say the same in it"
    if theirs.net["name"] != ours.net["name"]:
        raise ConfigError(
            f"{where} is a {theirs.net['name']}, and recipe {ours.name} asks for a {ours.net['name']}; {way_on}"
        )
    if (theirs.feature_name, theirs.feature) != (ours.feature_name, ours.feature):
        raise ConfigError(
            f"{where} hears {_heard(theirs.feature_name, theirs.feature)}, and recipe {ours.name} "
            f"{_heard(ours.feature_name, ours.feature)}; its layers would hear what they never learned; {way_on}"
        )


def take_over(recipe: Recipe, net: LengthAware, *, labels: tuple[str, ...]) -> list[Transferred]:
    """Load and freeze layers of a net that was just built, in place, where its recipe says so.

    Raises:
        ConfigError: see `check_start` and `emotone.transfer.head`.
        SourceError: the weights are not there, or don't fit the net.

    """
    if recipe.transfer is None or recipe.transfer_plan is None:
        return []
    from emotone.transfer.apply import transfer_into

    check_start(recipe)
    head = Head(
        labels, score_tensors(recipe, net, len(labels)), recipe.net_spec.groups[-1] if recipe.transfer.plan else ()
    )
    return [transfer_into(net, recipe.transfer.weights(), recipe.transfer_plan, head=head)]


def score_tensors(recipe: Recipe, net: LengthAware, labels: int) -> tuple[str, ...]:
    """Return the names of the tensors whose first dimension is the labels: with one more, they have another shape."""
    import torch

    # Nothing is drawn for it: the generator's draws belong to the net that is trained.
    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        wider = recipe.net_spec.build(recipe.feature.dimension, labels + 1).state_dict()
    return tuple(name for name, tensor in net.state_dict().items() if wider[name].shape != tensor.shape)


def _heard(name: str, feature: Feature) -> str:
    return f"{name} at {feature.rate} Hz, {feature.dimension} values every {1000 * feature.hop_seconds:g} ms"
