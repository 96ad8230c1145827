"""Segment and clip accuracies of systems that predict each segment of a clip.

Conventions:
    One entry is one segment: `clips` names its clip, `truth` is the label of that clip. Entries may be in any order;
    all segments of a clip have the same truth. The prediction of a segment is the first label with the largest
    probability. For a clip of k segments, M is the set of labels that are predicted most often among the k.

    | | | a clip is correct if |
    | --- | --- | --- |
    | SA | segment accuracy | (of segments) the segment's prediction is the truth |
    | ACA | absolute clip accuracy | every segment is predicted correctly |
    | SCA | standard clip accuracy | M contains only the truth: a tie is incorrect |
    | ALCA | average logits clip accuracy | the truth has the largest mean logit; of ties the first label counts |
    | BCA | best clip accuracy | M contains the truth |

    ACA <= SCA <= BCA always holds, and for clips of one segment all five are equal; ALCA is not ordered.

The key idea of ALCA from probabilities: let z_jc be the logit of label c in segment j, T a temperature, and
p_jc = exp(z_jc / T) / Z_j with Z_j = sum over c of exp(z_jc / T). Then
    mean over j of log p_jc = (mean over j of z_jc) / T - mean over j of log Z_j,
whose last term is the same for every label of the clip. So both means are largest for the same label, and tables
need not store logits.

Contents:
    clip_outcomes, and the five accuracies: segment_accuracy, absolute_clip_accuracy, standard_clip_accuracy,
    average_logits_clip_accuracy, best_clip_accuracy

Reference:
    Sahoo, Kumar, Raman, Roy: A Segment Level Approach to Speech Emotion Recognition using Transfer Learning. Proc. ACPR
    2019, section 3.3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from emotone.errors import RunError
from emotone.metrics.classification import codes_and_probabilities

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from emotone.metrics.classification import Rows

    Names = Sequence[str] | NDArray[np.str_]

FLOOR = 5e-9  # tables round probabilities to eight digits: a stored 0 was less than this


@dataclass(frozen=True, eq=False)
class ClipOutcomes:
    """Whether every clip and every segment is correct, by each definition.

    Attributes:
        clips: names [clips], sorted.
        entry: the first entry of each clip [clips].
        segments: number of segments [clips].
        truth: index of the label [clips].
        average: index of the label with the largest mean logit [clips].
        right: whether each segment is predicted correctly [entries], in the order given.
        absolute: whether all segments of the clip are correct [clips].
        standard: whether the truth is predicted more often than every other label [clips].
        best: whether no label is predicted more often than the truth [clips].

    """

    clips: NDArray[np.str_]
    entry: NDArray[np.intp]
    segments: NDArray[np.int64]
    truth: NDArray[np.intp]
    average: NDArray[np.intp]
    right: NDArray[np.bool_]
    absolute: NDArray[np.bool_]
    standard: NDArray[np.bool_]
    best: NDArray[np.bool_]

    @property
    def average_logits(self) -> NDArray[np.bool_]:
        """Whether the label with the largest mean logit is the truth [clips]."""
        return np.asarray(self.average == self.truth)


def clip_outcomes(clips: Names, truth: Names, probabilities: Rows, *, labels: Sequence[str]) -> ClipOutcomes:
    """Return which segments and clips are correct, by every definition of this module.

    The logarithm of 0 would dominate the mean. A probability of 0 (rounded, or of an excluded label) counts as 5e-9, or
    as the segment's smallest other probability if that is less.

    Args:
        clips: the clip of each segment [n].
        truth: that clip's label [n].
        probabilities: [n, labels].
        labels: names of the columns.

    Raises:
        RunError: empty input, lengths that differ, rows that are not probabilities, or a clip with two truths.
        UnknownNameError: a label that is not in `labels`.

    Example:
        >>> outcomes = clip_outcomes(["a", "a", "b"], ["joy", "joy", "fear"], [[0.3, 0.7], [0.6, 0.4], [0.9, 0.1]],
        ...                        labels=["fear", "joy"])
        >>> outcomes.standard, outcomes.best, outcomes.average_logits
        (array([False,  True]), array([ True,  True]), array([ True,  True]))

    """
    codes, rows = codes_and_probabilities(truth, probabilities, labels=labels)
    if len(clips) != len(codes):
        raise RunError(f"{len(clips)} clips were given for {len(codes)} segments; the numbers must be equal")
    names, entry, of = np.unique(np.asarray(clips, dtype=np.str_), return_index=True, return_inverse=True)
    of = of.reshape(-1)
    expected = codes[entry]
    conflicting = expected[of] != codes
    if conflicting.any():
        first = int(conflicting.argmax())
        raise RunError(
            f"{names[of[first]]} has segments of '{labels[expected[of[first]]]}' and of '{labels[codes[first]]}'; all "
            "segments of a clip have the clip's label"
        )
    size, columns = len(names), len(labels)
    votes = np.bincount(of * columns + rows.argmax(axis=1), minlength=size * columns).reshape(size, columns)
    segments = votes.sum(axis=1)
    own = votes[np.arange(size), expected]
    largest = votes.max(axis=1)
    best = own == largest
    smallest = np.where(rows > 0, rows, FLOOR).min(axis=1, keepdims=True)
    logits = np.log(np.where(rows > 0, rows, np.minimum(smallest, FLOOR)))
    sums = np.stack([_sums(logits[:, column], of, size=size) for column in range(columns)], axis=1)
    return ClipOutcomes(
        clips=names,
        entry=entry,
        segments=segments.astype(np.int64),
        truth=expected,
        average=sums.argmax(axis=1),
        right=rows.argmax(axis=1) == codes,
        absolute=own == segments,
        standard=best & ((votes == largest[:, None]).sum(axis=1) == 1),
        best=best,
    )


def _sums(values: NDArray[np.float64], clips: NDArray[np.intp], *, size: int) -> NDArray[np.float64]:
    """Return the sum of each clip's values [size], bit-identical for any order of the entries."""
    order = np.lexsort((values, clips))
    return np.bincount(clips[order], weights=values[order], minlength=size).astype(np.float64)


