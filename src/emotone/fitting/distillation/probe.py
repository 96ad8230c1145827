"""What a student's layers tell of sounds it has no names for: pooled activations and a linear classifier.

Conventions: labels are ESC's, or any; folds are held out one after another; the classifier is fitted on the others.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from emotone.errors import RunError, missing_extra
from emotone.fitting.distillation.learn import settled, student_spec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from emotone.fitting.distillation.learn import Lesson
    from emotone.fitting.distillation.run import Ready
    from emotone.nets.blocks.waveform import ManyHeads
    from emotone.recipes.source_recipe import SourceRecipe
    from emotone.types import Array

LAYERS = ("conv1", "conv2", "conv3", "conv4")
SEEN = (*((layer,) for layer in LAYERS), LAYERS)  # what a classifier sees: each layer alone, then all


@dataclass(frozen=True)
class Probe:
    """Accuracy of a linear classifier on pooled layers.

    Attributes:
        layers: which ones.
        folds: accuracy by name of the fold that was held out.
        accuracy: over all clips.
        clips: how many.

    """

    layers: tuple[str, ...]
    folds: dict[str, float]
    accuracy: float
    clips: int


@dataclass(frozen=True)
class Comparison:
    """A student beside twins that learned nothing.

    Attributes:
        folder: whose sounds.
        classes: number of labels.
        chance: accuracy of always saying the most frequent one.
        unheard: folds that the student did not hear while it learned, not even without labels.
        probes: by net, "student" or "untrained-SEED", one for each of `SEEN`.

    """

    folder: str
    classes: int
    chance: float
    unheard: tuple[str, ...]
    probes: dict[str, tuple[Probe, ...]]


def pooled_layers(net: ManyHeads, signals: Sequence[Array]) -> dict[str, Array]:
    """Return mean and deviation over time of each layer, [signals, 2 channels] by its name.

    Args:
        net: in eval mode.
        signals: [time] at 16 kHz, of any length, one after another through the net.

    """
    rows: dict[str, list[Array]] = {layer: [] for layer in LAYERS}
    with torch.inference_mode():
        for signal in signals:
            x, lengths = torch.from_numpy(signal)[None, :, None], None
            for name, block in net.blocks.items():
                if name == "heads":
                    continue
                x, lengths = block(x, lengths)
                if name in rows:
                    rows[name].append(torch.cat([x.mean(dim=2), x.std(dim=2, correction=0)], dim=1)[0].numpy())
    return {name: np.stack(found) for name, found in rows.items()}


def probe(
    pooled: Mapping[str, Array],
    labels: Sequence[str],
    folds: Sequence[str],
    *,
    layers: tuple[str, ...] = LAYERS,
    strength: float = 0.01,
) -> Probe:
    """Return the accuracy of logistic regression on standardised layers, each fold in turn held out.

    Args:
        pooled: from `pooled_layers`.
        labels: of the signals.
        folds: of the signals; all that belongs together (clips of one recording) in one fold.
        layers: that the classifier sees, side by side.
        strength: inverse of its regularisation, C.

    Raises:
        MissingExtraError: scikit-learn is not installed.

    """
    try:
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler
    except ModuleNotFoundError as error:
        raise missing_extra("scikit-learn", "baselines", "probing a source") from error
    x = np.concatenate([pooled[layer] for layer in layers], axis=1)
    truth, parts = np.array(labels), np.array(folds)
    right = np.zeros(len(truth), bool)
    for fold in np.unique(parts):
        held = parts == fold
        classifier = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=2000))
        classifier.fit(x[~held], truth[~held])
        right[held] = classifier.predict(x[held]) == truth[held]
    by_fold = {str(fold): float(right[parts == fold].mean()) for fold in np.unique(parts)}
    return Probe(layers, by_fold, float(right.mean()), len(truth))


def untrained_twin(recipe: SourceRecipe, lesson: Lesson, *, seed: int) -> ManyHeads:
    """Return a student that has learned nothing, but whose normalisation is settled on the same sound.

    Without that its layers would stay far from where a ReLU tells anything, and the comparison would be too easy.
    """
    torch.manual_seed(seed)
    return settled(student_spec(recipe, lesson.train_logits.shape[1]).build(), lesson, recipe)


def compare(ready: Ready, net: ManyHeads, *, folder: str, label: str, seeds: Sequence[int] = (1, 2, 3)) -> Comparison:
    """Return what the layers tell of a folder's sounds, after learning and before.

    The folds are the folder's groups. The student may have heard those that were not held out, though never with
    their labels: `Comparison.unheard` names the folds of which it heard nothing.

    Args:
        ready: the training's sound and stretches.
        net: the student.
        folder: one of the recipe's sounds.
        label: pattern searched in a recording's path; its first group is what the classifier must say.
        seeds: of the untrained twins.

    Raises:
        RunError: a path without a label.

    """
    recordings = [item for item in ready.sound.recordings if item.folder == folder]
    matches = [re.search(label, item.path) for item in recordings]
    for item, match in zip(recordings, matches, strict=True):
        if match is None:
            raise RunError(f"sound {folder}: the label '{label}' is not found in {item.path}")
    labels = [match.group(1) for match in matches if match is not None]
    folds = [item.group for item in recordings]
    signals = [ready.sound.signal(item, 0, item.length) for item in recordings]
    unheard = tuple(group for name, group in sorted(ready.sound.held_out) if name == folder)
    return compare_on(ready, net, signals, labels=labels, folds=folds, folder=folder, unheard=unheard, seeds=seeds)


def compare_on(
    ready: Ready,
    net: ManyHeads,
    signals: Sequence[Array],
    *,
    labels: Sequence[str],
    folds: Sequence[str],
    folder: str,
    unheard: tuple[str, ...] | None = None,
    seeds: Sequence[int] = (1, 2, 3),
) -> Comparison:
    """Return what the layers tell of any signals, after learning and before.

    Args:
        ready: the training's sound and stretches, on which the twins are settled.
        net: the student.
        signals: [time] at 16 kHz.
        labels: of the signals.
        folds: of the signals.
        folder: what they are called.
        unheard: folds that the student did not hear; None for all.
        seeds: of the untrained twins.

    """
    nets = {"student": net} | {
        f"untrained-{seed}": untrained_twin(ready.recipe, ready.lesson, seed=seed) for seed in seeds
    }
    found: dict[str, tuple[Probe, ...]] = {}
    for name, one in nets.items():
        pooled = pooled_layers(one, signals)
        found[name] = tuple(probe(pooled, labels, folds, layers=layers) for layers in SEEN)
    silent = tuple(sorted(set(folds))) if unheard is None else unheard
    return Comparison(folder, len(set(labels)), chance(labels), silent, found)


def chance(labels: Sequence[str]) -> float:
    """Return the accuracy of always saying the most frequent label."""
    _, counts = np.unique(np.array(labels), return_counts=True)
    found: NDArray[np.int64] = counts
    return float(found.max() / found.sum())
