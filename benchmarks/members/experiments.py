"""Training and evaluation: an epoch on raw samples, a head on a frozen trunk, evaluation from cached features."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from benchmarks.base import ROOT, Benchmark, Check, Outcome, clips
from benchmarks.child import emotone, environment, measure

from emotone.audio.read import read
from emotone.features.base import FEATURES
from emotone.features.windows import window_starts
from emotone.metrics.classification import statistic
from emotone.metrics.intervals import bootstrap, matrices_by_speaker
from emotone.nets.base import NETS

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.base import Setting

    from emotone.nets.blocks.base import Network
    from emotone.types import Array


# ----------------------------------------------------------------------------------------------------------------------
# An epoch on raw samples, compared with a simple implementation.

TRAINING_TITLE = "Training the multi-domain network on real clips of raw samples, compared with one recording at a time"
TRAINING_METHOD = (
    "emotone: recordings are read once and stay in memory; batches of 16 contain the 3.375 s that the network "
    "processes. One at a time: every recording is decoded in every epoch, padded to the longest, and processed "
    "separately; gradients are summed over 16. Both have the same order, weights and steps, and no dropout. Times are "
    "of the faster of two epochs after reading, each in its own process, in seconds per 1,000 clips. The ratio is of "
    "processor time with one thread. Memory is that above the imports. Logits are compared after two epochs of 64 "
    "clips, which are 8 steps: AdaDelta's steps do not shrink with the gradients, so rounding differences accumulate."
)
MIN_RATIO = 3.0
MAX_DIFFERENCE = 1e-5  # between logits
MAX_MEGABYTES = 1024.0
TRAINING_CLIPS, FEW_CLIPS, TRAINING_EPOCHS = 320, 64, 2
WAYS = (("ours", 1), ("ours", 2), ("straight", 1))
WORKER = Path(__file__).resolve().parent.parent / "training_worker.py"


def run_training(setting: Setting) -> Outcome:
    """Measure each implementation once."""
    if setting.shared is None:
        return Outcome(
            TRAINING_TITLE, TRAINING_METHOD, skipped="no real recordings: set EMOTONE_SHARED, or provide ../shared"
        )
    files = [str(path) for path in clips(setting.shared, count=FEW_CLIPS if setting.quick else TRAINING_CLIPS)]
    found = {way: _measured_training(*way, files) for way in WAYS}
    ours, straight = found["ours", 1], found["straight", 1]
    few = [_measured_training(way, 1, files[:FEW_CLIPS])["logits"] for way in ("ours", "straight")]
    difference = float(np.abs(np.subtract(*few)).max())
    checks = (
        Check("one recording at a time / emotone", straight["processor"] / ours["processor"], ">=", MIN_RATIO, ""),
        Check("difference of logits", difference, "<=", MAX_DIFFERENCE, ""),
        Check("memory of emotone", ours["megabytes"], "<=", MAX_MEGABYTES, "MB"),
    )
    rows = tuple(
        (
            {"ours": "emotone", "straight": "one recording at a time"}[way],
            str(threads),
            *(f"{1000 * measured[kind] / len(files):.1f}" for kind in ("processor", "wall")),
            f"{measured['megabytes']:.0f}",
        )
        for (way, threads), measured in found.items()
    )
    return Outcome(
        TRAINING_TITLE,
        TRAINING_METHOD,
        checks,
        ("implementation", "threads", "processor s", "wall-clock s", "MB"),
        rows,
    )


def _measured_training(way: str, threads: int, files: list[str]) -> dict[str, Any]:
    command = [sys.executable, str(WORKER), way, str(threads), str(TRAINING_EPOCHS), *files]
    given = {**environment(), "OMP_NUM_THREADS": str(threads), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=given)
    measured: dict[str, Any] = json.loads(done.stdout)
    return measured


TRAINING = Benchmark(run_training)


# ----------------------------------------------------------------------------------------------------------------------
# Outputs of a frozen trunk, and training of another head on the cached outputs.

Result = TypeVar("Result")
TRUNK_TITLE = "Frozen trunk on real recordings, windows of 1 s every 0.5 s, with one thread per core"
TRUNK_METHOD = (
    "Weights are random, which does not affect the time. Reading: decoding, resampling and the front end, in one "
    "thread. Trunk: `compute_outputs` into an empty folder. Another head: 20 epochs on the cached outputs, including "
    "the hashes of the features. The bounds are on processor time, which depends little on other load."
)
MIN_SPEED = 50.0  # seconds of audio per second of one core, for reading and trunk
MAX_HEAD_SECONDS = 20.0  # seconds of a core
TRUNK_CLIPS, QUICK_TRUNK_CLIPS = 500, 60
HEAD_EPOCHS = 20


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


def run_embedding(setting: Setting) -> Outcome:
    """Measure each trunk once."""
    if setting.shared is None:
        return Outcome(
            TRUNK_TITLE, TRUNK_METHOD, skipped="no real recordings: set EMOTONE_SHARED, or provide ../shared"
        )
    paths = clips(setting.shared, count=QUICK_TRUNK_CLIPS if setting.quick else TRUNK_CLIPS)
    rows, checks = [], []
    for trunk in TRUNKS:
        sound, reading, running, again = _measured_trunk(trunk, paths, setting.folder)
        speed = sound / (reading.processor + running.processor)
        stages = (reading, running, again)
        rows.append((trunk.net, f"{sound:.0f}", *(f"{stage.processor:.1f} / {stage.wall:.1f}" for stage in stages)))
        checks.append(Check(f"{trunk.net}, one core", speed, ">=", MIN_SPEED, "x real time"))
        checks.append(Check(f"{trunk.net}, another head", again.processor, "<=", MAX_HEAD_SECONDS, "s"))
    header = ("trunk", "s of audio", "reading, s: processor / wall", "trunk, s", "another head, s")
    return Outcome(TRUNK_TITLE, TRUNK_METHOD, tuple(checks), header, tuple(rows))


@dataclass(frozen=True)
class Duration:
    """Seconds of a step."""

    processor: float
    wall: float


def _timed(work: Callable[[], Result]) -> tuple[Result, Duration]:
    processor, wall = time.process_time(), time.perf_counter()
    result = work()
    return result, Duration(time.process_time() - processor, time.perf_counter() - wall)


def _measured_trunk(trunk: Trunk, paths: list[Path], folder: Path) -> tuple[float, Duration, Duration, Duration]:
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
    settings = TrainingSettings(epochs=HEAD_EPOCHS, batch_size=32, crop_mode="grid", sampling="shuffled")
    with tempfile.TemporaryDirectory(dir=folder) as name:
        kept = Path(name)
        _, running = _timed(lambda: compute_outputs(parts[0], examples, windows, folder=kept))
        _, again = _timed(lambda: train(lambda: net, task, settings, cache=kept))
    return sum(map(len, recordings)) * task.hop_seconds, reading, running, again


EMBEDDING = Benchmark(run_embedding)


# ----------------------------------------------------------------------------------------------------------------------
# Evaluation from cached features, and intervals of a large table.

EVALUATION_TITLE = "Evaluation from cached features, and intervals"
EVALUATION_METHOD = (
    "`emotone evaluate is10-linear-svm --workers 2`, leave-one-speaker-out, on Emo-DB as a complete process, with "
    "cached features and no finished run: scaling, nested selection of the cost, training, the audit, intervals. "
    "Intervals: 10,000 replicates of the UAR of 10,000 predictions of 50 speakers, clustered by speaker."
)
EVALUATION_SECONDS, BOOTSTRAP_SECONDS = 20.0, 2.0
BOOTSTRAP_ROWS, SPEAKERS, LABELS, REPLICATES = 10_000, 50, 7, 10_000


def run_evaluation(setting: Setting) -> Outcome:
    """Measure both; the evaluation only if Emo-DB is available."""
    checks = [Check("10,000 replicates of 10,000 rows", _bootstrap_seconds(), "<", BOOTSTRAP_SECONDS, "s")]
    if setting.shared is None:
        return Outcome(
            EVALUATION_TITLE, f"{EVALUATION_METHOD} There were no recordings for the evaluation.", tuple(checks)
        )
    arguments = ["is10-linear-svm", "--corpus", f"emodb={setting.shared / 'corpora/emodb'}", "--workers", "2"]
    times = []
    for number in range(2):  # the first fills the cache
        command = emotone("evaluate", *arguments, "--quiet", "--out", str(setting.folder / f"evaluation-{number}"))
        times.append(measure(command).seconds)
    checks.append(Check("Emo-DB, leave-one-speaker-out", times[-1], "<", EVALUATION_SECONDS, "s"))
    rows = tuple(zip(("features as found", "cached features"), (f"{seconds:.1f}" for seconds in times), strict=True))
    return Outcome(EVALUATION_TITLE, EVALUATION_METHOD, tuple(checks), ("evaluation of Emo-DB", "seconds"), rows)


def _bootstrap_seconds() -> float:
    rng = np.random.default_rng(0)
    truth, prediction = rng.integers(0, LABELS, BOOTSTRAP_ROWS), rng.integers(0, LABELS, BOOTSTRAP_ROWS)
    speakers = np.array([f"s{number}" for number in rng.integers(0, SPEAKERS, BOOTSTRAP_ROWS)])
    start = time.perf_counter()
    matrices, reason = matrices_by_speaker(truth, prediction, speakers, size=LABELS)
    if matrices is None:
        raise RuntimeError(reason)
    bootstrap(matrices, statistic("uar"), rng=rng, replicates=REPLICATES)
    return time.perf_counter() - start


EVALUATION = Benchmark(run_evaluation)
