"""Train the multi-domain network on recordings, and print the time of an epoch: `WAY THREADS EPOCHS FILE...`.

WAY is "ours", or "straight": one recording at a time, the simplest implementation.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import torch
from benchmarks.child import MAXRSS_UNIT, MEBIBYTE

from emotone.audio.read import read
from emotone.features.front_ends.waveform import Waveform
from emotone.nets.architectures.waveform_networks import SAMPLES, MultiDomain
from emotone.recipes.training import EPSILON, RHO, TrainingSettings
from emotone.training.batches import Examples, Task
from emotone.training.classification import train

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from emotone.nets.blocks.base import Network
    from emotone.training.loop import Epoch
    from emotone.types import Array

Labels: TypeAlias = "NDArray[np.int64]"
SPEC = Waveform()
LABELS, SEED, BATCH = 6, 1, 16


def build() -> Network:
    """Return the network without dropout, whose random numbers differ between single recordings and batches."""
    return MultiDomain(dropout=0.0).build(1, LABELS)


def rows_of(path: Path) -> Array:
    """Return the samples of a recording."""
    return SPEC.compute(read(path, rate=SPEC.rate)[0])


def ours(paths: list[Path], labels: Labels, epochs: int, tick: Callable[[], None]) -> Network:
    """Train as recipes do: recordings are read once, and cut to the length that the network processes."""
    rows = tuple(rows_of(path) for path in paths)
    nothing = Examples((), labels[:0], labels[:0])
    task = Task(
        Examples(rows, labels, np.zeros_like(labels)),
        nothing,
        hop_seconds=SPEC.hop_seconds,
        window=SAMPLES,
        hop=SAMPLES // 2,
        signature="",
        seed=SEED,
    )
    settings = TrainingSettings(
        epochs=epochs,
        batch_size=BATCH,
        learning_rate=1.0,
        weight_decay=0.0,
        warmup=0.0,
        label_smoothing=0.0,
        crop_seconds=SAMPLES * SPEC.hop_seconds,
        ema_decay=0.0,
        schedule="constant",
        grad_clip_norm=0.0,
        sampling="shuffled",
        optimizer="adadelta",
        crop_mode="start",
    )

    def after(epoch: Epoch) -> None:  # noqa: ARG001 - only the time counts
        tick()

    tick()
    return train(build, task, settings, progress=after)[0]


def straight(paths: list[Path], labels: Labels, epochs: int, tick: Callable[[], None]) -> Network:
    """Train one recording at a time: read in every epoch, padded to the longest, gradients summed over a batch."""
    torch.manual_seed(SEED)
    net = build().train()
    optimizer = torch.optim.Adadelta(net.parameters(), lr=1.0, rho=RHO, eps=EPSILON)
    longest = max(len(rows_of(path)) for path in paths)
    tick()
    for epoch in range(1, epochs + 1):
        order = np.random.default_rng([SEED, epoch]).permutation(len(paths))
        for first in range(0, len(order), BATCH):
            chosen = order[first : first + BATCH]
            optimizer.zero_grad()
            for number in chosen:
                rows = rows_of(paths[number])
                padded = np.zeros((1, longest, 1), np.float32)
                padded[0, : len(rows)] = rows
                logits = net(torch.from_numpy(padded), torch.tensor([len(rows)]))
                loss = torch.nn.functional.cross_entropy(logits, torch.from_numpy(labels[number : number + 1]))
                (loss / len(chosen)).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        tick()
    return net.eval()


def main() -> None:
    """Print one line of JSON: seconds per epoch, processor and wall; megabytes; logits of the first recording."""
    way, threads, epochs, *files = sys.argv[1:]
    torch.set_num_threads(int(threads))
    paths = [Path(file) for file in files]
    labels = np.arange(len(paths), dtype=np.int64) % LABELS
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    ticks: list[tuple[float, float]] = []
    do = {"ours": ours, "straight": straight}[way]
    net = do(paths, labels, int(epochs), lambda: ticks.append((time.process_time(), time.perf_counter())))
    with torch.inference_mode():
        logits = net(torch.from_numpy(rows_of(paths[0])[None, :SAMPLES]), None)[0]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    processor, wall = (np.array(taken) for taken in zip(*ticks, strict=True))
    found = {
        "processor": float(np.diff(processor).min()),
        "wall": float(np.diff(wall).min()),
        "megabytes": peak * MAXRSS_UNIT / MEBIBYTE,
        "logits": logits.tolist(),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
