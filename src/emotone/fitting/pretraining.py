"""Two-stage training: on other corpora first, then on the target's training part under a transfer plan.

The test part of a fold is used in neither stage. The target is the corpora of the fold's test part; the other corpora
that the fold trains on are its sources. The weights of the first stage are cached under a name that hashes all that
they depend on, so trainings that differ in their plan only share them: in scenario S2 those of all folds, in S1 those
of one fold. An interrupted first stage resumes from its checkpoint, and of two processes that need the same weights
only one trains them.

Reference: Marczewski, Veloso, Ziviani, Learning transferable features for speech emotion recognition, 2017, section 3.2
(scenarios S1 and S2, approaches A1 to A8).

The first stage has one head per corpus over a shared trunk. Raters, actors and languages differ, so what one corpus
labels anger another may label fear. With a head per corpus the trunk learns what all corpora need, and none has to
agree with another about the boundary of a label.

The heads are merged label by label. The target's own head is kept for the labels that it was trained on (S1). For any
other label, and for every label if no head of the target was trained (S2), the merged row is the mean of the other
corpora's rows: a mean of logits is a mean of log-probabilities. A re-initialised head would make the network useless
without training (A1), and would discard what was learned about labels under the plans that load it.

Key idea: adding a constant to all scores of a head does not change its probabilities, so the level of a head has no
meaning, and heads have different labels. Scores are therefore averaged after subtracting the mean of their own head:
row = level + mean over heads (row_of_head - mean of the head's rows), where the level is that of the target's own head,
or the mean of all heads. A label that no corpus has gets the level, the score of an average label.

Reference: Caruana, Multitask learning, Machine Learning 28, 1997.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from emotone.config import signature, to_mapping
from emotone.errors import RunError, SourceError, missing_extra, unknown_name
from emotone.files import atomic_write, cache_dir, sha256_file
from emotone.fitting.fit import CHECKPOINT, fit
from emotone.fitting.network import output_tensors
from emotone.fitting.resolve import ResolvedRecipe, resolve
from emotone.protocols.base import dev_speakers
from emotone.transfer.weights import SourceWeights, read_weights, write_weights
from emotone.types import Fold

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from emotone.features.store import ExtractionProblem
    from emotone.fitting.fit import TrainedNetwork
    from emotone.recipes.transfer import Pretraining
    from emotone.training.loop import Epoch
    from emotone.types import Array, Utterance


@dataclass(frozen=True)
class CorpusHeads:
    """Outputs of a network with one head per corpus.

    Attributes:
        pairs: corpus and label of each output; those of a corpus are consecutive.
        target: corpora whose own head is kept.

    Example:
        >>> pairs = (("emodb", "anger"), ("emodb", "fear"), ("savee", "anger"))
        >>> heads = CorpusHeads(pairs, target=("emodb",))
        >>> heads.names, heads.numbers
        (('emodb/anger', 'emodb/fear', 'savee/anger'), (0, 0, 1))

    """

    pairs: tuple[tuple[str, str], ...]
    target: tuple[str, ...] = ()

    @classmethod
    def of(cls, utterances: Iterable[Utterance], *, target: Iterable[str]) -> CorpusHeads:
        """Return the heads for utterances: an output for each label that a corpus has."""
        pairs = tuple(sorted({(each.corpus, each.label) for each in utterances}))
        return cls(pairs, tuple(sorted({corpus for corpus, _ in pairs}.intersection(target))))

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each output."""
        return tuple("/".join(pair) for pair in self.pairs)

    @property
    def numbers(self) -> tuple[int, ...]:
        """Index of each output's head (see `emotone.training.classification`)."""
        corpora = list(dict.fromkeys(corpus for corpus, _ in self.pairs))
        return tuple(corpora.index(corpus) for corpus, _ in self.pairs)

    def labelled(self, utterances: Iterable[Utterance]) -> tuple[Utterance, ...]:
        """Return utterances with the names of their outputs as labels."""
        return tuple(replace(each, label=f"{each.corpus}/{each.label}") for each in utterances)

    def of_label(self, label: str) -> tuple[str, ...]:
        """Return the corpora whose heads give a label: the target, or else all that have the label."""
        having = tuple(corpus for corpus, known in self.pairs if known == label)
        return tuple(corpus for corpus in having if corpus in self.target) or having

    def merged(self, scores: Array, labels: Sequence[str]) -> Array:
        """Return a tensor of the merged head.

        Args:
            scores: a tensor whose first dimension is the outputs of all heads, in the order of `pairs`.
            labels: of the merged head, in the order of its first dimension.

        """
        rows = dict(zip(self.pairs, scores.astype(np.float64), strict=True))
        levels = {
            corpus: np.mean([row for (of, _), row in rows.items() if of == corpus], axis=0) for corpus, _ in self.pairs
        }
        level = np.mean([levels[corpus] for corpus in self.target or levels], axis=0)
        made = [
            level + np.mean([rows[corpus, label] - levels[corpus] for corpus in taken], axis=0) if taken else level
            for label, taken in ((label, self.of_label(label)) for label in labels)
        ]
        merged: Array = np.stack(made).astype(scores.dtype)
        return merged


