"""What a student's layers tell of sounds it has no names for: pooled activations and a linear classifier.

Conventions: labels are ESC's, or any; folds are held out one after another; the classifier is fitted on the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from emotone.distil.learn import settled, student_spec
from emotone.errors import missing_extra

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from emotone.distil.learn import Lesson
    from emotone.distil.recipe import SourceRecipe
    from emotone.nets._waveform import ManyHeads
    from emotone.types import Array

LAYERS = ("conv1", "conv2", "conv3", "conv4")


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


def chance(labels: Sequence[str]) -> float:
    """Return the accuracy of always saying the most frequent label."""
    _, counts = np.unique(np.array(labels), return_counts=True)
    found: NDArray[np.int64] = counts
    return float(found.max() / found.sum())
