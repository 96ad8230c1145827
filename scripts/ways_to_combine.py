"""What a model's answer for a clip is worth by each way to combine its windows.

    python -m scripts.ways_to_combine --corpus NAME=DIR... [--model default] [--labels seven]

The model is taken as it is: give corpora that it has never heard. Clips of one window are the same by every way.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, get_args

import numpy as np

import emotone
from emotone.cli import corpus_data
from emotone.corpora.labels import apply_labels, label_set
from emotone.features.window_spec import Combine
from emotone.inference.pooling import combined
from emotone.inference.result import Prediction
from emotone.metrics.classification import unweighted_average_recall

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emotone.inference.model import Model
    from emotone.types import Utterance


def main() -> int:
    """Print the UAR by each way for each corpus; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--corpus", action="append", required=True, metavar="NAME=DIR")
    parser.add_argument("--model", default="default")
    parser.add_argument("--labels", default="seven")
    given = parser.parse_args()
    model, wanted = emotone.load(given.model), label_set(given.labels)
    corpora, problems = corpus_data.scan_corpora(tuple(given.corpus))
    for corpus, utterances in corpora.items():
        labelled, _ = apply_labels(utterances, wanted)
        print(f"{corpus}: {told(model, [each for each in labelled if each.label in model.labels])}")
    for problem in problems:
        print(f"left out: {problem}", file=sys.stderr)
    return 1 if problems else 0


def told(model: Model, utterances: Sequence[Utterance]) -> str:
    """Return the UAR x 100 by each way, over the clips in which somebody speaks."""
    judged = zip(utterances, model.predict_many([each.path for each in utterances]), strict=True)
    spoken = [
        (each.label, np.array([[*one.probabilities.values()] for one in found.segments if one.speech]))
        for each, found in judged
        if isinstance(found, Prediction) and found.clip.speech
    ]
    truth = [label for label, _ in spoken]
    windows = float(np.mean([len(probabilities) for _, probabilities in spoken]))
    by_way = {
        way: unweighted_average_recall(
            truth,
            [model.labels[int(combined(probabilities, way).argmax())] for _, probabilities in spoken],
            labels=model.labels,
        )
        for way in get_args(Combine)
    }
    scores = ", ".join(f"{way} {100 * value:.1f}" for way, value in by_way.items())
    return f"{len(spoken)} clips, {windows:.1f} windows each; {scores}"


if __name__ == "__main__":
    sys.exit(main())
