"""A recipe: everything that a training depends on except its data, as one TOML file."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - read at run time by emotone.config
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from emotone.augment.base import AUGMENTATIONS, Augmentation
from emotone.bundles.manifest import Windows
from emotone.config import LATER, check_name, from_mapping, read_toml, signature, to_mapping
from emotone.corpora.labels import label_set
from emotone.corpora.selections import SELECTIONS
from emotone.errors import ConfigError, unknown_name
from emotone.features.base import FEATURES, Feature
from emotone.features.store import FeatureStore
from emotone.fitting.pretraining import Pretraining, check_pretraining
from emotone.fitting.speech_windows import check_spoken
from emotone.nets.base import NETS, NetSpec
from emotone.recipes.training import TrainingSettings
from emotone.recipes.transfer import Hearing, Transfer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from emotone.features.store import Extracted
    from emotone.registry import Registry
    from emotone.transfer.plan import Plan
    from emotone.types import Utterance


@dataclass(frozen=True)
class Recipe:
    """What to train.

    Attributes:
        name: of the model that comes out; lower-case letters, digits, dots, hyphens and underscores.
        description: one sentence.
        labels: name of a label set (see `emotone.corpora.labels`).
        front_end: table with `name` of a feature, and any of its settings.
        net: table with `name` of a net, and any of its settings.
        windows: seconds that are judged at a time, and seconds between them.
        training: see `TrainingSettings`.
        augment: one table per augmentation, named after it, with its settings; applied in this order. Each must be made
            for the front end's rows.
        selection: name of a selection (see `emotone.corpora.selections`); "" takes every clip with a label.
        seed: of every draw.
        licence: SPDX identifier for the weights.
        transfer: weights that the net takes over before it is trained; None draws all of them.
        pretraining: what is learned first, on other corpora; its weights are then taken over by the plan of `transfer`,
            which says no source. None learns once.

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
    pretraining: Pretraining | None = field(default=None, metadata=LATER)

    def __post_init__(self) -> None:
        check_task(self.name, seed=self.seed, selection=self.selection, labels=self.labels)
        check_pretraining(self.pretraining, self.transfer)
        check_spoken(self.windows, self.training)
        if self.transfer is not None and self.transfer.unlabelled == "pseudo-labels" and self.training.patience > 0:
            raise ConfigError(
                "a development part chooses an epoch by its labels, and clips are heard without them: set "
                f"training.patience = 0; given {self.training.patience}"
            )
        _ = self.feature, self.net_spec, self.transfer_plan
        for name, augmentation in zip(self.augment, self.augmentations, strict=True):
            if self.feature_name not in augmentation.front_ends:
                fitting = [other for other, kind in AUGMENTATIONS.all().items() if self.feature_name in kind.front_ends]
                raise ConfigError(
                    f"augment.{name} works on rows of {', '.join(augmentation.front_ends)}; the front end is "
                    f"{self.feature_name}, for which there are: {', '.join(fitting) or 'none'}"
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
    def store(self) -> FeatureStore:
        """Where the features of recordings are kept."""
        return FeatureStore(self.feature_name, self.feature)

    def extract(
        self, utterances: Sequence[Utterance], *, workers: int = 1, progress: Callable[[int], None] | None = None
    ) -> Extracted:
        """Return the features of utterances, from the store; see `FeatureStore.extract`."""
        return self.store.extract(utterances, workers=workers, progress=progress)

    @property
    def steps(self) -> int:
        """How many steps a training reports: its epochs, those of a pre-training too."""
        before = self.pretraining.training.epochs if self.pretraining is not None else 0
        return before + self.training.epochs

    @property
    def net_spec(self) -> NetSpec:
        """The net with its settings."""
        built: NetSpec = member(NETS, self.net, where="net")
        return built

    @property
    def transfer_plan(self) -> Plan | None:
        """What the net takes over and what of it stays, as patterns of its layers; None where it takes over nothing."""
        if self.transfer is None:
            return None
        labels = len(label_set(self.labels).labels)
        return self.transfer.plan_for(self.net_spec, self.net_spec.layers(self.feature.dimension, labels))

    @property
    def augmentations(self) -> tuple[Augmentation, ...]:
        """The augmentations with their settings, in order."""
        return tuple(
            member(AUGMENTATIONS, {"name": name, **given}, where=f"augment.{name}")
            for name, given in self.augment.items()
        )

    @property
    def signature(self) -> str:
        """Hash of what changes the weights: everything but the name, the description and the licence.

        Settings that were left out count with their defaults: a default that changes later changes the signature. Of a
        transfer, the layers and the SHA-256 of the weights count, not where those lie.

        Raises:
            UsageError: the weights to be taken over are not told, or not there.

        """
        full = self.written_out()
        # A list, since the order of augmentations matters and a mapping's does not change a signature.
        augment = [[name, settings] for name, settings in full.augment.items()]
        what = [full.labels, full.front_end, full.net, full.windows, full.training, full.seed, augment]
        # A selection or a transfer joins only where there is one: runs from before there were any keep their names.
        if full.selection:
            what.append(full.selection)
        if full.pretraining is not None:
            what.append({"transfer": self.transfer_plan, "pretraining": full.pretraining})
        elif full.transfer is not None:
            what.append({"transfer": self.transfer_plan, "sha256": full.transfer.digest})
        if full.transfer is not None and full.transfer.hearing:
            what.append(full.transfer.hearing)
        return signature(*what)

    def expanded(self) -> Recipe:
        """Return the recipe with every setting written out, and whose weights it takes over, as runs keep it."""
        if self.transfer is None or self.pretraining is not None:
            return self.written_out()
        return replace(self.written_out(), transfer=self.transfer.expanded())

    def written_out(self) -> Recipe:
        """Return the recipe with every setting written out; whose weights it takes over stays as open as it is."""
        augmentations = zip(self.augment, self.augmentations, strict=True)
        return replace(
            self,
            front_end={"name": self.feature_name, **settings(self.feature)},
            net={"name": self.net["name"], **settings(self.net_spec)},
            augment={name: settings(augmentation) for name, augmentation in augmentations},
        )


def read_recipe(path: Path) -> Recipe:
    """Return the recipe in a TOML file; a wrong key or value is said with its place and the nearest valid name."""
    tables = read_toml(path)
    if "classifier" in tables:
        raise ConfigError(
            f"{path} is a baseline: it has a classifier and no net. Judge it with emotone evaluate; only nets become "
            "models"
        )
    recipe = from_mapping(Recipe, tables, where=str(path))
    if recipe.transfer is not None and (path.parent / recipe.transfer.source).exists() and recipe.transfer.source:
        return transferring(recipe, source=str(path.parent / recipe.transfer.source))
    return recipe


def transferring(recipe: Recipe, *, source: str = "", plan: str = "", unlabelled: Hearing = "") -> Recipe:
    """Return the recipe with weights from another source, another plan for them, or clips without labels.

    "" leaves what it says.

    Raises:
        ConfigError: the recipe says no plan, and none is given.

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
    """Raise for what any kind of recipe says of its task and can't be, so that a wrong one fails before any work."""
    check_name(name)
    if seed < 0:
        raise ConfigError(f"seed must not be negative; given {seed}")
    if selection and selection not in SELECTIONS:
        raise unknown_name("selection", selection, SELECTIONS)
    label_set(labels)


def settings(spec: Any) -> dict[str, Any]:
    """Return the settings of a member of a registry: frozen dataclasses all, which a Protocol can't say."""
    return to_mapping(spec)


def member(registry: Registry[Any], table: Mapping[str, Any], *, where: str) -> Any:
    """Return the member that a recipe's table names, with its settings; say what is wrong with the table otherwise."""
    given = dict(table)
    name = given.pop("name", None)
    if not isinstance(name, str):
        raise ConfigError(f"{where}: missing name; allowed: {', '.join(registry.names)}")
    return from_mapping(registry.get(name), given, where=where)
