"""Settings of recipes before they had their present names, and the signature that was computed from them.

Signature version 0 left settings out that were added later, as long as they had their defaults.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emotone.config import signature, to_mapping
from emotone.fitting import classical
from emotone.fitting.resolve import NOT_IN_SIGNATURE, SIGNATURE_VERSION, transfer_plan
from emotone.recipes.classical_recipe import ClassicalRecipe

if TYPE_CHECKING:
    from emotone.recipes.library import AnyRecipe

TRAINING = {
    "batch": "batch_size",
    "steps": "steps_per_epoch",
    "clip": "grad_clip_norm",
    "average": "ema_decay",
    "choose": "monitor",
    "crops": "crop_mode",
    "crop": "crop_seconds",
}
WINDOWS = {"least": "min_seconds"}
TRANSFER = {"surest": "top_share", "confidence": "min_confidence"}
REPORT = {"kind": "method", "surest": "top_share", "confidence": "min_confidence", "taken": "pseudo_labels"}
SAMPLING = {"chance": "weighted", "equal": "balanced"}

ADDED_TRAINING = {
    "schedule": "cosine",
    "clip": 5.0,
    "sampling": "chance",
    "steps": 0,
    "choose": "uar",
    "optimizer": "adamw",
    "crops": "random",
    "speech_only": False,
    "mixup": 0.0,
}
ADDED_WINDOWS = {"least": 0.0, "speech_only": True, "combine": "mean-probability", "context": 1}
ADDED_MEMBER: dict[str, dict[str, Any]] = {
    "mn04": {"rows": 0},
    "soundnet5": {"channels": [32, 64, 128]},
    "segment-pool": {"change": 0.0},
    "mn-log-mel": {"pads_end": False},
}


def current(stored: dict[str, Any]) -> dict[str, Any]:
    """Return a stored recipe with the present names of its settings; present names stay."""
    recipe = dict(stored)
    for table, names in (("windows", WINDOWS), ("transfer", TRANSFER)):
        if table in recipe:
            recipe[table] = _renamed(recipe[table], names)
    if "training" in recipe:
        recipe["training"] = current_training(recipe["training"])
    if "pretraining" in recipe:
        first = recipe["pretraining"]
        recipe["pretraining"] = {**first, "training": current_training(first["training"])}
    return recipe


def current_training(stored: dict[str, Any]) -> dict[str, Any]:
    """Return stored training settings with their present names and values."""
    training = _renamed(stored, TRAINING)
    if "sampling" in training:
        training["sampling"] = SAMPLING.get(training["sampling"], training["sampling"])
    return training


def adaptation_report(stored: dict[str, Any]) -> dict[str, Any]:
    """Return what a fold stores of its first stage and of its adaptation, with the present names."""
    stage = dict(stored)
    if "unlabelled" in stage:
        stage["adaptation"] = _renamed(stage.pop("unlabelled"), REPORT)
    if "pretraining" in stage:
        first = stage["pretraining"]
        stage["pretraining"] = {**first, "settings": current_training(first["settings"])}
    return stage


def signature_v0(stored: dict[str, Any], recipe: AnyRecipe) -> str:
    """Return the signature of a stored recipe as version 0 computed it.

    Args:
        stored: as the run stores it, with the old names.
        recipe: the same recipe with the present names.

    """
    if isinstance(recipe, ClassicalRecipe):
        versions = [recipe.functionals_spec.version, recipe.classifier_spec.version]
        added = () if recipe.adaptation == "none" else (recipe.adaptation,)
        parts = (stored["labels"], stored["functionals"], stored["classifier"], stored["seed"], versions)
        return signature("classical", *parts, recipe.selection, *added)
    augment = [[name, given] for name, given in stored["augment"].items()]
    tables = [_member(stored["front_end"]), _member(stored["net"])]
    tables += [_without(stored["windows"], ADDED_WINDOWS), _without(stored["training"], ADDED_TRAINING)]
    what: list[Any] = [stored["labels"], *tables, stored["seed"], augment]
    if recipe.selection:
        what.append(recipe.selection)
    layers = transfer_plan(recipe)
    if recipe.transfer is None or layers is None:
        return signature(*what)
    plan = to_mapping(layers)
    if recipe.pretraining is not None:
        first = _without(stored["pretraining"], {"heads": "one"})
        first["training"] = _without(first["training"], ADDED_TRAINING)
        what.append({"transfer": plan, "pretraining": first})
    else:
        what.append({"transfer": plan, "sha256": recipe.transfer.sha256})
    if recipe.transfer.unlabelled == "pseudo-labels":
        shares = {"surest": recipe.transfer.top_share, "confidence": recipe.transfer.min_confidence}
        what.append({"unlabelled": recipe.transfer.unlabelled, **shares})
    elif recipe.transfer.unlabelled:
        what.append({"unlabelled": recipe.transfer.unlabelled})
    return signature(*what)


def signature_v1(stored: dict[str, Any], recipe: AnyRecipe) -> str:
    """Return the signature of a stored recipe under its own names of settings, as version 1 computes it."""
    if isinstance(recipe, ClassicalRecipe):
        settings = {key: value for key, value in stored.items() if key not in classical.NOT_IN_SIGNATURE}
        versions = [recipe.functionals_spec.version, recipe.classifier_spec.version]
        return signature("classical", classical.SIGNATURE_VERSION, settings, versions)
    settings = {key: value for key, value in stored.items() if key not in NOT_IN_SIGNATURE}
    settings["augment"] = [[name, given] for name, given in stored["augment"].items()]
    layers = transfer_plan(recipe)
    if layers is not None:
        plan = {"source": "", "plan": "", "load": list(layers.load), "freeze": list(layers.freeze)}
        settings["transfer"] = {**stored["transfer"], **plan}
    return signature(SIGNATURE_VERSION, settings)


def _member(table: dict[str, Any]) -> dict[str, Any]:
    return _without(table, ADDED_MEMBER.get(str(table["name"]), {}))


def _without(table: dict[str, Any], added: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in table.items() if name not in added or value != added[name]}


def _renamed(table: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    return {names.get(name, name): value for name, value in table.items()}
