"""Measure learning curves: UAR by the number of training clips, from scratch and with transfer from a model.

    python -m scripts.learning_curves --source small --corpus savee=DIR --corpus emovo=DIR [--out DIR]
    python -m scripts.learning_curves --source FOLDER --net multidomain --corpus savee=DIR --corpus emovo=DIR

The corpora must not be in the training data of the source. Runs are stored under results/transfer-curves, from which
docs/results/transfer.md is generated. Finished runs are reused, and interrupted ones resume.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.pages.markdown import RESULTS

from emotone.cli import corpus_data
from emotone.corpora.labels import apply_labels, label_set
from emotone.evaluation.run import evaluate_recipe
from emotone.fitting.resolve import resolve
from emotone.recipes.library import load_net_recipe
from emotone.recipes.transfer import Transfer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from emotone.recipes.recipe import Recipe

RECIPES = {"log-mel-cnn": "small", "multidomain": "multidomain"}  # settings of the trainings of a network
LABELS = "six"
PROTOCOL = "speaker-folds-2"  # half of the speakers for training and half for the test, and vice versa
CLIPS: tuple[int | None, ...] = (25, None, 100, 50, 200)  # None: all; the most informative first
PLANS = ("", "A2", "A5", "A4", "A8")  # "": from scratch
UNTRAINED = "A1"  # no training: the score with 0 clips
EPOCHS, STEPS, BATCH = 10, 20, 8  # the same for every plan and number of clips: 200 batches
LONGER = 3  # times as many batches from scratch: whether it only needs more training


def runs(base: Recipe, source: str, *, max_clips: int) -> Iterator[tuple[Recipe, str]]:
    """Yield each recipe with its protocol: from scratch, and with every plan; at most `max_clips` training clips."""
    training = replace(
        base.training, epochs=EPOCHS, steps_per_epoch=STEPS, batch_size=BATCH, ema_decay=0.0, sampling="weighted"
    )
    alone = replace(base, name="curve-alone", labels=LABELS, training=training)

    def with_plan(plan: str) -> Recipe:
        if not plan:
            return alone
        return replace(alone, name=f"curve-{plan.lower()}", transfer=Transfer(source, plan=plan))

    longer = replace(training, steps_per_epoch=LONGER * STEPS)
    yield with_plan(UNTRAINED), PROTOCOL
    for plans in (PLANS[:3], PLANS[3:]):
        for clips in (clips for clips in CLIPS if clips is None or clips <= max_clips):
            for plan in plans:
                yield with_plan(plan), PROTOCOL if clips is None else f"{PROTOCOL}@{clips}"
    yield replace(alone, name="curve-alone-longer", training=longer), PROTOCOL


def main() -> None:
    """Run the unfinished evaluations, corpus by corpus."""
    parser = argparse.ArgumentParser(description="Measure learning curves with and without transfer.")
    parser.add_argument("--source", required=True, help="a model's or training's folder, or a model's name")
    parser.add_argument("--net", default=next(iter(RECIPES)), choices=RECIPES, help="network of the source")
    parser.add_argument("--corpus", action="append", required=True, metavar="NAME=DIR", help="may be given repeatedly")
    parser.add_argument("--out", type=Path, default=RESULTS / "transfer-curves")
    arguments = parser.parse_args()
    corpora, _ = corpus_data.scan_corpora(tuple(arguments.corpus))
    labels_of_task, base = label_set(LABELS), load_net_recipe(RECIPES[arguments.net])
    for utterances in corpora.values():
        labelled, _ = apply_labels(utterances, labels_of_task)
        labels = labels_of_task.present_in(labelled)
        for recipe, protocol in runs(base, arguments.source, max_clips=len(labelled) // 2):
            done = evaluate_recipe(resolve(recipe), labelled, labels=labels, protocol_name=protocol, out=arguments.out)
            scores = {score.metric: score.text for score in done.scores if score.setting == "system"}
            print(labelled[0].corpus, recipe.name, protocol, scores["uar"], flush=True)


if __name__ == "__main__":
    main()
