"""Scores on the development part, from windows judged as in prediction: they choose the weights that are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from emotone.errors import RunError
from emotone.features.windows import window_starts
from emotone.metrics.detection import auroc
from emotone.training.batches import Outputs, pad
from emotone.training.heads import own_scores

if TYPE_CHECKING:
    from typing import Literal

    from numpy.typing import NDArray
    from torch import Tensor, nn

    from emotone.training.batches import Examples
    from emotone.training.loop import Task
    from emotone.types import Array

AT_ONCE = 64  # windows


def development_score(net: nn.Module, task: Task, *, monitor: Literal["uar", "auroc"] = "uar") -> float | None:
    """Return the score of a net, put in eval mode, on the development part, mean over its corpora; None if empty.

    Where the net has several heads, each clip is judged by its own: its probabilities are of that head's labels.

    Args:
        net: gives logits.
        task: the data.
        monitor: "uar" for the unweighted average recall of clips, each the mean of its windows; "auroc" for the area
            under the ROC of windows, of each label against the rest, mean over labels.

    Raises:
        RunError: the area is undefined: no corpus has two labels.

    """
    if len(task.development) == 0:
        return None
    net.eval()
    return _recall_of_clips(net, task) if monitor == "uar" else _area_of_windows(net, task)


def _recall_of_clips(net: nn.Module, task: Task) -> float:
    examples = task.development
    if isinstance(examples, Outputs):
        firsts = np.cumsum(examples.counts) - examples.counts
        of_clips = np.split(_of_outputs(net, examples, task), firsts[1:])
        every_label, corpora = examples.labels[firsts], examples.corpora[firsts]
    else:
        of_clips = [
            _probabilities(net, windows, own_scores(examples.labels[[number]], task.heads))
            for number, windows in enumerate(windows_of(examples, task))
        ]
        every_label, corpora = examples.labels, examples.corpora
    predicted = np.array([np.argmax(item.mean(axis=0)) for item in of_clips], np.int64)
    return recall_by_corpus(every_label, predicted, corpora)


def recall_by_corpus(truth: NDArray[Any], predicted: NDArray[Any], corpora: NDArray[Any]) -> float:
    """Return the unweighted average recall of clips, mean over corpora.

    Args:
        truth: label of each clip [clips].
        predicted: what is said of it.
        corpora: that it is from.

    """
    scores = []
    for corpus in np.unique(corpora):
        of_corpus, said = truth[corpora == corpus], predicted[corpora == corpus]
        scores.append(np.mean([np.mean(said[of_corpus == label] == label) for label in np.unique(of_corpus)]))
    return float(np.mean(scores))


def _area_of_windows(net: nn.Module, task: Task) -> float:
    examples = task.development
    if isinstance(examples, Outputs):
        probabilities, labels, corpora = _of_outputs(net, examples, task), examples.labels, examples.corpora
    else:
        windows = windows_of(examples, task)
        counts = [len(item) for item in windows]
        every = [window for item in windows for window in item]
        labels, corpora = np.repeat(examples.labels, counts), np.repeat(examples.corpora, counts)
        parts = [slice(first, first + AT_ONCE) for first in range(0, len(every), AT_ONCE)]
        probabilities = np.concatenate(
            [_probabilities(net, every[part], own_scores(labels[part], task.heads)) for part in parts]
        )
    scores = [
        _area(labels[corpora == corpus], probabilities[corpora == corpus])
        for corpus in np.unique(corpora)
        if len(np.unique(labels[corpora == corpus])) > 1
    ]
    if not scores:
        raise RunError(
            "the AU-ROC of the development part is undefined: no corpus of it has two labels; "
            'give more speakers, or set training.monitor = "uar"'
        )
    return float(np.mean(scores))


def _area(truth: NDArray[np.int64], probabilities: Array) -> float:
    there = np.unique(truth)
    if probabilities.shape[1] == 2:
        there = there[:1]  # of two, each is the other's mirror
    return float(np.mean([auroc(truth == label, probabilities[:, label]) for label in there]))


def windows_of(examples: Examples, task: Task) -> list[list[Array]]:
    """Return the windows [time, dimension] of each example, as a task judges them."""
    starts = examples.windows(window=task.window, hop=task.hop, least=task.least)
    return [
        [rows[first : first + task.window] for first in given.tolist()]
        for rows, given in zip(examples.features, starts, strict=True)
    ]


def window_probabilities(net: nn.Module, features: Array, *, window: int, hop: int, least: int) -> Array:
    """Return the probabilities [windows, classes] of a recording's windows (see `emotone.features.windows`)."""
    starts = window_starts(features.shape[0], window=window, hop=hop, least=least)
    return _probabilities(net, [features[start : start + window] for start in starts])


def _probabilities(net: nn.Module, windows: list[Array], own: NDArray[np.bool_] | None = None) -> Array:
    inputs, lengths = pad(windows)
    whole = bool((lengths == lengths[0]).all())
    with torch.inference_mode():
        return _softmax(net(torch.from_numpy(inputs), None if whole else torch.from_numpy(lengths)), own)


def _of_outputs(net: nn.Module, outputs: Outputs, task: Task) -> Array:
    """Return the probabilities [windows, classes] of windows whose first blocks were computed before."""
    made = []
    with torch.inference_mode():
        for first in range(0, len(outputs), AT_ONCE):
            batch = outputs.batch(slice(first, first + AT_ONCE))
            lengths = None if batch.lengths is None else torch.from_numpy(batch.lengths)
            logits = net(torch.from_numpy(batch.inputs), lengths)
            made.append(_softmax(logits, own_scores(batch.labels, task.heads)))
    probabilities: Array = np.concatenate(made)
    return probabilities


def _softmax(logits: Tensor, own: NDArray[np.bool_] | None) -> Array:
    """Return probabilities [windows, classes] of each window's own scores, 0 for the others."""
    if own is not None:
        logits = logits.masked_fill(torch.from_numpy(~own), float("-inf"))
    probabilities: Array = torch.softmax(logits, dim=1).numpy()
    return probabilities
