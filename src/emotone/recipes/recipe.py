"""The recipe of a network: everything that a training depends on except its data, as one TOML file."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - read at run time by emotone.config
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from emotone.augment.base import AUGMENTATIONS, Augmentation
from emotone.config import check_name, from_mapping, to_mapping
from emotone.corpora.labels import label_set
from emotone.corpora.resolve import SELECTIONS
from emotone.errors import ConfigError, unknown_name
from emotone.features.base import FEATURES, Feature
from emotone.features.windows import Windows
from emotone.nets.base import NETS, NetSpec
from emotone.recipes.training import TrainingSettings
from emotone.recipes.transfer import Pretraining, Transfer, UnlabelledMethod, check_stages

if TYPE_CHECKING:
    from emotone.registry import Registry


@dataclass(frozen=True)
class Recipe:
    """Settings of a training. Data only: nothing is read, hashed or built here (see `emotone.fitting.resolve`).

    Attributes:
        name: of the resulting model; lower-case letters, digits, dots, hyphens and underscores.
        description: one sentence.
        labels: name of a label set (see `emotone.corpora.labels`).
        front_end: table with `name` of a feature, and any of its settings.
        net: table with `name` of a network, and any of its settings.
        windows: see `Windows`.
        training: see `TrainingSettings`.
        augment: one table per augmentation, named after it, with its settings; applied in this order. Each must
            support the front end.
        selection: name of a selection (see `emotone.corpora.resolve`); "" takes every labelled clip.
        seed: of all random numbers.
        licence: SPDX identifier of the weights.
        transfer: weights to start from; None initialises at random.
        pretraining: a first training on other corpora, whose weights the plan of `transfer` then loads; None trains
            once.

    Raises:
        ConfigError: settings that are out of range, or that contradict each other.
        UnknownNameError: an unknown label set, selection, front end, network, augmentation or plan.

    """

    name: str
    labels: str
    description: str = ""
    front_end: Mapping[str, Any] = field(default_factory=lambda: {"name": "log-mel"})
    net: Mapping[str, Any] = field(default_factory=lambda: {"name": "log-mel-cnn"})
    windows: Windows = field(default_factory=lambda: Windows(seconds=3.0, hop=1.0))
    training: TrainingSettings = field(default_factory=TrainingSettings)
    augment: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    selection: str = ""
    seed: int = 1
    licence: str = "unstated"
    transfer: Transfer | None = None
    pretraining: Pretraining | None = None

    def __post_init__(self) -> None:
        check_task(self.name, seed=self.seed, selection=self.selection, labels=self.labels)
        if self.pretraining is not None:
            check_stages(self.pretraining, self.transfer)
        if self.training.speech_only and not self.windows.speech_only:
            raise ConfigError(
                "training: speech_only excludes windows that count towards a clip; set windows.speech_only = true; "
                "given false"
            )
        if self.transfer is not None and self.transfer.unlabelled == "pseudo-labels" and self.training.patience > 0:
            raise ConfigError(
                "early stopping needs labels, and transfer.unlabelled does not use any: set training.patience = 0; "
                f"given {self.training.patience}"
            )
        _ = self.feature, self.net_spec
        for name, augmentation in zip(self.augment, self.augmentations, strict=True):
            if self.feature_name not in augmentation.front_ends:
                fitting = [other for other, kind in AUGMENTATIONS.all().items() if self.feature_name in kind.front_ends]
                raise ConfigError(
                    f"augment.{name} supports {', '.join(augmentation.front_ends)}; the front end is "
                    f"{self.feature_name}, which is supported by: {', '.join(fitting) or 'none'}"
                )

    @property
    def feature(self) -> Feature:
        """The front end with its settings."""
        built: Feature = member(FEATURES, self.front_end, where="front_end")
        return built

    @property
    def feature_name(self) -> str:
        """Registry name of the front end."""
        return str(self.front_end["name"])

    @property
    def net_spec(self) -> NetSpec:
        """The network with its settings."""
        built: NetSpec = member(NETS, self.net, where="net")
        return built

    @property
    def augmentations(self) -> tuple[Augmentation, ...]:
        """The augmentations with their settings, in order."""
        return tuple(
            member(AUGMENTATIONS, {"name": name, **given}, where=f"augment.{name}")
            for name, given in self.augment.items()
        )

    def written_out(self) -> Recipe:
        """Return the recipe with every default written out."""
        augmentations = zip(self.augment, self.augmentations, strict=True)
        return replace(
            self,
            front_end={"name": self.feature_name, **settings(self.feature)},
            net={"name": self.net["name"], **settings(self.net_spec)},
            augment={name: settings(augmentation) for name, augmentation in augmentations},
        )


def with_transfer(recipe: Recipe, *, source: str = "", plan: str = "", unlabelled: UnlabelledMethod = "") -> Recipe:
    """Return the recipe with another source, another plan, or adaptation without labels; "" keeps its own setting.

    Raises:
        ConfigError: the recipe has no plan, and none is given.

    """
    asked = {"source": source, "plan": plan, "unlabelled": unlabelled}
    given: dict[str, Any] = {name: value for name, value in asked.items() if value}
    if not given:
        return recipe
    if plan:
        given |= {"load": (), "freeze": ()}
    if source:
        given["sha256"] = ""
    if recipe.transfer is None:
        return replace(recipe, transfer=Transfer(**given))
    return replace(recipe, transfer=replace(recipe.transfer, **given))


def check_task(name: str, *, seed: int, selection: str, labels: str) -> None:
    """Raise for an invalid name, seed, selection or label set of a recipe of any kind."""
    check_name(name)
    if seed < 0:
        raise ConfigError(f"seed must not be negative; given {seed}")
    if selection and selection not in SELECTIONS:
        raise unknown_name("selection", selection, SELECTIONS)
    label_set(labels)


def settings(spec: Any) -> dict[str, Any]:
    """Return the settings of a member of a registry: a frozen dataclass, which a Protocol can't express."""
    return to_mapping(spec)


def member(registry: Registry[Any], table: Mapping[str, Any], *, where: str) -> Any:
    """Return the member of a registry that a recipe's table names, with its settings.

    Raises:
        ConfigError: no name, or a wrong key or value.
        UnknownNameError: no such member.

    """
    given = dict(table)
    name = given.pop("name", None)
    if not isinstance(name, str):
        raise ConfigError(f"{where}: missing name; allowed: {', '.join(registry.names)}")
    return from_mapping(registry.get(name), given, where=where)
