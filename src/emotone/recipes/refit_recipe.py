"""The recipe of a finished model whose head is fitted further on labelled clips: data only."""

from __future__ import annotations

from dataclasses import dataclass

from emotone.errors import ConfigError, unknown_name
from emotone.recipes.recipe import check_task

HEAD_PLANS = ("auto", "adapted", "A1")


@dataclass(frozen=True)
class HeadTransfer:
    """The model to start from, and what is done with its head.

    Attributes:
        source: name or folder of a model with a frozen encoder.
        plan: "auto" selects on the training clips whether the head is adapted and how much of it is fitted, "adapted"
            uses the clips without their labels, and "A1" changes nothing.
        sha256: of the head; "" before the model was found.

    """

    source: str
    plan: str = "auto"
    sha256: str = ""

    def __post_init__(self) -> None:
        if self.plan not in HEAD_PLANS:
            raise ConfigError(
                f"{self.source} has a head on a frozen encoder, and plans such as A5 are for networks: "
                f"{unknown_name('plan', self.plan, HEAD_PLANS)}"
            )


@dataclass(frozen=True)
class RefitRecipe:
    """A model's head that is fitted further; see `emotone.fitting.head_transfer`.

    Attributes:
        name: of runs.
        labels: name of a label set.
        transfer: see `HeadTransfer`.
        description: one sentence.
        selection: name of a selection of clips; "" takes every labelled one.
        seed: of the division of clips.

    Raises:
        ConfigError: a wrong setting.

    """

    name: str
    labels: str
    transfer: HeadTransfer
    description: str = ""
    selection: str = ""
    seed: int = 1

    def __post_init__(self) -> None:
        check_task(self.name, seed=self.seed, selection=self.selection, labels=self.labels)