def segment_accuracy(clips: Names, truth: Names, probabilities: Rows, *, labels: Sequence[str]) -> float:
    """Return SA in [0, 1]: the share of segments that are predicted correctly.

    Arguments and errors are those of `clip_outcomes`, here and below.

    Example:
        >>> segment_accuracy(["a", "a"], ["joy", "joy"], [[0.3, 0.7], [0.6, 0.4]], labels=["fear", "joy"])
        0.5

    """
    return float(clip_outcomes(clips, truth, probabilities, labels=labels).right.mean())


def absolute_clip_accuracy(clips: Names, truth: Names, probabilities: Rows, *, labels: Sequence[str]) -> float:
    """Return ACA in [0, 1]: the share of clips whose segments are all predicted correctly.

    Example:
        >>> absolute_clip_accuracy(["a", "a"], ["joy", "joy"], [[0.3, 0.7], [0.6, 0.4]], labels=["fear", "joy"])
        0.0

    """
    return float(clip_outcomes(clips, truth, probabilities, labels=labels).absolute.mean())


def standard_clip_accuracy(clips: Names, truth: Names, probabilities: Rows, *, labels: Sequence[str]) -> float:
    """Return SCA in [0, 1]: the share of clips whose truth is predicted more often than every other label.

    Example:
        >>> standard_clip_accuracy(["a", "a"], ["joy", "joy"], [[0.3, 0.7], [0.6, 0.4]], labels=["fear", "joy"])
        0.0

    """
    return float(clip_outcomes(clips, truth, probabilities, labels=labels).standard.mean())


def average_logits_clip_accuracy(clips: Names, truth: Names, probabilities: Rows, *, labels: Sequence[str]) -> float:
    """Return ALCA in [0, 1]: the share of clips whose truth has the largest mean logit over the segments.

    Of labels with equal means the first in `labels` is predicted. The module docstring derives it from probabilities.

    Example:
        >>> average_logits_clip_accuracy(["a", "a"], ["joy", "joy"], [[0.3, 0.7], [0.6, 0.4]], labels=["fear", "joy"])
        1.0

    """
    return float(clip_outcomes(clips, truth, probabilities, labels=labels).average_logits.mean())


def best_clip_accuracy(clips: Names, truth: Names, probabilities: Rows, *, labels: Sequence[str]) -> float:
    """Return BCA in [0, 1]: the share of clips whose truth is predicted at least as often as every other label.

    Example:
        >>> best_clip_accuracy(["a", "a"], ["joy", "joy"], [[0.3, 0.7], [0.6, 0.4]], labels=["fear", "joy"])
        1.0

    """
    return float(clip_outcomes(clips, truth, probabilities, labels=labels).best.mean())
