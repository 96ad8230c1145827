"""The teacher's logits for each excerpt, computed once and cached."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emotone.audio.samples import resample
from emotone.config import signature
from emotone.files import atomic_write, cache_dir
from emotone.fitting.distillation.sound import RATE
from emotone.fitting.distillation.teachers import teacher_info

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from emotone.fitting.distillation.excerpts import Excerpts
    from emotone.fitting.distillation.mobilenet import MobileNet
    from emotone.recipes.source_recipe import SourceRecipe
    from emotone.types import Array

CHUNK = 256  # excerpts per file, and at most what an interruption loses
BATCH = 16  # excerpts that the teacher processes at a time: larger batches don't fit a processor's cache
VERSION = 1  # incremented when a change to rendering or teacher changes a value


def teacher_logits(
    excerpts: Excerpts,
    recipe: SourceRecipe,
    teacher: MobileNet,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> NDArray[np.float16]:
    """Return the teacher's logits [excerpts, classes], from the cache if possible.

    Half precision is sufficient: from -16 to 16 its steps are below 0.01, which changes posteriors by less than 1 %.

    Args:
        excerpts: for training or evaluation.
        recipe: names the teacher.
        teacher: computes what is missing in the cache.
        progress: called with (done, total) excerpts.

    """
    info = teacher_info(recipe.teacher)
    settings = recipe.excerpts
    # The number of excerpts is left out, so that more of them extend those in the cache. So are the student's settings.
    drawing = [settings.seconds, settings.mix_probability, settings.max_gain_db, settings.max_speed]
    weights = [[name, recipe.sound[name].weight] for name in excerpts.names]
    name = signature(VERSION, info.sha256, excerpts.sound.signature, excerpts.part, recipe.seed, drawing, weights)
    folder = cache_dir() / "targets" / name
    chunks = []
    for start in range(0, len(excerpts), CHUNK):
        path = folder / f"{start // CHUNK:06d}.npy"
        if not path.exists():
            with atomic_write(path) as stream:
                np.save(stream, _chunk(excerpts, start, teacher, info.rate), allow_pickle=False)
        chunks.append(np.load(path, allow_pickle=False))
        if progress is not None:
            progress(min(start + CHUNK, len(excerpts)), len(excerpts))
    logits: NDArray[np.float16] = np.concatenate(chunks)[: len(excerpts)]
    return logits


def _chunk(excerpts: Excerpts, start: int, net: MobileNet, rate: int) -> NDArray[np.float16]:
    """Return the logits of a full chunk, including excerpts beyond the requested number."""
    import torch

    rows: list[Array] = []
    with torch.inference_mode():
        for first in range(start, start + CHUNK, BATCH):
            signals = [excerpts.render(excerpts.draw(index)) for index in range(first, first + BATCH)]
            resampled = np.stack([resample(signal, rate=RATE, to=rate) for signal in signals])
            rows.append(net(torch.from_numpy(resampled)).numpy())
    return np.concatenate(rows).astype(np.float16)
