"""The name and the description of an exported model: never those of a shipped model, which is another one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from emotone.bundles.library import SHIPPED, shipped_names
from emotone.config import check_name
from emotone.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from emotone.fitting.training_run import TrainingRun

TUNED, RETRAINED = "tuned", "retrained"


def renamed(run: TrainingRun, out: Path, *, name: str = "", description: str = "") -> TrainingRun:
    """Return a training whose recipe has the name and the description of the exported model.

    Without a name, a recipe with the name of a shipped model gets the suffix `-tuned`, or `-retrained` if it did not
    start from other weights. Without a description, such a recipe gets one of what was trained. Both are kept where a
    shipped model itself is written, in the folder of the package.

    Args:
        run: the training.
        out: folder of the model.
        name: of the model; "" keeps the recipe's.
        description: one sentence; "" keeps the recipe's.

    Raises:
        UsageError: the name of a shipped model.
        ConfigError: a name with other characters.

    """
    recipe, shipped = run.recipe, shipped_names()
    if out.resolve().parent == SHIPPED:
        shipped = ()
    check_own_name(name, shipped=shipped)
    given = name or recipe.name
    if given in shipped:
        given = f"{given}-{TUNED if run.transfer is not None else RETRAINED}"
    about = description or (what_was_trained(run) if recipe.name in shipped else recipe.description)
    return replace(run, recipe=replace(recipe, name=given, description=about))


def check_own_name(name: str, *, shipped: tuple[str, ...]) -> None:
    """Refuse the name of a shipped model; "" is none.

    Raises:
        UsageError: the name of a shipped model.
        ConfigError: a name with other characters.

    """
    if name in shipped:
        raise UsageError(
            f"--name {name} is the name of a shipped model, and this is another one; pass another name, e.g. "
            f"my-{name}; taken are: {', '.join(shipped)}"
        )
    if name:
        check_name(name)


def what_was_trained(run: TrainingRun) -> str:
    """Return one sentence: the labels, how the network was trained, and on what."""
    clips, speakers = sum(run.corpora.values()), sum(run.speakers.values())
    corpora = ", ".join(sorted(run.corpora))
    data = f"{corpora} ({clips} clips of {speakers} {'speaker' if speakers == 1 else 'speakers'})"
    if run.transfer is None:
        how = f"trained with the recipe {run.recipe.name} on {data}"
    elif run.history:
        how = f"fine-tuned from {run.transfer.source} on {data}"
    else:
        how = f"the network of {run.transfer.source} without any training, for the labels of {data}"
    return f"{', '.join(run.labels)}: {how}"
