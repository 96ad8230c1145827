"""Outputs of a frozen trunk, and training of another head on the cached outputs."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from benchmarks.base import Benchmark, Check, Outcome
from benchmarks.speech import clips

from emotone.audio.read import read
from emotone.features.base import FEATURES
from emotone.features.windows import window_starts
from emotone.nets.base import NETS

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.base import Setting

    from emotone.nets.blocks.base import Network
    from emotone.types import Array

Result = TypeVar("Result")
TITLE = "Frozen trunk on real recordings, windows of 1 s every 0.5 s, with one thread per core"
METHOD = (
    "Weights are random, which does not affect the time. Reading: decoding, resampling and the front end, in one "
    "thread. Trunk: `compute_outputs` into an empty folder. Another head: 20 epochs on the cached outputs, including "
    "the hashes of the features. The bounds are on processor time, which depends little on other load."
)
MIN_SPEED = 50.0  # seconds of audio per second of one core, for reading and trunk
MAX_HEAD_SECONDS = 20.0  # seconds of a core
CLIPS, QUICK_CLIPS = 500, 60
EPOCHS = 20


@dataclass(frozen=True)
class Trunk:
    """A network with its front end."""

    net: str
    front_end: str
    settings: tuple[tuple[str, float], ...] = ()

    def rows(self, path: Path) -> Array:
        """Return the front end's rows of a recording."""
        kind: Any = FEATURES.get(self.front_end)
        spec = kind(**dict(self.settings))
        rows: Array = spec.compute(read(path, rate=spec.rate)[0])
        return rows

    def build(self, dimension: int) -> Network:
        """Return the network with all layers frozen except the last."""
        from emotone.transfer.apply import Freezer

        net: Network = NETS.get(self.net)().build(dimension, 4)
        Freezer(net, [name for name in net.state_dict() if not name.startswith("blocks.classifier.")])
        return net


TRUNKS = (Trunk("yamnet", "vggish-log-mel", (("offset", 0.001),)), Trunk("mn04", "mn-log-mel"))


def run(setting: Setting) -> Outcome:
    """Measure each trunk once."""
    if setting.shared is None:
        return Outcome(TITLE, METHOD, skipped="no real recordings: set EMOTONE_SHARED, or provide ../shared")
    paths = clips(setting.shared, count=QUICK_CLIPS if setting.quick else CLIPS)
    rows, checks = [], []
    for trunk in TRUNKS:
        sound, reading, running, again = _measure(trunk, paths, setting.folder)
        speed = sound / (reading.processor + running.processor)
        stages = (reading, running, again)
        rows.append((trunk.net, f"{sound:.0f}", *(f"{stage.processor:.1f} / {stage.wall:.1f}" for stage in stages)))
        checks.append(Check(f"{trunk.net}, one core", speed, ">=", MIN_SPEED, "x real time"))
        checks.append(Check(f"{trunk.net}, another head", again.processor, "<=", MAX_HEAD_SECONDS, "s"))
    header = ("trunk", "s of audio", "reading, s: processor / wall", "trunk, s", "another head, s")
    return Outcome(TITLE, METHOD, tuple(checks), header, tuple(rows))


@dataclass(frozen=True)
class Duration:
    """Seconds of a step."""

    processor: float
    wall: float


def _timed(work: Callable[[], Result]) -> tuple[Result, Duration]:
    processor, wall = time.process_time(), time.perf_counter()
    result = work()
    return result, Duration(time.process_time() - processor, time.perf_counter() - wall)


def _measure(trunk: Trunk, paths: list[Path], folder: Path) -> tuple[float, Duration, Duration, Duration]:
    """Return seconds of audio, and the durations of reading, of the trunk and of training another head."""
    from emotone.recipes.training import TrainingSettings
    from emotone.training.batches import Examples, Task
    from emotone.training.classification import train
    from emotone.training.prefix import split
    from emotone.training.prefix_outputs import WindowLayout, compute_outputs

    recordings, reading = _timed(lambda: tuple(trunk.rows(path) for path in paths))
    labels = np.arange(len(recordings), dtype=np.int64) % 4
    examples = Examples(recordings, labels, np.zeros(len(recordings), np.int64))
    nothing = replace(examples, features=(), labels=labels[:0], corpora=labels[:0])
    task = Task(examples, nothing, hop_seconds=0.01, window=100, hop=50, signature="", seed=1, min_frames=1)
    starts = tuple(
        window_starts(len(rows), window=task.window, hop=task.hop, min_frames=task.min_frames) for rows in recordings
    )
    net = trunk.build(recordings[0].shape[1]).train()
    parts = split(net)
    assert parts is not None, f"{trunk.net} has a frozen trunk"
    windows = WindowLayout(starts, task.window)
    settings = TrainingSettings(epochs=EPOCHS, batch_size=32, crop_mode="grid", sampling="shuffled")
    with tempfile.TemporaryDirectory(dir=folder) as name:
        kept = Path(name)
        _, running = _timed(lambda: compute_outputs(parts[0], examples, windows, folder=kept))
        _, again = _timed(lambda: train(lambda: net, task, settings, cache=kept))
    return sum(map(len, recordings)) * task.hop_seconds, reading, running, again


BENCHMARK = Benchmark(run)
