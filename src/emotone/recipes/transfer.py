"""The tables `[transfer]` and `[pretraining]` of a recipe: the weights that a network starts from, and what is trained.

These are settings only. `emotone.fitting.resolve` locates the weights, hashes them and compares them with the network.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from emotone.config import check_ranges
from emotone.errors import ConfigError
from emotone.recipes.training import TrainingSettings
from emotone.transfer.plans import uses_groups

UnlabelledMethod: TypeAlias = Literal["", "statistics", "pseudo-labels"]


@dataclass(frozen=True)
class Transfer:
    """Weights to start from, and a named plan or patterns of layers that say what is loaded and what is frozen.

    Attributes:
        source: a file of weights (.safetensors written by emotone, or a published or converted file of a known source),
            the folder of a training run, of a bundle with weights or of a source trained here, or the name of a source
            (see `emotone sources get`) or of a shipped model. In a recipe's file, relative paths start at the folder of
            that file. "" must be filled in before training.
        plan: name of a plan (see `emotone.transfer.plans`).
        load: instead of a plan, patterns of the layers to load (see `emotone.transfer.plans`).
        freeze: with `load`, patterns of the loaded layers to freeze.
        sha256: of the weights file; if given, any other file is refused. Runs store it.
        unlabelled: "statistics" or "pseudo-labels" adapts to the training part without its labels (see
            `emotone.fitting.network`); "" trains on labels.
        top_share: with pseudo-labels, share of the clips of each predicted label to train on, most confident first.
        min_confidence: with pseudo-labels, minimum probability of a pseudo-label.

    Raises:
        ConfigError: neither a plan nor layers, or both; or a plan that does not fit `unlabelled`.
        UnknownNameError: no such plan.

    """

    source: str = ""
    plan: str = ""
    load: tuple[str, ...] = ()
    freeze: tuple[str, ...] = ()
    sha256: str = ""
    unlabelled: UnlabelledMethod = ""
    top_share: float = 0.5
    min_confidence: float = 0.0

    def __post_init__(self) -> None:
        check_ranges(self, where="transfer", top_share=(0.01, 1.0), min_confidence=(0.0, 1.0))
        if bool(self.plan) == bool(self.load):
            raise ConfigError("transfer needs either a plan, e.g. anger-2, or layers to load")
        if self.plan and self.freeze:
            raise ConfigError(
                f"transfer: plan {self.plan} already names the frozen layers; remove freeze, or use load instead"
            )
        if self.unlabelled == "statistics" and self.plan != "A1":
            raise ConfigError(
                'transfer.unlabelled = "statistics" uses the loaded weights without training: set plan = "A1"; '
                f"given {self.plan or 'layers to load'}"
            )
        if self.unlabelled == "pseudo-labels" and self.plan == "A1":
            raise ConfigError(
                'transfer.unlabelled = "pseudo-labels": plan A1 freezes every layer; use A2, A5 or another plan'
            )
        if self.plan:
            uses_groups(self.plan)


@dataclass(frozen=True)
class Pretraining:
    """A first training on other corpora, before the training on the target corpus.

    Attributes:
        scenario: "S2" trains on the other corpora only; "S1" also on the target's training part.
        without: corpora to leave out.
        training: settings of the first training. With a head per corpus, its label settings apply to each corpus's own
            labels.
        heads: "one" head for all corpora, or "corpus" for a head per corpus; these are merged into one head before the
            target is trained (see `emotone.fitting.pretraining`).

    """

    scenario: Literal["S1", "S2"] = "S2"
    without: tuple[str, ...] = ()
    training: TrainingSettings = field(default_factory=TrainingSettings)
    heads: Literal["one", "corpus"] = "one"


def check_stages(pretraining: Pretraining, transfer: Transfer | None) -> None:
    """Raise `ConfigError` for a pre-training without a plan for its weights, or with other weights to start from."""
    if transfer is None:
        raise ConfigError("pretraining needs a plan for its weights: add [transfer] with a plan, e.g. A2")
    if transfer.source or transfer.sha256:
        raise ConfigError("with pretraining, transfer loads its weights: remove transfer.source and transfer.sha256")
    if transfer.unlabelled and pretraining.scenario == "S1":
        raise ConfigError(
            f'transfer.unlabelled = "{transfer.unlabelled}" does not use the target\'s labels, but scenario S1 trains '
            'on them: set pretraining.scenario = "S2"'
        )
