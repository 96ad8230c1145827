"""Scores on the development part, from windows as in prediction: they select the epoch whose weights are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from emotone.errors import RunError
from emotone.features.windows import window_starts
from emotone.metrics.detection import auroc
from emotone.training.batches import PrefixOutputs, pad

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import Tensor, nn

    from emotone.recipes.training import Monitor
    from emotone.training.batches import Task
    from emotone.types import Array

BATCH = 64  # windows
SIMILAR = 16  # windows of clips, sorted by length: little padding is computed
SMALLEST = 1e-30  # probability of a clip's label: its logarithm is finite


def development_score(net: nn.Module, task: Task, *, monitor: Monitor = "uar") -> float | None:
    """Return the score of a network on the development part, mean over its corpora; None if the part is empty.

    The network is put in eval mode. If it has several heads, the probabilities of each clip are those of the labels of
    its own head.

    Args:
        net: returns logits.
        task: the data.
        monitor: "uar" for the unweighted average recall of clips, whose probabilities are the mean over their windows;
            "auroc" for the area under the ROC curve of windows, one label against the rest, mean over labels;
            "cross-entropy" for the mean ln p of the label of clips, which is at most 0.

    Raises:
        RunError: the AU-ROC is undefined: no corpus has two labels.

    """
    if len(task.development) == 0:
        return None
    net.eval()
    return _window_auroc(net, task) if monitor == "auroc" else _clip_score(net, task, monitor=monitor)


def own_scores(labels: NDArray[np.int64], heads: Sequence[int]) -> NDArray[np.bool_] | None:
    """Return which scores [examples, scores] belong to each example's head; None if there is only one head.

    Example:
        >>> own_scores(np.array([0, 2]), (0, 0, 1)).tolist()
        [[True, True, False], [False, False, True]]

    """
    if not heads:
        return None
    numbers = np.array(heads)
    own: NDArray[np.bool_] = numbers[labels][:, None] == numbers
    return own


def recall_by_corpus(truth: NDArray[Any], predicted: NDArray[Any], corpora: NDArray[Any]) -> float:
    """Return the unweighted average recall of clips, mean over corpora.

    Args:
        truth: label of each clip [clips].
        predicted: predicted label of each clip.
        corpora: corpus of each clip.

    """
    scores = []
    for corpus in np.unique(corpora):
        labels, predictions = truth[corpora == corpus], predicted[corpora == corpus]
        scores.append(np.mean([np.mean(predictions[labels == label] == label) for label in np.unique(labels)]))
    return float(np.mean(scores))


def window_probabilities(net: nn.Module, features: Array, *, window: int, hop: int, min_frames: int) -> Array:
    """Return the probabilities [windows, labels] of a recording's windows (see `emotone.features.windows`)."""
    starts = window_starts(features.shape[0], window=window, hop=hop, min_frames=min_frames)
    return _probabilities(net, [features[start : start + window] for start in starts])


def _clip_score(net: nn.Module, task: Task, *, monitor: Monitor) -> float:
    examples = task.development
    if isinstance(examples, PrefixOutputs):
        firsts = np.cumsum(examples.counts) - examples.counts
        by_window = np.split(_output_probabilities(net, examples, task), firsts[1:])
        labels, corpora = examples.labels[firsts], examples.corpora[firsts]
    else:
        by_window = _by_clip(net, task.windows(examples), own_scores(examples.labels, task.heads))
        labels, corpora = examples.labels, examples.corpora
    probabilities = np.stack([of_clip.mean(axis=0) for of_clip in by_window])
    if monitor == "uar":
        return recall_by_corpus(labels, np.argmax(probabilities, axis=1), corpora)
    logs = np.log(np.maximum(probabilities[np.arange(len(labels)), labels], SMALLEST))
    return float(np.mean([logs[corpora == corpus].mean() for corpus in np.unique(corpora)]))


def _by_clip(net: nn.Module, clips: list[list[Array]], own: NDArray[np.bool_] | None) -> list[Array]:
    """Return the probabilities [windows, labels] of each clip; equally long windows are computed together."""
    counts = [len(windows) for windows in clips]
    windows = [window for of_clip in clips for window in of_clip]
    clip = np.repeat(np.arange(len(clips)), counts)
    order = np.argsort([len(window) for window in windows], kind="stable")
    found: dict[int, Array] = {}
    for first in range(0, len(order), SIMILAR):
        chosen = order[first : first + SIMILAR]
        rows = _probabilities(net, [windows[number] for number in chosen], None if own is None else own[clip[chosen]])
        found.update(zip(chosen.tolist(), rows, strict=True))
    together = np.stack([found[number] for number in range(len(windows))])
    return np.split(together, np.cumsum(counts)[:-1])


def _window_auroc(net: nn.Module, task: Task) -> float:
    examples = task.development
    if isinstance(examples, PrefixOutputs):
        probabilities, labels, corpora = _output_probabilities(net, examples, task), examples.labels, examples.corpora
    else:
        by_clip = task.windows(examples)
        counts = [len(windows) for windows in by_clip]
        windows = [window for of_clip in by_clip for window in of_clip]
        labels, corpora = np.repeat(examples.labels, counts), np.repeat(examples.corpora, counts)
        parts = [slice(first, first + BATCH) for first in range(0, len(windows), BATCH)]
        probabilities = np.concatenate(
            [_probabilities(net, windows[part], own_scores(labels[part], task.heads)) for part in parts]
        )
    scores = [
        _auroc(labels[corpora == corpus], probabilities[corpora == corpus])
        for corpus in np.unique(corpora)
        if len(np.unique(labels[corpora == corpus])) > 1
    ]
    if not scores:
        raise RunError(
            "the AU-ROC of the development part is undefined: no corpus of it has two labels; "
            'add speakers, or set training.monitor = "uar"'
        )
    return float(np.mean(scores))


def _auroc(truth: NDArray[np.int64], probabilities: Array) -> float:
    labels = np.unique(truth)
    if probabilities.shape[1] == 2:
        labels = labels[:1]  # both labels of a pair have the same area
    return float(np.mean([auroc(truth == label, probabilities[:, label]) for label in labels]))


def _probabilities(net: nn.Module, windows: list[Array], own: NDArray[np.bool_] | None = None) -> Array:
    inputs, lengths = pad(windows)
    equal = bool((lengths == lengths[0]).all())
    with torch.inference_mode():
        return _softmax(net(torch.from_numpy(inputs), None if equal else torch.from_numpy(lengths)), own)


def _output_probabilities(net: nn.Module, outputs: PrefixOutputs, task: Task) -> Array:
    """Return the probabilities [windows, labels] of windows for which the frozen first blocks are computed already."""
    parts = []
    with torch.inference_mode():
        for first in range(0, len(outputs), BATCH):
            batch = outputs.batch(slice(first, first + BATCH))
            lengths = None if batch.lengths is None else torch.from_numpy(batch.lengths)
            logits = net(torch.from_numpy(batch.inputs), lengths)
            parts.append(_softmax(logits, own_scores(batch.labels, task.heads)))
    probabilities: Array = np.concatenate(parts)
    return probabilities


def _softmax(logits: Tensor, own: NDArray[np.bool_] | None) -> Array:
    """Return probabilities [windows, labels] over each window's own scores, 0 for the others."""
    if own is not None:
        logits = logits.masked_fill(torch.from_numpy(~own), float("-inf"))
    probabilities: Array = torch.softmax(logits, dim=1).numpy()
    return probabilities