FOLDER, WEIGHTS, ABOUT, LOCK = "pretrained", "weights.safetensors", "about.json", "lock"


@dataclass(frozen=True)
class StageData:
    """Data of one stage: utterances, their division, and the heads if the network has one per corpus."""

    utterances: tuple[Utterance, ...]
    fold: Fold
    heads: CorpusHeads | None = None


@dataclass(frozen=True)
class PretrainedWeights:
    """Weights of a finished first stage.

    Attributes:
        path: of the weights, which `emotone.transfer.weights` reads.
        about: signature, number of clips by corpus, epochs, best epoch, settings and history; with a head per corpus,
            for each label the corpora whose heads were merged.

    """

    path: Path
    about: dict[str, Any]


@dataclass(frozen=True, eq=False)
class TwoStageResult:
    """Result of both stages.

    Attributes:
        network: after the second stage.
        problems: recordings of the target that could not be used.
        absent: labels that the target's training part does not have; none if it is used without labels.
        about: first stage and transfer as plain tables for JSON.

    """

    network: TrainedNetwork
    problems: tuple[ExtractionProblem, ...]
    absent: tuple[str, ...]
    about: dict[str, Any]


def divide(resolved: ResolvedRecipe, utterances: Sequence[Utterance], fold: Fold) -> tuple[StageData, StageData]:
    """Return the data of the first and of the second stage.

    A first stage with early stopping uses a tenth of the other corpora's speakers as its development part, and in S1
    also the target's. If only the second stage stops early, the first does not train on that development part either.

    Raises:
        RunError: no pre-training or no test part that defines a target, no other corpus, or a corpus to be left out
            that is the target or was not given.

    """
    pretraining, target = _target(resolved, utterances, fold)
    known = {*fold.train, *fold.dev}
    own = tuple(each for each in utterances if each.key in known and each.corpus in target)
    skipped = {*target, *pretraining.without}
    others = tuple(each for each in utterances if each.key in known and each.corpus not in skipped)
    if not others:
        raise RunError(
            f"fold {fold.name}: there is no corpus to pre-train on: the target is {', '.join(sorted(target))}, left "
            f"out: {', '.join(pretraining.without) or 'none'}; give others with --corpus, and a protocol with one "
            "target corpus, e.g. onto-emodb-random-5"
        )
    stops, stops_later = pretraining.training.patience > 0, resolved.recipe.training.patience > 0
    held = dev_speakers(others, everything=others, index=0, seed=resolved.seed) if stops else set()
    dev = {each.key for each in others if each.speaker_key in held}
    first = others
    if pretraining.scenario == "S1":
        kept_back = set(fold.dev) if stops or stops_later else set()
        first += tuple(each for each in own if stops or each.key not in kept_back)
        dev |= kept_back if stops else set()
    keys = [each.key for each in first]
    training = tuple(key for key in keys if key not in dev)
    heads = CorpusHeads.of(first, target=target) if pretraining.heads == "corpus" else None
    return (
        StageData(first, Fold("pretraining", train=training, dev=_in(keys, dev), test=()), heads),
        StageData(own, replace(fold, train=tuple(each.key for each in own if each.key not in set(fold.dev)))),
    )


def fit_two_stages(
    resolved: ResolvedRecipe,
    utterances: Sequence[Utterance],
    fold: Fold,
    *,
    labels: tuple[str, ...],
    folder: Path | None = None,
    progress: Callable[[Epoch], None] | None = None,
) -> TwoStageResult:
    """Return the network trained on other corpora and then on a fold's target; its test part is not used.

    Args:
        resolved: with a pre-training stage and a plan for its weights.
        utterances: with labels from `labels`; features are read from the store when they are needed.
        fold: its train part holds clips of the target and of the other corpora, its test part clips of the target.
        labels: of all corpora, in the order of the logits.
        folder: for the checkpoint of the second stage; that of the first is in the cache.
        progress: called after each epoch; those of the second stage are numbered after those of the first.

    Raises:
        RunError: see `divide`; or nothing to train on.

    """
    pretraining, _ = _target(resolved, utterances, fold)
    recipe = resolved.recipe
    first, second = divide(resolved, utterances, fold)
    before = pretrain(resolved, first, labels=labels, progress=progress)

    def renumbered(epoch: Epoch) -> None:
        if progress is not None:
            progress(replace(epoch, number=pretraining.training.epochs + epoch.number))

    assert recipe.transfer is not None  # noqa: S101 - see `emotone.recipes.transfer.check_stages`
    transfer = replace(recipe.transfer, source=str(before.path))
    fine_tuning = resolve(replace(recipe, pretraining=None, transfer=transfer))
    extracted = fine_tuning.extract(second.utterances)
    network = fit(
        fine_tuning,
        second.utterances,
        extracted.features,
        second.fold,
        labels=labels,
        folder=folder,
        progress=renumbered,
    )
    present = {each.label for each in second.utterances if each.key in extracted.features}
    # Without labels, which of them the target has is unknown.
    absent = tuple(label for label in labels if label not in present) if network.adaptation is None else ()
    about = {"scenario": pretraining.scenario, "pretraining": before.about, **network.about(absent)}
    return TwoStageResult(network, extracted.problems, absent, about)


