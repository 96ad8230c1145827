"""Two trainings, one after the other: on other corpora first, then on the target's training part by a plan.

What a fold tests takes part in neither. The target is the corpora of the fold's test part; all else that the fold
trains on are its sources. The weights of the first training lie in the cache under a name that is the hash of all that
they depend on, so that trainings which differ in their plan only share them: in scenario S2 all folds do, in S1 those
of one fold. A first training that was cut off goes on from its checkpoint; two processes that need the same one don't
both train it.

Reference: Marczewski, Veloso, Ziviani, Learning transferable features for speech emotion recognition, 2017, section 3.2
(scenarios S1 and S2, approaches A1 to A8).
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from emotone.config import LATER, signature, to_mapping
from emotone.errors import ConfigError, RunError, SourceError, missing_extra, unknown_name
from emotone.files import atomic_write, cache_dir, sha256_file
from emotone.fitting.heads import Heads
from emotone.protocols.base import dev_speakers
from emotone.recipes.training import TrainingSettings
from emotone.transfer.weights import SourceWeights, read_weights, write_weights
from emotone.types import Fold

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from emotone.features.store import Problem
    from emotone.fitting.fit import Fitted
    from emotone.recipes.recipe import Recipe
    from emotone.recipes.transfer import Transfer
    from emotone.training.checkpoint import Epoch
    from emotone.types import Utterance

FOLDER, WEIGHTS, ABOUT, LOCK = "pretrained", "weights.safetensors", "about.json", "lock"


@dataclass(frozen=True)
class Pretraining:
    """What is learned before the target.

    Attributes:
        scenario: "S2" learns from the other corpora only; "S1" from the target's training part too.
        without: corpora that are left out of it.
        training: see `TrainingSettings`. With a head per corpus, what it says of labels is of each corpus's own.
        heads: "one" for all corpora; "corpus" gives each corpus scores of its own, of which a single head is made when
            the target takes the net over (see `emotone.fitting.heads`).

    """

    scenario: Literal["S1", "S2"] = "S2"
    without: tuple[str, ...] = ()
    training: TrainingSettings = field(default_factory=TrainingSettings)
    heads: Literal["one", "corpus"] = field(default="one", metadata=LATER)


@dataclass(frozen=True)
class Part:
    """What one of the two trainings learns from: utterances, which of them choose its epoch, and heads if not one."""

    utterances: tuple[Utterance, ...]
    fold: Fold
    heads: Heads | None = None


@dataclass(frozen=True)
class Pretrained:
    """Finished weights of a first training.

    Attributes:
        path: of the weights, which `emotone.transfer.weights` reads.
        about: what they are of: corpora with their numbers of clips, epochs, best, signature; with a head per corpus,
            of each label the corpora whose heads were taken.

    """

    path: Path
    about: dict[str, Any]


@dataclass(frozen=True, eq=False)
class Staged:
    """Both trainings' outcome.

    Attributes:
        fitted: the net after the second.
        problems: recordings of the target that could not be used.
        absent: labels that the target's training part does not have; none where it is heard without labels.
        about: what the first learned from, and what became of each tensor in the second; plain tables for JSON.

    """

    fitted: Fitted
    problems: tuple[Problem, ...]
    absent: tuple[str, ...]
    about: dict[str, Any]


def check_pretraining(pretraining: Pretraining | None, transfer: Transfer | None) -> None:
    """Raise `ConfigError` for a pre-training without a plan for its weights, or with other weights to start from."""
    if pretraining is None:
        return
    if transfer is None:
        raise ConfigError("pretraining needs a plan for its weights: add [transfer] with a plan, e.g. A2")
    if transfer.source or transfer.sha256:
        raise ConfigError("with pretraining, transfer takes over its weights: leave transfer.source and sha256 out")
    if transfer.unlabelled and pretraining.scenario == "S1":
        raise ConfigError(
            f'transfer.unlabelled = "{transfer.unlabelled}" hears the target without its labels, and scenario S1 '
            'learns from them: set pretraining.scenario = "S2"'
        )


def check_alone(recipe: Recipe) -> None:
    """Raise `RunError` for a recipe in two stages where there is no fold to say which corpus is the target."""
    if recipe.pretraining is not None:
        raise RunError(
            f"recipe {recipe.name} is pre-trained on other corpora than its target, and only a protocol such as "
            "onto-emodb-random-5 names one: use emotone evaluate. For a model, train on the other corpora first, and "
            "then on the target with --from and --transfer"
        )


def divide(recipe: Recipe, utterances: Sequence[Utterance], fold: Fold) -> tuple[Part, Part]:
    """Return what the first and what the second training of a fold learns from.

    A first training that stops early looks at a tenth of the other corpora's speakers, and in S1 at the target's dev
    part. Where only the second stops early, the first does not learn from that dev part either.

    Raises:
        RunError: no pre-training or no test part in which a target could be seen, no other corpus, or a corpus to be
            left out that is the target or was not given.

    """
    pretraining, target = _asked(recipe, utterances, fold)
    learned = {*fold.train, *fold.dev}
    own = tuple(each for each in utterances if each.key in learned and each.corpus in target)
    skipped = {*target, *pretraining.without}
    others = tuple(each for each in utterances if each.key in learned and each.corpus not in skipped)
    if not others:
        raise RunError(
            f"fold {fold.name}: there is no corpus to pre-train on: the target is {', '.join(sorted(target))}, left "
            f"out: {', '.join(pretraining.without) or 'none'}; give others with --corpus, and a protocol onto one "
            "corpus, e.g. onto-emodb-random-5"
        )
    looks, looks_later = pretraining.training.patience > 0, recipe.training.patience > 0
    held = dev_speakers(others, everything=others, index=0, seed=recipe.seed) if looks else set()
    dev = {each.key for each in others if each.speaker_key in held}
    first = others
    if pretraining.scenario == "S1":
        kept_back = set(fold.dev) if looks or looks_later else set()
        first += tuple(each for each in own if looks or each.key not in kept_back)
        dev |= kept_back if looks else set()
    keys = [each.key for each in first]
    learning = tuple(key for key in keys if key not in dev)
    heads = Heads.of(first, target=target) if pretraining.heads == "corpus" else None
    return (
        Part(first, Fold("pretraining", train=learning, dev=_in(keys, dev), test=()), heads),
        Part(own, replace(fold, train=tuple(each.key for each in own if each.key not in set(fold.dev)))),
    )


def fit_in_stages(
    recipe: Recipe,
    utterances: Sequence[Utterance],
    fold: Fold,
    *,
    labels: tuple[str, ...],
    folder: Path | None = None,
    progress: Callable[[Epoch], None] | None = None,
) -> Staged:
    """Return the net that was trained on other corpora and then on a fold's target; its test part is not looked at.

    Args:
        recipe: with a pre-training and a plan for its weights.
        utterances: with labels from `labels`; features are read from the store as they are needed.
        fold: its train part holds the target's and the other corpora's clips, its test part the target's only.
        labels: of all corpora, in the order of the logits.
        folder: for the second training's checkpoint; the first has its own, in the cache.
        progress: called after each epoch; those of the second training are counted on.

    Raises:
        RunError: see `divide`; or nothing that can be learned from.

    """
    from emotone.fitting.adaptation import check_unlabelled
    from emotone.fitting.fit import fit

    check_unlabelled(recipe)
    pretraining, _ = _asked(recipe, utterances, fold)
    first, second = divide(recipe, utterances, fold)
    before = pretrain(replace(recipe, training=pretraining.training), first, labels=labels, progress=progress)

    def counted_on(epoch: Epoch) -> None:
        if progress is not None:
            progress(replace(epoch, number=pretraining.training.epochs + epoch.number))

    assert recipe.transfer is not None  # noqa: S101 - see `check_pretraining`
    taking = replace(recipe, pretraining=None, transfer=replace(recipe.transfer, source=str(before.path)))
    extracted = taking.extract(second.utterances)
    fitted = fit(
        taking,
        second.utterances,
        extracted.features,
        second.fold,
        labels=labels,
        folder=folder,
        progress=counted_on,
    )
    present = {each.label for each in second.utterances if each.key in extracted.features}
    # Whoever hears clips without labels does not know which labels there are.
    absent = tuple(label for label in labels if label not in present) if fitted.unlabelled is None else ()
    about = {"scenario": pretraining.scenario, "pretraining": before.about, **fitted.about(absent)}
    return Staged(fitted, extracted.problems, absent, about)


def pretrain(
    recipe: Recipe, part: Part, *, labels: tuple[str, ...], progress: Callable[[Epoch], None] | None = None
) -> Pretrained:
    """Return the weights of a first training; those that are in the cache are not trained again.

    Their name hashes the recipe, the recordings' content and labels, and the parts. A process that finds another one at
    the same training waits for it.
    """
    try:
        from filelock import FileLock  # comes with torch
    except ModuleNotFoundError as error:
        raise missing_extra("filelock", "train", "pre-training") from error
    plain = replace(recipe, pretraining=None, transfer=None)
    name = _name(plain, part, labels=labels)
    folder = cache_dir() / FOLDER / name
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / LOCK):
        if not _is_whole(folder):
            _train(plain, part, folder, labels=labels, progress=progress)
    about: dict[str, Any] = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
    return Pretrained(folder / WEIGHTS, about)


def _train(
    recipe: Recipe,
    part: Part,
    folder: Path,
    *,
    labels: tuple[str, ...],
    progress: Callable[[Epoch], None] | None,
) -> None:
    """Train in a folder of the cache; the weights are written last, and say that it is finished."""
    from emotone.fitting.fit import CHECKPOINT, fit
    from emotone.fitting.initialise import score_tensors

    extracted, heads = recipe.extract(part.utterances), part.heads
    fitted = fit(
        recipe,
        part.utterances if heads is None else heads.labelled(part.utterances),
        extracted.features,
        part.fold,
        labels=labels if heads is None else heads.names,
        heads=() if heads is None else heads.numbers,
        folder=folder,
        progress=progress,
    )
    counts = Counter(each.corpus for each in part.utterances if each.key in extracted.features)
    about: dict[str, Any] = {
        "signature": folder.name,
        "corpora": dict(sorted(counts.items())),
        "epochs": len(fitted.history),
        "best": fitted.best,
        "settings": to_mapping(recipe.training),
        "history": [asdict(epoch) for epoch in fitted.history],
    }
    tensors = {name: value.detach().cpu().numpy() for name, value in fitted.net.state_dict().items()}
    if heads is not None:
        about["heads"] = {label: list(heads.of_label(label)) for label in labels}
        for name in score_tensors(recipe, fitted.net, len(heads.names)):
            tensors[name] = heads.joined(tensors[name], labels)
    with atomic_write(folder / ABOUT, text=True) as stream:
        stream.write(json.dumps(about) + "\n")
    write_weights(folder / WEIGHTS, SourceWeights(f"pretraining-{folder.name}", tensors, licence=recipe.licence))
    (folder / CHECKPOINT).unlink(missing_ok=True)


def _is_whole(folder: Path) -> bool:
    """Return whether a finished training lies there; a damaged one is trained again."""
    if not (folder / WEIGHTS).exists() or not (folder / ABOUT).exists():
        return False
    try:
        read_weights(folder / WEIGHTS)
    except SourceError:
        return False
    return True


def _name(recipe: Recipe, part: Part, *, labels: tuple[str, ...]) -> str:
    data = sorted((each.key, each.label, sha256_file(each.path), each.start, each.end) for each in part.utterances)
    heads = [] if part.heads is None else [part.heads]  # a single head joins no name
    return signature(recipe.signature, recipe.feature.version, data, list(labels), sorted(part.fold.dev), *heads)


def _asked(recipe: Recipe, utterances: Sequence[Utterance], fold: Fold) -> tuple[Pretraining, set[str]]:
    """Return the pre-training and the target's corpora."""
    if recipe.pretraining is None:
        raise RunError(f"recipe {recipe.name} has no table [pretraining]: it is trained in one stage")
    tested = set(fold.test)
    target = {each.corpus for each in utterances if each.key in tested}
    if not target:
        raise RunError(
            f"recipe {recipe.name} is pre-trained on other corpora than the one that is tested, and fold {fold.name} "
            "tests nothing; use emotone evaluate with a protocol such as onto-emodb-random-5"
        )
    given = {each.corpus for each in utterances}
    for corpus in recipe.pretraining.without:
        if corpus in target:
            raise RunError(f"pretraining.without names {corpus}, which is the target of fold {fold.name}")
        if corpus not in given:
            raise RunError(f"pretraining.without: {unknown_name('given corpus', corpus, given)}")
    return recipe.pretraining, target


def _in(keys: Sequence[str], chosen: set[str]) -> tuple[str, ...]:
    return tuple(key for key in keys if key in chosen)
