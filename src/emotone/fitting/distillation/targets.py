"""What the teacher thinks of each stretch, computed once and kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emotone.audio.resample import resample
from emotone.config import signature
from emotone.files import atomic_write, cache_dir
from emotone.fitting.distillation.sound import RATE
from emotone.fitting.distillation.teachers import TEACHERS

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from emotone.fitting.distillation.excerpts import Stretches
    from emotone.fitting.distillation.mobilenet import MobileNet
    from emotone.recipes.source_recipe import SourceRecipe
    from emotone.types import Array

CHUNK = 256  # stretches per file: what an interruption costs at most
BATCH = 16  # stretches that the teacher hears at once: more do not fit a processor's cache
VERSION = 1  # counts changes of rendering or teacher that change a value


def teacher_logits(
    stretches: Stretches,
    recipe: SourceRecipe,
    teacher: Callable[[], MobileNet],
    *,
    progress: Callable[[int, int], None] | None = None,
) -> NDArray[np.float16]:
    """Return the teacher's logits [stretches, classes], from the cache as far as it holds them.

    Half precision is enough: from -16 to 16 its steps are below 0.01, and the posteriors move by less than 1 %.

    Args:
        stretches: of one part.
        recipe: names the teacher.
        teacher: loads it; called only where something is missing.
        progress: called with (done, total) stretches.

    """
    info = TEACHERS[recipe.teacher]
    settings = recipe.stretches
    # How many there are is left out: more of the same are added to those that are there. So is what the student does.
    drawn = [settings.seconds, settings.mixed, settings.gain, settings.speed]
    shares = [[name, recipe.sound[name].share] for name in stretches.names]
    name = signature(VERSION, info.sha256, stretches.sound.signature, stretches.part, recipe.seed, drawn, shares)
    folder = cache_dir() / "targets" / name
    parts, net = [], None
    for start in range(0, len(stretches), CHUNK):
        path = folder / f"{start // CHUNK:06d}.npy"
        if not path.exists():
            net = net or teacher()
            with atomic_write(path) as stream:
                np.save(stream, _chunk(stretches, start, net, info.rate), allow_pickle=False)
        parts.append(np.load(path, allow_pickle=False))
        if progress is not None:
            progress(min(start + CHUNK, len(stretches)), len(stretches))
    logits: NDArray[np.float16] = np.concatenate(parts)[: len(stretches)]
    return logits


def _chunk(stretches: Stretches, start: int, net: MobileNet, rate: int) -> NDArray[np.float16]:
    """Return the logits of a whole chunk, also past the number that was asked for."""
    import torch

    rows: list[Array] = []
    with torch.inference_mode():
        for at in range(start, start + CHUNK, BATCH):
            signals = [stretches.render(stretches.draw(index)) for index in range(at, at + BATCH)]
            heard = np.stack([resample(signal, rate=RATE, to=rate) for signal in signals])
            rows.append(net(torch.from_numpy(heard)).numpy())
    return np.concatenate(rows).astype(np.float16)