def pretrain(
    resolved: ResolvedRecipe,
    data: StageData,
    *,
    labels: tuple[str, ...],
    progress: Callable[[Epoch], None] | None = None,
) -> PretrainedWeights:
    """Return the weights of a first stage; those in the cache are not trained again.

    Their name hashes the recipe, the recordings' content and labels, and the division. A process that finds another
    one training the same weights waits for it.
    """
    try:
        from filelock import FileLock  # comes with torch
    except ModuleNotFoundError as error:
        raise missing_extra("filelock", "train", "pre-training") from error
    recipe = resolved.recipe
    assert recipe.pretraining is not None  # noqa: S101 - checked by `_target`
    first = resolve(replace(recipe, training=recipe.pretraining.training, pretraining=None, transfer=None))
    folder = cache_dir() / FOLDER / _name(first, data, labels=labels)
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / LOCK):
        if not _is_whole(folder):
            _train(first, data, folder, labels=labels, progress=progress)
    about: dict[str, Any] = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
    return PretrainedWeights(folder / WEIGHTS, about)


def _train(
    resolved: ResolvedRecipe,
    data: StageData,
    folder: Path,
    *,
    labels: tuple[str, ...],
    progress: Callable[[Epoch], None] | None,
) -> None:
    """Train in a folder of the cache; the weights are written last, and mark it as finished."""
    extracted, heads = resolved.extract(data.utterances), data.heads
    network = fit(
        resolved,
        data.utterances if heads is None else heads.labelled(data.utterances),
        extracted.features,
        data.fold,
        labels=labels if heads is None else heads.names,
        heads=() if heads is None else heads.numbers,
        folder=folder,
        progress=progress,
    )
    counts = Counter(each.corpus for each in data.utterances if each.key in extracted.features)
    about: dict[str, Any] = {
        "signature": folder.name,
        "corpora": dict(sorted(counts.items())),
        "epochs": len(network.history),
        "best": network.best,
        "settings": to_mapping(resolved.recipe.training),
        "history": [epoch.to_dict() for epoch in network.history],
    }
    tensors = {name: value.detach().cpu().numpy() for name, value in network.net.state_dict().items()}
    if heads is not None:
        about["heads"] = {label: list(heads.of_label(label)) for label in labels}
        for name in output_tensors(resolved.recipe, network.net, len(heads.names)):
            tensors[name] = heads.merged(tensors[name], labels)
    with atomic_write(folder / ABOUT, text=True) as stream:
        stream.write(json.dumps(about) + "\n")
    licence = resolved.recipe.licence
    write_weights(folder / WEIGHTS, SourceWeights(f"pretraining-{folder.name}", tensors, licence=licence))
    (folder / CHECKPOINT).unlink(missing_ok=True)


def _is_whole(folder: Path) -> bool:
    """Return whether a folder holds a finished stage; a damaged one is trained again."""
    if not (folder / WEIGHTS).exists() or not (folder / ABOUT).exists():
        return False
    try:
        read_weights(folder / WEIGHTS)
    except SourceError:
        return False
    return True


def _name(resolved: ResolvedRecipe, data: StageData, *, labels: tuple[str, ...]) -> str:
    clips = sorted((each.key, each.label, sha256_file(each.path), each.start, each.end) for each in data.utterances)
    version = resolved.recipe.feature.version
    return signature(resolved.signature, version, clips, list(labels), sorted(data.fold.dev), data.heads)


def _target(resolved: ResolvedRecipe, utterances: Sequence[Utterance], fold: Fold) -> tuple[Pretraining, set[str]]:
    """Return the pre-training settings and the target's corpora."""
    pretraining = resolved.recipe.pretraining
    if pretraining is None:
        raise RunError(f"recipe {resolved.name} has no table [pretraining]: it is trained in one stage")
    tested = set(fold.test)
    target = {each.corpus for each in utterances if each.key in tested}
    if not target:
        raise RunError(
            f"recipe {resolved.name} is pre-trained on other corpora than the target, and fold {fold.name} has no "
            "test part; use emotone evaluate with a protocol such as onto-emodb-random-5"
        )
    given = {each.corpus for each in utterances}
    for corpus in pretraining.without:
        if corpus in target:
            raise RunError(f"pretraining.without names {corpus}, which is the target of fold {fold.name}")
        if corpus not in given:
            raise RunError(f"pretraining.without: {unknown_name('given corpus', corpus, given)}")
    return pretraining, target


def _in(keys: Sequence[str], chosen: set[str]) -> tuple[str, ...]:
    return tuple(key for key in keys if key in chosen)
