"""How soon live sound is judged after it was heard, and what that costs: beside the window, and beside people."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import soxr
from benchmarks.base import Benchmark, Check, Outcome
from benchmarks.speech import RATE, sentence

import emotone
from emotone.inference.events import Measurement

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.base import Setting

    from emotone.types import Array, Hertz

TITLE = "Live sound"
METHOD = (
    "The example conversation, over and over, pushed into `model.session` in pieces of 20 ms as a microphone gives "
    "them; one process, one thread. Delay: from the last sample of a window to its measurement, the sound that had to "
    "be waited for and the processor time of the work in that push. Cost: processor time of all work "
    "over the number of windows. Windows with less than 0.2 s of speech wait until the "
    "detector is sure; the others do not. `soundnet5` is the net of the anger paper with random weights, on windows "
    "of 1.2 s every 0.6 s. Its cost is the least of three sessions: what else the machine does only adds to it."
)
CHUNK = 50  # pieces per second
SECONDS, QUICK_SECONDS = 120, 30
HUMAN_MS = 700.0  # what people need of a voice to name its emotion
MOST_COST_MS = 5.0  # of one core, everything that a window of 1.2 s costs
SESSIONS = 3  # of which the cheapest counts
RATES: tuple[Hertz, ...] = (8_000, 16_000, 48_000)


@dataclass(frozen=True)
class Heard:
    """What one session did.

    Attributes:
        spoken: delays of windows with speech, in ms [windows].
        silent: of the others.
        cost: ms of processor time per window.
        work: ms of processor time per push that judged a window [windows].

    """

    spoken: Array
    silent: Array
    cost: float
    work: Array


def run(setting: Setting) -> Outcome:
    """Measure the model, and a detector on raw samples, at several rates."""
    seconds = QUICK_SECONDS if setting.quick else SECONDS
    rows: list[tuple[str, ...]] = []
    checks: list[Check] = []
    models = {setting.model: emotone.load(setting.model)}
    made = _random_soundnet5(setting.folder / "soundnet5")
    if made is not None:
        models["soundnet5"] = emotone.load(made)
    for name, model in models.items():
        window = model.bundle.manifest.windows.seconds
        for rate in RATES:
            heard = _listen(model, sentence(seconds), rate)
            every = np.concatenate([heard.spoken, heard.silent])
            rows.append(
                (
                    f"{name}, {rate / 1000:g} kHz",
                    f"{1000 * window:.0f}",
                    _percentiles(heard.spoken),
                    _percentiles(every),
                    _percentiles(heard.work),
                    f"{heard.cost:.2f}",
                )
            )
            if rate == RATE:
                spoken = float(np.median(heard.spoken))
                checks.append(Check(f"{name}: delay of a window with speech, median", spoken, "<", HUMAN_MS / 10, "ms"))
                waited = float(np.percentile(every, 99))
                checks.append(Check(f"{name}: delay of any window, p99", waited, "<", HUMAN_MS, "ms"))
                if name == "soundnet5":
                    again = [_listen(model, sentence(seconds), rate).cost for _ in range(SESSIONS - 1)]
                    least = min(heard.cost, *again)
                    checks.append(Check(f"{name}: all that a window costs", least, "<=", MOST_COST_MS, "ms"))
                    print(
                        f"{name}: a window's measurement comes {spoken:.1f} ms after its last sample; people need "
                        f"{HUMAN_MS:.0f} ms of a voice, and the window itself is {1000 * window:.0f} ms",
                        flush=True,
                    )
    rows.append(("people, to name an emotion from a voice", "", f"{HUMAN_MS:.0f}", "", "", ""))
    header = (
        "what",
        "window ms",
        "delay ms, with speech: p50 / p99",
        "any window",
        "work ms in that push",
        "all processor ms per window",
    )
    return Outcome(TITLE, METHOD, tuple(checks), header, tuple(rows))


def _listen(model: emotone.Model, signal: Array, rate: Hertz) -> Heard:
    """Push a signal at 16 kHz as if it came live at `rate`."""
    sound = signal if rate == RATE else soxr.resample(signal, RATE, rate)
    size = rate // CHUNK
    spoken: list[float] = []
    silent: list[float] = []
    work: list[float] = []
    with model.session(rate=rate) as session:
        session.push(sound[: 5 * rate])  # the first windows load and compile
        begun = time.process_time()
        for at in range(5 * rate, len(sound), size):
            start = time.process_time()
            events = session.push(sound[at : at + size])
            taken = time.process_time() - start
            for one in events:
                if isinstance(one, Measurement):
                    (spoken if one.speech else silent).append(1000 * ((at + size) / rate - one.end + taken))
                    work.append(1000 * taken)
        cost = 1000 * (time.process_time() - begun)
    return Heard(np.array(spoken), np.array(silent), cost / len(work), np.array(work))


def _percentiles(values: Array) -> str:
    if not len(values):
        return "none"
    low, high = np.percentile(values, [50, 99])
    return f"{low:.1f} / {high:.1f}"


def _random_soundnet5(folder: Path) -> Path | None:
    """Write a bundle of the anger paper's net with random weights; None where torch is not installed."""
    try:
        import torch
    except ImportError:
        return None
    from emotone.bundles.manifest import TrainingData, Windows
    from emotone.fitting.export import write_net
    from emotone.nets.architectures.soundnet5 import SoundNet5
    from emotone.recipes.recipe import Recipe

    torch.manual_seed(0)
    recipe = Recipe(
        name="soundnet5",
        labels="emodb",
        description="Random weights, to measure speed.",
        net={"name": "soundnet5"},
        front_end={"name": "waveform"},
        windows=Windows(seconds=1.2, hop=0.6, least=1.0),
    )
    net = SoundNet5().build(1, 2).eval()
    data = TrainingData(corpora=("none",), protocol="none", recipe="none", signature="0" * 12)
    write_net(folder, recipe, net, labels=("anger", "neutral"), data=data)
    return folder


BENCHMARK = Benchmark(run)
