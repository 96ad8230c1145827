"""Delay and cost of windows in a live session, compared with the window and with human listeners."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import soxr
from benchmarks.base import RATE, Benchmark, Check, Outcome, sentence

import emotone
from emotone.inference.events import Measurement, UtteranceEnd
from emotone.inference.utterances import PAUSE

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.base import Setting

    from emotone.types import Array, Hertz

TITLE = "Live audio"
METHOD = (
    "The example conversation, repeated, is pushed into `model.session` in pieces of 20 ms, in one process with one "
    "thread. Delay: time from the last sample of a window to its measurement, which is the audio that had to arrive "
    "and the processor time of that push. The last window of an utterance is known only after a pause of 0.5 s, so its "
    "delay is listed separately. Cost: processor time of all work divided by the number of windows. "
    "`soundnet5` is the network of the paper on anger detection with random weights, on windows of 1.2 s every 0.6 s; "
    "its cost is the minimum of three sessions, because other load only increases it."
)
CHUNK = 50  # pieces per second
WARM_UP = 5  # seconds in which everything is loaded and compiled
SECONDS, QUICK_SECONDS = 120, 30
HUMAN_MS = 700.0  # speech that listeners need to recognise an emotion
PAUSE_MS = 1000 * PAUSE
MAX_COST_MS = 5.0  # of one core, for all work of a window of 1.2 s
SESSIONS = 3  # of which the cheapest counts
RATES: tuple[Hertz, ...] = (8_000, 16_000, 48_000)


@dataclass(frozen=True)
class SessionTimes:
    """Times of one session.

    Attributes:
        delays: of windows during an utterance, in ms [windows].
        last_delays: of the last windows of utterances, in ms [windows].
        work: processor time of the pushes that returned a window, in ms [windows].
        cost: processor time per window, in ms.

    """

    delays: Array
    last_delays: Array
    work: Array
    cost: float


def run(setting: Setting) -> Outcome:
    """Measure the model, and a detector on raw samples, at several sampling rates."""
    seconds = QUICK_SECONDS if setting.quick else SECONDS
    rows: list[tuple[str, ...]] = []
    checks: list[Check] = []
    models = {setting.model: emotone.load(setting.model)}
    random_model = _random_soundnet5(setting.folder / "soundnet5")
    if random_model is not None:
        models["soundnet5"] = emotone.load(random_model)
    for name, model in models.items():
        window_ms = f"{1000 * model.bundle.manifest.windows.seconds:.0f}"
        for rate in RATES:
            times = _run_session(model, sentence(seconds), rate)
            measured = map(_percentiles, (times.delays, times.last_delays, times.work))
            rows.append((f"{name}, {rate / 1000:g} kHz", window_ms, *measured, f"{times.cost:.2f}"))
            if rate != RATE:
                continue
            for title, delays, limit in (
                ("delay", times.delays, HUMAN_MS),
                ("delay of last windows", times.last_delays, HUMAN_MS + PAUSE_MS),
            ):
                if len(delays):
                    value = float(np.percentile(delays, 99))
                    checks.append(Check(f"{name}: {title}, p99", value, "<", limit, "ms"))
            if name == "soundnet5":
                repeats = [_run_session(model, sentence(seconds), rate).cost for _ in range(SESSIONS - 1)]
                checks.append(Check(f"{name}: cost per window", min(times.cost, *repeats), "<=", MAX_COST_MS, "ms"))
    rows.append(("human listeners", "", f"{HUMAN_MS:.0f}", "", "", ""))
    header = (
        *("model", "window ms", "delay ms: p50 / p99", "last window of an utterance"),
        *("work ms of the push", "processor ms per window"),
    )
    return Outcome(TITLE, METHOD, tuple(checks), header, tuple(rows))


def _run_session(model: emotone.Model, signal: Array, rate: Hertz) -> SessionTimes:
    """Push a signal at 16 kHz as live audio at `rate`."""
    audio = signal if rate == RATE else soxr.resample(signal, RATE, rate)
    size = rate // CHUNK
    delays: list[float] = []
    last_delays: list[float] = []
    work: list[float] = []
    with model.session(rate=rate) as session:
        session.push(audio[: WARM_UP * rate])
        begin = time.process_time()
        for position in range(WARM_UP * rate, len(audio), size):
            start = time.process_time()
            events = session.push(audio[position : position + size])
            seconds = time.process_time() - start
            found = last_delays if any(isinstance(event, UtteranceEnd) for event in events) else delays
            for event in events:
                if isinstance(event, Measurement):
                    found.append(1000 * ((position + size) / rate - event.end + seconds))
                    work.append(1000 * seconds)
        cost = 1000 * (time.process_time() - begin)
    return SessionTimes(np.array(delays), np.array(last_delays), np.array(work), cost / len(work))


def _percentiles(values: Array) -> str:
    if not len(values):
        return "none"
    median, high = np.percentile(values, [50, 99])
    return f"{median:.1f} / {high:.1f}"


def _random_soundnet5(folder: Path) -> Path | None:
    """Write a bundle of the network of the paper on anger detection with random weights; None without torch."""
    try:
        import torch
    except ImportError:
        return None
    from emotone.bundles.contents import TrainingData
    from emotone.features.windows import Windows
    from emotone.fitting.export import write_net
    from emotone.nets.architectures.waveform_networks import SoundNet5
    from emotone.recipes.recipe import Recipe

    torch.manual_seed(0)
    recipe = Recipe(
        name="soundnet5",
        labels="emodb",
        description="Random weights, to measure speed.",
        net={"name": "soundnet5"},
        front_end={"name": "waveform"},
        windows=Windows(seconds=1.2, hop=0.6, min_seconds=1.0),
    )
    net = SoundNet5().build(1, 2).eval()
    data = TrainingData(corpora=("none",), protocol="none", recipe="none", signature="0" * 12)
    write_net(folder, recipe, net, labels=("anger", "neutral"), data=data)
    return folder


BENCHMARK = Benchmark(run)
