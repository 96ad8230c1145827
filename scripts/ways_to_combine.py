"""Measure the clip accuracy of a model for each method of pooling windows.

    python -m scripts.ways_to_combine --corpus NAME=DIR... [--model small] [--labels seven]

Every utterance pools its windows, and the clip is the mean of its utterances, weighted by duration, as in the inference
engine for longer recordings. Use corpora that are not in the training data of the model. The method does not affect
utterances of one window.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, get_args

import numpy as np

import emotone
from emotone.cli import corpus_data
from emotone.corpora.labels import apply_labels, label_set
from emotone.features.windows import Combine
from emotone.inference.pooling import DurationPooler, pool_windows
from emotone.inference.result import Prediction
from emotone.metrics.classification import unweighted_average_recall

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emotone.inference.model import Model
    from emotone.types import Utterance


def main() -> int:
    """Print the UAR of each method for each corpus; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--corpus", action="append", required=True, metavar="NAME=DIR")
    parser.add_argument("--model", default="small")
    parser.add_argument("--labels", default="seven")
    arguments = parser.parse_args()
    model, labels = emotone.load(arguments.model), label_set(arguments.labels)
    corpora, problems = corpus_data.scan_corpora(tuple(arguments.corpus))
    for corpus, utterances in corpora.items():
        labelled, _ = apply_labels(utterances, labels)
        print(f"{corpus}: {scores(model, [each for each in labelled if each.label in model.labels])}")
    for problem in problems:
        print(f"left out: {problem}", file=sys.stderr)
    return 1 if problems else 0


def scores(model: Model, utterances: Sequence[Utterance]) -> str:
    """Return the UAR x 100 of each method, over the clips with speech."""
    predictions = zip(utterances, model.predict_many([each.path for each in utterances]), strict=True)
    clips = [
        (each.label, prediction)
        for each, prediction in predictions
        if isinstance(prediction, Prediction) and prediction.clip.speech
    ]
    windows = np.mean([len(prediction.segments) for _, prediction in clips])
    by_method = {
        method: unweighted_average_recall(
            [label for label, _ in clips],
            [clip_label(prediction, method) for _, prediction in clips],
            labels=model.labels,
        )
        for method in get_args(Combine)
    }
    text = ", ".join(f"{method} {100 * value:.1f}" for method, value in by_method.items())
    return f"{len(clips)} clips, {windows:.1f} windows each; {text}"


def clip_label(prediction: Prediction, method: Combine) -> str:
    """Return the label of a clip whose utterances pool their windows by `method`."""
    pooler = DurationPooler(labels=len(prediction.labels))
    for utterance in prediction.utterances:
        windows = [
            [*segment.probabilities.values()]
            for segment in prediction.segments
            if utterance.start <= (segment.start + segment.end) / 2 <= utterance.end
        ]
        if windows:
            pooler.add(pool_windows(np.array(windows), method), seconds=utterance.end - utterance.start)
    return prediction.labels[int(pooler.probabilities().argmax())]


if __name__ == "__main__":
    sys.exit(main())
