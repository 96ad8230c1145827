"""From a recipe to one that can be fitted: weights located, hashed and compared with the network, once.

Commands resolve a recipe before they read any corpus, so that whatever is wrong with it is reported at once. All that
fits or evaluates takes a `ResolvedRecipe`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

from emotone.config import signature, to_mapping
from emotone.errors import ConfigError, RunError, UsageError
from emotone.features.store import FeatureStore
from emotone.fitting.classical import ResolvedBaseline, resolve_baseline
from emotone.fitting.embedding import ResolvedEmbedding, resolve_embedding
from emotone.fitting.head_transfer import ResolvedRefit
from emotone.fitting.weights import WeightsFile, find_weights
from emotone.nets.base import NETS
from emotone.recipes.classical_recipe import ClassicalRecipe
from emotone.recipes.embedding_recipe import EmbeddingRecipe
from emotone.recipes.recipe import Recipe, with_transfer
from emotone.recipes.transfer import Transfer, UnlabelledMethod
from emotone.transfer.plans import Plan, named_plan, uses_groups

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from emotone.features.base import Feature
    from emotone.features.store import ExtractionResult
    from emotone.nets.base import NetSpec
    from emotone.recipes.library import AnyRecipe
    from emotone.types import Utterance

SIGNATURE_VERSION = 1  # of how a recipe is hashed
NOT_IN_SIGNATURE = ("name", "description", "licence")  # they do not change the weights
BANDS, CLASSES = 64, 2  # of networks that are built only to look at their layers


@dataclass(frozen=True, eq=False)
class ResolvedRecipe:
    """A recipe of a network that is ready to be fitted.

    Attributes:
        recipe: every default written out; of a transfer, the weights' own name and their SHA-256. Runs store it.
        plan: patterns of the layers to load and to freeze; None initialises at random.
        weights: the file to start from; None at random, or where a pre-training stage makes the weights.

    """

    recipe: Recipe
    plan: Plan | None = None
    weights: WeightsFile | None = None

    @property
    def name(self) -> str:
        """Name of the recipe."""
        return self.recipe.name

    @property
    def seed(self) -> int:
        """Seed of all random numbers."""
        return self.recipe.seed

    @property
    def epochs(self) -> int:
        """Epochs that a training reports, those of a pre-training included."""
        before = self.recipe.pretraining.training.epochs if self.recipe.pretraining is not None else 0
        return before + self.recipe.training.epochs

    @property
    def signature(self) -> str:
        """Hash of what changes the weights; see `recipe_signature`."""
        return _signature(self.recipe, self.plan)

    def with_seed(self, seed: int) -> ResolvedRecipe:
        """Return the recipe with another seed."""
        return replace(self, recipe=replace(self.recipe, seed=seed))

    def with_plan(self, name: str) -> ResolvedRecipe:
        """Return the recipe with another plan and no adaptation; "" drops the transfer.

        Raises:
            ConfigError: the plan does not fit the network.

        """
        if not name or self.recipe.transfer is None:
            return ResolvedRecipe(replace(self.recipe, transfer=None))
        transfer = replace(self.recipe.transfer, plan=name, load=(), freeze=(), unlabelled="")
        recipe = replace(self.recipe, transfer=transfer)
        return replace(self, recipe=recipe, plan=transfer_plan(recipe))

    def extract(
        self, utterances: Sequence[Utterance], *, workers: int = 1, progress: Callable[[int], None] | None = None
    ) -> ExtractionResult:
        """Return the features of utterances, from the feature store; see `FeatureStore.extract`."""
        store = FeatureStore(self.recipe.feature_name, self.recipe.feature)
        return store.extract(utterances, workers=workers, progress=progress)


AnyResolved: TypeAlias = ResolvedRecipe | ResolvedBaseline | ResolvedEmbedding | ResolvedRefit


def resolve(recipe: Recipe, *, weights: WeightsFile | None = None, two_stages: bool = True) -> ResolvedRecipe:
    """Return a recipe that is ready to be fitted.

    Args:
        recipe: what to train.
        weights: the file that `recipe.transfer.source` means, if it was found before.
        two_stages: False refuses a pre-training stage, which needs the target corpus that only a protocol defines.

    Raises:
        UsageError: the source of the weights is missing.
        SourceError: the weights can't be read, or have another SHA-256 than the recipe requires.
        ConfigError: the plan, the weights' front end or network, or the adaptation does not fit the recipe.
        RunError: a pre-training stage where there is none.

    """
    full = recipe.written_out()
    if recipe.pretraining is not None and not two_stages:
        raise RunError(
            f"recipe {recipe.name} is pre-trained on other corpora than its target, which only a protocol such as "
            "onto-emodb-random-5 names: use emotone evaluate. For a model, train on the other corpora first, and then "
            "on the target with --from and --transfer"
        )
    if recipe.transfer is None:
        return ResolvedRecipe(full)
    _check_statistics(recipe)
    layers = transfer_plan(recipe)
    if recipe.pretraining is not None:
        return ResolvedRecipe(full, layers)
    found = weights or find_weights(recipe.transfer.source, sha256=recipe.transfer.sha256)
    _check_start(recipe, found)
    transfer = replace(recipe.transfer, source=found.source, sha256=found.sha256)
    return ResolvedRecipe(replace(full, transfer=transfer), layers, found)


def resolve_any(recipe: AnyRecipe, *, weights: WeightsFile | None = None) -> AnyResolved:
    """Return a recipe of any kind that is ready to be fitted; see `resolve` and `emotone.fitting.classical`."""
    if isinstance(recipe, ClassicalRecipe):
        return resolve_baseline(recipe)
    if isinstance(recipe, EmbeddingRecipe):
        return resolve_embedding(recipe)
    return resolve(recipe, weights=weights)


def recipe_signature(recipe: Recipe) -> str:
    """Return the hash of what changes the weights: every setting but the name, the description and the licence.

    Of a transfer, the layers and the SHA-256 of the weights count, not the name of the plan or of the source.

    Args:
        recipe: resolved, or stored by a run: a transfer from a file has the SHA-256 of the file.

    """
    return _signature(recipe.written_out(), transfer_plan(recipe))


def _signature(full: Recipe, layers: Plan | None) -> str:
    settings = {key: value for key, value in to_mapping(full).items() if key not in NOT_IN_SIGNATURE}
    # A list, because the order of augmentations matters and that of a mapping does not change a signature.
    settings["augment"] = [[name, given] for name, given in full.augment.items()]
    if layers is not None:
        settings["transfer"] |= {"source": "", "plan": "", "load": list(layers.load), "freeze": list(layers.freeze)}
    return signature(SIGNATURE_VERSION, settings)


def transfer_plan(recipe: Recipe) -> Plan | None:
    """Return the layers that a recipe loads and freezes, as patterns; None without a transfer.

    Raises:
        ConfigError: the plan is for networks with another number of layers.

    """
    if recipe.transfer is None:
        return None
    if recipe.transfer.load:
        return Plan(recipe.transfer.load, recipe.transfer.freeze)
    if uses_groups(recipe.transfer.plan):
        return named_plan(recipe.transfer.plan, recipe.net_spec.groups)
    return named_plan(recipe.transfer.plan, tuple((layer,) for group in recipe.net_spec.groups for layer in group))


def recipe_from_model(source: str, *, plan: str, labels: str = "", unlabelled: UnlabelledMethod = "") -> Recipe:
    """Return a recipe that continues a finished training, with its front end, network, windows and other settings.

    Args:
        source: folder of the training or of its model, or the name of a shipped model.
        plan: what is loaded and what is trained (see `emotone.transfer.plans`).
        labels: name of another label set; "" keeps its own.
        unlabelled: adaptation without labels, if any (see `Transfer`).

    Raises:
        UsageError: the source holds weights only, without the settings of a training.

    """
    run = find_weights(source).run
    if run is None:
        raise UsageError(
            f"{source} holds weights without the settings of a training: give a recipe too; the folders of a training "
            "and of its model contain these settings"
        )
    transfer = Transfer(source, plan=plan, unlabelled=unlabelled)
    return replace(run.recipe, transfer=transfer, pretraining=None, labels=labels or run.recipe.labels)


def recipe_for(
    given: Recipe | None, *, source: str = "", plan: str = "", labels: str = "", unlabelled: UnlabelledMethod = ""
) -> Recipe:
    """Return the recipe that the transfer options of a command ask for; it is not resolved yet.

    Args:
        given: a recipe; None continues the training of `source`.
        source: weights to start from; "" keeps those of the recipe.
        plan: what is loaded and what is trained; "" keeps the recipe's plan. Statistics need no other than A1.
        labels: name of a label set instead of the recipe's.
        unlabelled: adaptation without labels.

    Raises:
        UsageError: neither a recipe nor a source, or a source without a plan.

    """
    if given is None and not source:
        raise UsageError("nothing to train: give a RECIPE (see emotone recipes list), or --from a run or a model")
    named = "A1" if unlabelled == "statistics" and not plan else plan
    if source and not named and (given is None or given.transfer is None):
        raise UsageError(
            f"--from {source} needs a plan: --transfer A2 fine-tunes all layers, A3 to A5 freeze more and more of "
            "them, A6 to A8 re-initialise the rest; auto selects one"
        )
    if given is None:
        return recipe_from_model(source, plan=named, labels=labels, unlabelled=unlabelled)
    recipe = with_transfer(given, source=source, plan=named, unlabelled=unlabelled)
    return replace(recipe, labels=labels) if labels else recipe


def _check_start(recipe: Recipe, weights: WeightsFile) -> None:
    """Raise `ConfigError` if the weights are those of a training with another network or another front end."""
    if weights.run is None:
        return
    theirs, way_on = weights.run.recipe, "remove the recipe, or use the same settings in it"
    starts_from = getattr(recipe.net_spec, "starts_from", ())  # networks whose layers are some of this one's
    if theirs.net["name"] != recipe.net["name"] and theirs.net["name"] not in starts_from:
        raise ConfigError(
            f"{weights.path.parent} is a {theirs.net['name']}, but recipe {recipe.name} is a {recipe.net['name']}; "
            f"{way_on}"
        )
    if (theirs.feature_name, theirs.feature) != (recipe.feature_name, recipe.feature):
        raise ConfigError(
            f"{weights.path.parent} was trained on {_described(theirs.feature_name, theirs.feature)}, but recipe "
            f"{recipe.name} uses {_described(recipe.feature_name, recipe.feature)}; {way_on}"
        )


def _check_statistics(recipe: Recipe) -> None:
    """Raise `ConfigError` if batch statistics are to be estimated and the network has no batch normalisation."""
    if recipe.transfer is None or recipe.transfer.unlabelled != "statistics" or _has_statistics(recipe.net_spec):
        return
    having = ", ".join(name for name in NETS.names if _has_statistics(NETS.get(name)()))
    raise ConfigError(
        f'transfer.unlabelled = "statistics": {recipe.net["name"]} has no batch normalisation; {having} have, and '
        "every network can train on pseudo-labels"
    )


def _has_statistics(spec: NetSpec) -> bool:
    import torch

    from emotone.transfer.statistics import normalisations

    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        return bool(normalisations(spec.build(BANDS, CLASSES)))


def _described(name: str, feature: Feature) -> str:
    return f"{name} at {feature.rate} Hz, {feature.dimension} values every {1000 * feature.hop_seconds:g} ms"
