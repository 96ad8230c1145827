"""Layer probes: how well a linear classifier predicts labels from a student's pooled activations.

Conventions: labels may be of any kind; each fold in turn is held out, and the classifier is fitted on the others.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import torch

from emotone.errors import RunError, missing_extra
from emotone.fitting.distillation.source_run import LayerProbe, ProbeComparison
from emotone.fitting.distillation.student import student_spec, with_exact_statistics

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from emotone.fitting.distillation.run import PreparedSource
    from emotone.fitting.distillation.student import DistillationData
    from emotone.nets.blocks.waveform import MultiHeadNetwork
    from emotone.recipes.source_recipe import SourceRecipe
    from emotone.types import Array

LAYERS = ("conv1", "conv2", "conv3", "conv4")
INPUTS = (*((layer,) for layer in LAYERS), LAYERS)  # of the classifiers: each layer alone, then all


def pooled_layers(net: MultiHeadNetwork, signals: Sequence[Array]) -> dict[str, Array]:
    """Return mean and standard deviation over time of each layer, [signals, 2 channels] by its name.

    Args:
        net: in eval mode.
        signals: [time] at 16 kHz, of any length, processed one at a time.

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
    return {name: np.stack(of_signals) for name, of_signals in rows.items()}


def probe(
    pooled: Mapping[str, Array],
    labels: Sequence[str],
    folds: Sequence[str],
    *,
    layers: tuple[str, ...] = LAYERS,
    strength: float = 0.01,
) -> LayerProbe:
    """Return the cross-validated accuracy of a logistic regression on standardised layers.

    Args:
        pooled: from `pooled_layers`.
        labels: of the signals.
        folds: of the signals; related signals (clips of one recording) belong to one fold.
        layers: inputs of the classifier, concatenated.
        strength: inverse of the regularisation, C.

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
    correct = np.zeros(len(truth), bool)
    for fold in np.unique(parts):
        held = parts == fold
        classifier = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=2000))
        classifier.fit(x[~held], truth[~held])
        correct[held] = classifier.predict(x[held]) == truth[held]
    by_fold = {str(fold): float(correct[parts == fold].mean()) for fold in np.unique(parts)}
    return LayerProbe(layers, by_fold, float(correct.mean()), len(truth))


def untrained_student(recipe: SourceRecipe, data: DistillationData, *, seed: int) -> MultiHeadNetwork:
    """Return a student with random weights whose batch normalisation statistics are from the training sound.

    Without these statistics most activations would be outside the range where a ReLU is informative, and the
    comparison would be too easy.
    """
    torch.manual_seed(seed)
    return with_exact_statistics(student_spec(recipe, data.train_logits.shape[1]).build(), data, recipe)


def compare_folder(
    prepared: PreparedSource, net: MultiHeadNetwork, *, folder: str, label: str, seeds: Sequence[int] = (1, 2, 3)
) -> ProbeComparison:
    """Return probes of the student and of untrained networks on the recordings of one of the recipe's folders.

    The folds are the folder's groups. Those that were not held out are part of the student's training sound, though
    without their labels: `ProbeComparison.unheard` names the others.

    Args:
        prepared: sound and excerpts of the training.
        net: the student.
        folder: one of the recipe's sounds.
        label: regular expression searched in a recording's path; its first group is the label.
        seeds: of the untrained networks.

    Raises:
        RunError: a path has no label.

    """
    recordings = [recording for recording in prepared.sound.recordings if recording.folder == folder]
    labels = []
    for recording in recordings:
        match = re.search(label, recording.path)
        if match is None:
            raise RunError(f"sound {folder}: the label '{label}' is not found in {recording.path}")
        labels.append(match.group(1))
    folds = [recording.group for recording in recordings]
    signals = [prepared.sound.signal(recording, 0, recording.length) for recording in recordings]
    unheard = tuple(group for name, group in sorted(prepared.sound.held_out) if name == folder)
    return compare_signals(
        prepared, net, signals, labels=labels, folds=folds, folder=folder, unheard=unheard, seeds=seeds
    )


def compare_signals(
    prepared: PreparedSource,
    net: MultiHeadNetwork,
    signals: Sequence[Array],
    *,
    labels: Sequence[str],
    folds: Sequence[str],
    folder: str,
    unheard: tuple[str, ...] | None = None,
    seeds: Sequence[int] = (1, 2, 3),
) -> ProbeComparison:
    """Return probes of the student and of untrained networks on any signals.

    Args:
        prepared: sound and excerpts of the training, for the statistics of the untrained networks.
        net: the student.
        signals: [time] at 16 kHz.
        labels: of the signals.
        folds: of the signals.
        folder: name of the signals.
        unheard: folds that are not part of the student's training sound; None for all.
        seeds: of the untrained networks.

    """
    nets = {"student": net} | {
        f"untrained-{seed}": untrained_student(prepared.recipe, prepared.data, seed=seed) for seed in seeds
    }
    probes: dict[str, tuple[LayerProbe, ...]] = {}
    for name, each in nets.items():
        pooled = pooled_layers(each, signals)
        probes[name] = tuple(probe(pooled, labels, folds, layers=layers) for layers in INPUTS)
    new = tuple(sorted(set(folds))) if unheard is None else unheard
    return ProbeComparison(folder, len(set(labels)), chance(labels), new, probes)


def chance(labels: Sequence[str]) -> float:
    """Return the accuracy of always predicting the most frequent label."""
    _, counts = np.unique(np.array(labels), return_counts=True)
    found: NDArray[np.int64] = counts
    return float(found.max() / found.sum())
