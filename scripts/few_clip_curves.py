"""Measure learning curves of heads: UAR by the number of labelled clips, for a model with a frozen encoder.

    python -m scripts.few_clip_curves --source default --corpus savee=DIR --corpus emovo=DIR [--out DIR]

The corpora must not be in the training data of the model. For 10, 25, 50 and 100 clips, the head of the model is fitted
further (auto), or adapted to the clips without their labels (adapted), and a head is fitted from scratch; the unchanged
model is scored on the same clips. Runs are stored under results/few-clips, from which docs/results/few-clips.md is
generated. Finished runs are reused.
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
from emotone.recipes.embedding_recipe import EmbeddingRecipe
from emotone.recipes.library import load_recipe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from emotone.fitting.resolve import AnyResolved

LABELS = "basic-seven"
SCRATCH = "whisper-base"  # recipe of a head on the same encoder
PROTOCOL = "speaker-folds-2"  # half of the speakers for the clips and half for the test, and vice versa
CLIPS = (10, 25, 50, 100)
DRAWS = 5  # of the clips, and of the halves
FOLDER = "few-clips"


def runs(source: str) -> Iterator[tuple[AnyResolved, str]]:
    """Yield everything that is fitted, with its protocol.

    Raises:
        UsageError: the source has no head on a frozen encoder.

    """
    plans = {}
    for plan in ("A1", "adapted", "auto"):
        recipe = refit_recipe_for(source, plan=plan, labels=LABELS)
        if recipe is None:
            raise UsageError(f"{source} has no head on a frozen encoder; for networks see scripts/learning_curves.py")
        plans[plan] = resolve_refit(replace(recipe, name=f"few-{plan.lower()}"))
    scratch = load_recipe(SCRATCH)
    assert isinstance(scratch, EmbeddingRecipe)  # noqa: S101 - shipped
    yield plans["A1"], PROTOCOL
    for clips in CLIPS:
        for one in (plans["adapted"], plans["auto"], resolve_embedding(replace(scratch, name="few-scratch"))):
            yield one, f"{PROTOCOL}@{clips}"


def main() -> None:
    """Run the unfinished evaluations, corpus by corpus."""
    parser = argparse.ArgumentParser(description="Measure learning curves of heads with few clips.")
    parser.add_argument("--source", default="default", help="a model's name or folder")
    parser.add_argument("--corpus", action="append", required=True, metavar="NAME=DIR", help="may be given repeatedly")
    parser.add_argument("--out", type=Path, default=RESULTS / FOLDER)
    arguments = parser.parse_args()
    corpora, _ = corpus_data.scan_corpora(tuple(arguments.corpus))
    labels_of_task = label_set(LABELS)
    for utterances in corpora.values():
        labelled, _ = apply_labels(utterances, labels_of_task)
        labels = labels_of_task.present_in(labelled)
        for recipe, protocol in runs(arguments.source):
            done = evaluate_recipe(
                recipe, labelled, labels=labels, protocol_name=protocol, out=arguments.out, seeds=DRAWS
            )
            scores = {score.metric: score.text for score in done.scores if score.setting == "system"}
            print(labelled[0].corpus, recipe.name, protocol, scores["uar"], flush=True)


if __name__ == "__main__":
    main()
