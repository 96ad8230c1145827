"""Measure learning curves: UAR by the number of training clips, from scratch and with transfer from a model.

    python -m scripts.learning_curves --source small --corpus savee=DIR --corpus emovo=DIR [--out DIR]
    python -m scripts.learning_curves --source FOLDER --net multidomain --corpus savee=DIR --corpus emovo=DIR
    python -m scripts.learning_curves --source default --heads --corpus savee=DIR --corpus emovo=DIR [--out DIR]

The corpora must not be in the training data of the source. Finished runs are reused, and interrupted ones resume. Runs
are stored under results/transfer-curves, from which docs/results/transfer.md is generated.

With `--heads`, the source is a model with a frozen encoder. For 10, 25, 50 and 100 clips, its head is fitted further
(auto), or adapted to the clips without their labels (adapted), and a head is fitted from scratch; the unchanged model
is scored on the same clips. These runs are stored under results/few-clips, from which docs/results/few-clips.md is
generated.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.pages.markdown import RESULTS

from emotone.cli import corpus_data
from emotone.corpora.labels import apply_labels, label_set
from emotone.errors import UsageError
from emotone.evaluation.run import evaluate_recipe
from emotone.fitting.embedding import resolve_embedding
from emotone.fitting.head_transfer import refit_recipe_for, resolve_refit
from emotone.fitting.resolve import resolve
from emotone.recipes.embedding_recipe import EmbeddingRecipe
from emotone.recipes.library import load_net_recipe, load_recipe
from emotone.recipes.transfer import Transfer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from emotone.fitting.resolve import AnyResolved
    from emotone.recipes.recipe import Recipe


# ----------------------------------------------------------------------------------------------------------------------
# Networks, from scratch and with transfer.

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


# ----------------------------------------------------------------------------------------------------------------------
# Heads of a model with a frozen encoder.

HEAD_LABELS = "basic-seven"
HEAD_SCRATCH = "whisper-base"  # recipe of a head on the same encoder
HEAD_CLIPS = (10, 25, 50, 100)
HEAD_DRAWS = 5  # of the clips, and of the halves
HEAD_FOLDER = "few-clips"


def head_runs(source: str) -> Iterator[tuple[AnyResolved, str]]:
    """Yield everything that is fitted, with its protocol.

    Raises:
        UsageError: the source has no head on a frozen encoder.

    """
    plans = {}
    for plan in ("A1", "adapted", "auto"):
        recipe = refit_recipe_for(source, plan=plan, labels=HEAD_LABELS)
        if recipe is None:
            raise UsageError(f"{source} has no head on a frozen encoder; for networks leave out --heads")
        plans[plan] = resolve_refit(replace(recipe, name=f"few-{plan.lower()}"))
    scratch = load_recipe(HEAD_SCRATCH)
    assert isinstance(scratch, EmbeddingRecipe)  # noqa: S101 - shipped
    yield plans["A1"], PROTOCOL
    for clips in HEAD_CLIPS:
        for one in (plans["adapted"], plans["auto"], resolve_embedding(replace(scratch, name="few-scratch"))):
            yield one, f"{PROTOCOL}@{clips}"


def main() -> None:
    """Run the unfinished evaluations, corpus by corpus."""
    parser = argparse.ArgumentParser(description="Measure learning curves with and without transfer.")
    parser.add_argument("--source", required=True, help="a model's or training's folder, or a model's name")
    parser.add_argument("--net", default=next(iter(RECIPES)), choices=RECIPES, help="network of the source")
    parser.add_argument("--heads", action="store_true", help="fit only the head of a model with a frozen encoder")
    parser.add_argument("--corpus", action="append", required=True, metavar="NAME=DIR", help="may be given repeatedly")
    parser.add_argument("--out", type=Path, help="folder of the runs")
    given = parser.parse_args()
    out = given.out or RESULTS / (HEAD_FOLDER if given.heads else "transfer-curves")
    corpora, _ = corpus_data.scan_corpora(tuple(given.corpus))
    labels_of_task, base = label_set(HEAD_LABELS if given.heads else LABELS), load_net_recipe(RECIPES[given.net])
    for utterances in corpora.values():
        labelled, _ = apply_labels(utterances, labels_of_task)
        labels = labels_of_task.present_in(labelled)
        nets = ((resolve(net), name) for net, name in runs(base, given.source, max_clips=len(labelled) // 2))
        for recipe, protocol in head_runs(given.source) if given.heads else nets:
            seeds = HEAD_DRAWS if given.heads else 1
            done = evaluate_recipe(recipe, labelled, labels=labels, protocol_name=protocol, out=out, seeds=seeds)
            scores = {score.metric: score.text for score in done.scores if score.setting == "system"}
            print(labelled[0].corpus, recipe.name, protocol, scores["uar"], flush=True)


if __name__ == "__main__":
    main()
