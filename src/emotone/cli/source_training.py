"""Training a small encoder for `emotone sources train`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emotone.cli import console
from emotone.cli.console import progress

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from emotone.fitting.distillation.encoder_run import EncoderScore
    from emotone.recipes.encoder_recipe import EncoderRecipe


def train_small_encoder(
    recipe: EncoderRecipe, folders: Mapping[str, Path], *, out: Path, resume: bool, quiet: bool
) -> Path:
    """Train, show progress, and return the file of weights.

    Args:
        recipe: settings.
        folders: path of each sound of the recipe.
        out: folder of runs.
        resume: whether an interrupted training is continued, and a finished one kept.
        quiet: whether to hide the progress bar.

    """
    from emotone.fitting.distillation.encoder_run import load_encoder_run, prepare_encoder, train_encoder_source
    from emotone.fitting.distillation.run import WEIGHTS
    from emotone.fitting.distillation.source_run import RUN

    with progress(quiet=quiet) as bar:
        prepared = prepare_encoder(recipe, folders, progress=bar.stage)
        folder = out / prepared.name
        if (folder / RUN).exists() and resume:
            console.note(f"already trained with the same recipe, sound and teacher, so nothing was computed: {folder}")
        else:

            def report(score: EncoderScore) -> None:
                bar.say(f"step {score.step}: {_shares(score)}")

            train_encoder_source(
                prepared,
                folder,
                fresh=not resume,
                report=report,
                on_step=lambda done, total: bar.stage("steps", done, total),
            )
    console.note(_shares(load_encoder_run(folder).history[-1]))
    return folder / WEIGHTS


def _shares(score: EncoderScore) -> str:
    return f"{100 * score.shares['mean']:.1f} % of the variance of the teacher's means on held-out sound"
