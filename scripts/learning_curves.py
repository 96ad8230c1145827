"""Measure how many clips of a corpus are enough, from nothing and from a model that has learned from others.

    python -m scripts.learning_curves --source default --corpus savee=DIR --corpus emovo=DIR [--out DIR]
    python -m scripts.learning_curves --source FOLDER --net multidomain --corpus savee=DIR --corpus emovo=DIR

The source must not have heard the corpora. Runs lie under results/transfer-curves, and docs/results/transfer.md is made
from them. What is finished is not run again; a run that was cut off goes on.
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

RECIPES = {"log-mel-cnn": "default", "multidomain": "multidomain"}  # whose settings a net's trainings have
LABELS = "six"
DIVISION = "speaker-folds-2"  # half of the speakers are learned from and the others tested, and the other way round
CLIPS: tuple[int | None, ...] = (25, None, 100, 50, 200)  # None = all; the most telling first
PLANS = ("", "A2", "A5", "A4", "A8")  # "" = from nothing
UNTRAINED = "A1"  # learns nothing from the corpus: what there is with 0 clips
EPOCHS, STEPS, BATCH = 10, 20, 8  # the same for every plan and number of clips: 200 batches
LONGER = 3  # times as many of them, from nothing: whether it would only have needed more


def asked(base: Recipe, source: str, *, most: int) -> Iterator[tuple[Recipe, str]]:
    """Give each recipe with its protocol: from nothing, and from the source by each plan; of `most` clips at most."""
    training = replace(
        base.training, epochs=EPOCHS, steps_per_epoch=STEPS, batch_size=BATCH, ema_decay=0.0, sampling="weighted"
    )
    alone = replace(base, name="curve-alone", labels=LABELS, training=training)

    def taking(plan: str) -> Recipe:
        if not plan:
            return alone
        return replace(alone, name=f"curve-{plan.lower()}", transfer=Transfer(source, plan=plan))

    longer = replace(training, steps_per_epoch=LONGER * STEPS)
    yield taking(UNTRAINED), DIVISION
    for plans in (PLANS[:3], PLANS[3:]):
        for clips in (clips for clips in CLIPS if clips is None or clips <= most):
            for plan in plans:
                yield taking(plan), DIVISION if clips is None else f"{DIVISION}@{clips}"
    yield replace(alone, name="curve-alone-longer", training=longer), DIVISION


def main() -> None:
    """Run what is not finished, corpus by corpus."""
    parser = argparse.ArgumentParser(description="Measure learning curves with and without transfer.")
    parser.add_argument("--source", required=True, help="a model's or training's folder, or a model's name")
    parser.add_argument("--net", default=next(iter(RECIPES)), choices=RECIPES, help="the source's")
    parser.add_argument("--corpus", action="append", required=True, metavar="NAME=DIR", help="may be given repeatedly")
    parser.add_argument("--out", type=Path, default=RESULTS / "transfer-curves")
    given = parser.parse_args()
    corpora, _ = corpus_data.scan_corpora(tuple(given.corpus))
    wanted, base = label_set(LABELS), load_net_recipe(RECIPES[given.net])
    for utterances in corpora.values():
        labelled, _ = apply_labels(utterances, wanted)
        labels = wanted.present_in(labelled)
        for recipe, protocol in asked(base, given.source, most=len(labelled) // 2):
            done = evaluate_recipe(resolve(recipe), labelled, labels=labels, protocol_name=protocol, out=given.out)
            scores = {score.metric: score.text for score in done.scores if score.setting == "system"}
            print(labelled[0].corpus, recipe.name, protocol, scores["uar"], flush=True)


if __name__ == "__main__":
    main()
