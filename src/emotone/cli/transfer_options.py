"""The transfer options that `emotone train` and `emotone evaluate` share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

from emotone.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from emotone.recipes.recipe import Recipe
    from emotone.recipes.transfer import UnlabelledMethod

_Command = TypeVar("_Command", bound="Callable[..., Any]")

_OPTIONS = (
    click.option(
        "--from",
        "--source",
        "source",
        default="",
        metavar="RUN|MODEL|FILE",
        help="Weights to start from: the folder of a training run or of a model, a shipped model, a source "
        "(see emotone sources list), or a file of weights.",
    ),
    click.option(
        "--transfer",
        "--plan",
        "plan",
        default="",
        metavar="PLAN",
        help="Which layers are loaded and which are trained. A1 trains nothing; A2 fine-tunes all layers; A3 to A5 "
        "freeze more and more of them; A6 to A8 freeze the same layers and re-initialise the others; anger-0 to "
        "anger-3 are for networks of five stages. `emotone train` also accepts auto, which selects a plan by "
        "cross-validation.",
    ),
    click.option(
        "--unlabelled",
        type=click.Choice(["statistics", "pseudo-labels"]),
        default=None,
        help="Unsupervised adaptation: ignore the labels. statistics re-estimates the statistics of batch "
        "normalisation (plan A1); pseudo-labels trains on the most confident predictions of the starting weights "
        "(plans A2 to A8).",
    ),
    click.option(
        "--labels", default="", metavar="NAME", help="Label set that replaces the recipe's, e.g. seven, four or every."
    ),
)


def transfer_options(command: _Command) -> _Command:
    """Add `--from`, `--transfer`, `--unlabelled` and `--labels` to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@dataclass(frozen=True)
class TransferOptions:
    """Values of the transfer options.

    Attributes:
        source: weights to start from; "" keeps those of the recipe.
        plan: name of a transfer plan, or "auto"; "" keeps the recipe's.
        unlabelled: method of unsupervised adaptation; "" trains on labels.
        labels: name of a label set; "" keeps the recipe's.

    """

    source: str = ""
    plan: str = ""
    unlabelled: UnlabelledMethod = ""
    labels: str = ""

    @property
    def is_transfer(self) -> bool:
        """Whether weights, a plan or an adaptation are given."""
        return bool(self.source or self.plan or self.unlabelled)

    @property
    def is_auto(self) -> bool:
        """Whether the plan is to be selected by cross-validation."""
        from emotone.fitting.plan_selection import AUTO

        return self.plan == AUTO

    def recipe(self, given: Recipe | None) -> Recipe:
        """Return the recipe with these options; without a recipe, that of the training of `source`.

        Raises:
            UsageError: neither a recipe nor a source, a source without a plan, or auto with unsupervised adaptation.
            ConfigError: options that contradict each other or the recipe.
            UnknownNameError: an unknown plan, label set or source.

        """
        from emotone.fitting.resolve import recipe_for

        if self.is_auto and self.unlabelled:
            raise UsageError(
                "--transfer auto scores plans on labelled clips; with --unlabelled, pass the name of a plan, e.g. A5"
            )
        # Every plan is tried with auto, so that any name will do here.
        plan = "A2" if self.is_auto else self.plan
        return recipe_for(given, source=self.source, plan=plan, labels=self.labels, unlabelled=self.unlabelled)
