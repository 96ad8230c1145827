"""Speech activity by a network: the published network, the decisions around it, and what they find in recordings."""

from __future__ import annotations

import functools
import math
import subprocess
import sys
import time
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime
import pytest
import soundfile
import torch
from scripts.convert_speech_network import CHUNKS, convert
from tests.audio.test_activity import refine_slowly

from emotone.audio import speech_network
from emotone.audio.activity import ActivityDetector, SpeechDetector
from emotone.audio.read import read
from emotone.audio.speech_network import (
    AFTER,
    BACK,
    BEFORE,
    BEGIN,
    BLOCK,
    CHUNK,
    CONTEXT,
    CONTINUE,
    ENDING,
    INWARDS,
    OUTWARDS,
    RATE,
    SLICE,
    EdgeRefiner,
    NetworkDetector,
    network_activity,
)
from emotone.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emotone.types import Array

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
SHAPES = {
    "encoder.0.weight": (128, 129, 3),
    "encoder.1.weight": (64, 128, 3),
    "encoder.2.weight": (64, 64, 3),
    "encoder.3.weight": (128, 64, 3),
    "onnx::LSTM_209": (1, 512, 128),
    "onnx::LSTM_210": (1, 512, 128),
    "onnx::LSTM_211": (1, 1024),
    "output.weight": (1, 128, 1),
    "output.bias": (1,),
    **{f"encoder.{layer}.bias": (channels,) for layer, channels in enumerate((128, 64, 64, 128))},
}


@functools.cache
def spoken() -> Array:
    """Return an example recording between pauses, with noise so faint that no chunk is silence."""
    signal, _ = soundfile.read(EXAMPLES / "conversation.flac", dtype="float32")
    pause = np.zeros(RATE, np.float32)
    joined = np.concatenate([pause, signal[: 8 * RATE], pause, pause, signal[: 3 * RATE]])
    noise = np.random.default_rng(0).standard_normal(len(joined)).astype(np.float32)
    noisy: Array = joined + np.float32(1e-4) * noise
    return noisy


def run_published(weights: dict[str, NDArray[np.float32]], chunks: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return probabilities [n] of chunks [n, 64 + 512] by the layers as Silero publishes them, in float64."""
    layers = {name: torch.from_numpy(values.astype(np.float64)) for name, values in weights.items()}
    conv = torch.nn.functional.conv1d
    samples = torch.nn.functional.pad(torch.from_numpy(chunks)[:, None], (0, 64), mode="reflect")[:, 0]
    window = torch.hann_window(256, periodic=True, dtype=torch.float64)
    values = torch.stft(samples, 256, 128, window=window, center=False, return_complex=True).abs()
    for layer, stride in enumerate((1, 2, 2, 1)):
        kernel, bias = layers[f"encoder.{layer}.weight"], layers[f"encoder.{layer}.bias"]
        values = torch.relu(conv(values, kernel, bias, stride=stride, padding=1))
    hidden = cell = torch.zeros(128, dtype=torch.float64)
    out = []
    bias = layers["onnx::LSTM_211"][0]
    for step in values[:, :, 0]:
        gates = layers["onnx::LSTM_209"][0] @ step + layers["onnx::LSTM_210"][0] @ hidden + bias[:512] + bias[512:]
        into, out_gate, forget, new = gates.chunk(4)
        cell = torch.sigmoid(forget) * cell + torch.sigmoid(into) * torch.tanh(new)
        hidden = torch.sigmoid(out_gate) * torch.tanh(cell)
        score = layers["output.weight"][0, :, 0] @ torch.relu(hidden) + layers["output.bias"][0]
        out.append(float(torch.sigmoid(score)))
    return np.array(out)


def test_the_converted_graph_is_the_published_network() -> None:
    rng = np.random.default_rng(1)
    weights = {}
    for name, shape in SHAPES.items():
        inputs = shape[-1] if "LSTM" in name else math.prod(shape[1:])
        size = 0.1 if len(shape) < 3 else 2 / math.sqrt(inputs)
        weights[name] = (size * rng.standard_normal(shape)).astype(np.float16).astype(np.float32)
    signal = 0.01 * rng.standard_normal(CONTEXT + CHUNKS * CHUNK).astype(np.float32)
    gain = rng.uniform(0.1, 1, (CHUNKS, 1)).astype(np.float32)
    chunks = np.stack([signal[CHUNK * at : CHUNK * (at + 1) + CONTEXT] for at in range(CHUNKS)]).astype(np.float64)

    session = onnxruntime.InferenceSession(convert(weights), providers=["CPUExecutionProvider"])
    state = np.zeros((1, 1, 128), np.float32)
    found = session.run(None, {"samples": signal, "gain": gain, "hidden": state, "cell": state})[0][:, 0]

    expected = run_published(weights, chunks * gain)
    assert np.ptp(expected) > 0.02
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)  # the basis is stored in half precision


def slow_activity(signal: Array) -> NDArray[np.bool_]:
    """Return the decisions about a whole signal without silent chunks, by the rules of the module's docstring."""
    count = math.ceil(len(signal) / BLOCK) * BLOCK
    padded = np.concatenate([np.zeros(CONTEXT, np.float32), signal, np.zeros(count - len(signal), np.float32)])
    content = resources.files("emotone.audio").joinpath("speech_network.onnx").read_bytes()
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    hidden = cell = np.zeros((1, 1, 128), np.float32)
    probabilities: list[float] = []
    levels: list[float] = []
    for start in range(0, count, BLOCK):
        block = padded[start : start + CONTEXT + BLOCK]
        levels += np.sqrt(np.mean(block[CONTEXT:].astype(float).reshape(-1, CHUNK) ** 2, axis=1)).tolist()
        recent = [
            max(level * math.exp(-0.0032 * (last - chunk)) for chunk, level in enumerate(levels[: last + 1]))
            for last in range(len(levels) - BLOCK // CHUNK, len(levels))
        ]
        gain = np.array([[min(max(0.05 / level, 1.0), 100.0)] for level in recent], np.float32)
        inputs = {"samples": block, "gain": gain, "hidden": hidden, "cell": cell}
        found, hidden, cell = session.run(None, inputs)
        probabilities += found[:, 0].tolist()
    speech = np.zeros(count // CHUNK, np.bool_)
    for chunk, probability in enumerate(probabilities):
        if probability > CONTINUE and chunk and speech[chunk - 1]:
            speech[chunk] = True
        elif probability > BEGIN:
            first = chunk
            while first > max(0, chunk - BACK) and probabilities[first - 1] > CONTINUE and not speech[first - 1]:
                first -= 1
            speech[first : chunk + 1] = True
    frames = math.ceil(len(signal) / 160)
    chunk_of = [min((160 * frame + 80) // CHUNK, math.ceil(len(signal) / CHUNK) - 1) for frame in range(frames)]
    differences = np.diff(signal, prepend=np.float32(0))
    padded = np.concatenate([differences, np.zeros(frames * 160 - len(signal), np.float32)])
    if frames * 160 > len(signal) > 0:
        padded[len(signal)] = -signal[-1]  # silence follows
    powers = (padded.reshape(frames, 160).astype(float) ** 2).mean(axis=1)
    refined = refine_slowly(speech[chunk_of], 10 * np.log10(powers + 1e-10))
    return np.array([refined[max(0, at - AFTER) : at + BEFORE + 1].any() for at in range(frames)])


@pytest.mark.parametrize("length", [len(spoken()), 4 * RATE + 77, 3 * BLOCK, 3 * BLOCK + 1])
def test_decisions_follow_the_documented_rules(length: int) -> None:
    signal = spoken()[RATE // 2 :][:length]

    decided = network_activity(signal)

    assert 0.1 < decided.mean() < 1
    np.testing.assert_array_equal(decided, slow_activity(signal))


@pytest.mark.parametrize("noise", [0.003, 0.01, 0.03, 0.1])
def test_decisions_in_noise_follow_the_documented_rules(noise: float) -> None:
    """Probabilities rise slowly in noise: a stretch then begins as far back as the limit allows."""
    rng = np.random.default_rng(5)
    signal = (spoken() + noise * rng.standard_normal(len(spoken()))).astype(np.float32)
    np.testing.assert_array_equal(network_activity(signal), slow_activity(signal))


@pytest.mark.parametrize("seed", range(6))
def test_any_division_gives_the_same_decisions(seed: int) -> None:
    rng = np.random.default_rng(seed)
    signal = spoken()[: len(spoken()) - int(rng.integers(0, 2 * BLOCK))].copy()
    signal[int(rng.integers(0, RATE)) :][: 2 * BLOCK] = 0  # blocks of silence too
    cuts = np.sort(rng.integers(0, len(signal) + 1, (3, 40, 2000)[seed % 3]))
    detector = NetworkDetector()

    pieces = np.split(signal, cuts)
    decided = [detector.push(piece) for piece in pieces[:-1]]
    if seed % 2:
        decided.append(detector.finish(pieces[-1]))
    else:
        decided += [detector.push(pieces[-1]), detector.finish()]

    np.testing.assert_array_equal(np.concatenate(decided), network_activity(signal))


def test_long_pieces_and_reused_buffers_change_nothing() -> None:
    signal = np.resize(spoken(), SLICE + 100)
    detector, buffer = NetworkDetector(), np.empty(320, np.float32)
    decided = []
    for start in range(0, len(signal), 320):
        piece = signal[start : start + 320]
        buffer[: len(piece)] = piece
        decided.append(detector.push(buffer[: len(piece)]))
    decided.append(detector.finish())

    at_once = NetworkDetector()
    long_piece = [at_once.push(signal), at_once.finish()]

    np.testing.assert_array_equal(np.concatenate(decided), network_activity(signal))
    np.testing.assert_array_equal(np.concatenate(long_piece), network_activity(signal))


@pytest.mark.parametrize("length", [0, 1, 159, 160, 161, CHUNK, CHUNK + 1, BLOCK - 1, BLOCK, BLOCK + 1, 16_000])
def test_there_is_a_decision_for_every_10_ms(length: int) -> None:
    for signal in (np.zeros(length, np.float32), spoken()[2 * RATE :][:length]):
        decided = network_activity(signal)
        assert decided.dtype == np.bool_
        assert len(decided) == math.ceil(length / 160)


def test_a_decision_comes_within_the_lookahead() -> None:
    detector, decided = NetworkDetector(), 0
    for at in range(0, len(spoken()) - 160, 160):
        decided += len(detector.push(spoken()[at : at + 160]))
        assert decided * 0.01 >= (at + 160) / RATE - NetworkDetector.lookahead


def test_after_speech_the_decisions_come_every_96_ms() -> None:
    signal, _ = soundfile.read(EXAMPLES / "loud-fast-high.flac", dtype="float32")
    for shift in (0, 1000, 3000, 5000):
        padded = np.concatenate([np.zeros(shift, np.float32), signal, np.zeros(RATE, np.float32)])
        last = int(np.flatnonzero(network_activity(padded))[-1])
        detector, decided = NetworkDetector(), 0
        for at in range(0, len(padded) - 160, 160):
            enough = detector.missing <= 160
            found = detector.push(padded[at : at + 160])
            assert enough or not len(found)
            decided += len(found)
            if decided > last + 50:  # so many frames later, an utterance ends
                break
        delay = (at + 160) / RATE - (last + 1) * 0.01
        assert delay <= 0.5 + 0.01 * (OUTWARDS + BEFORE + 2) + 3 * CHUNK / RATE


@pytest.mark.parametrize("pause", [0.62, 0.7, 0.8])
def test_a_pause_is_decided_soon_after_speech_continues(pause: float) -> None:
    first, _ = soundfile.read(EXAMPLES / "loud-fast-high.flac", dtype="float32")
    gap = np.zeros(round(pause * RATE), np.float32)
    for shift in (0, 1536, 3000, 4608):
        padded = np.concatenate([np.zeros(shift, np.float32), first, gap, first])
        last = int(np.flatnonzero(network_activity(padded[: shift + len(first) + len(gap)]))[-1])
        detector, decided = NetworkDetector(), 0
        for at in range(0, len(padded) - 1536, 1536):
            decided += len(detector.push(padded[at : at + 1536]))
            if decided > last + ENDING:
                break
        delay = (at + 1536) / RATE - (last + 1) * 0.01
        assert delay <= 1.15  # 1.3 s, if all blocks were complete


def test_loud_speech_is_decided_at_the_end_of_its_block() -> None:
    """What is louder than the threshold so far can't be after the end of its stretch."""
    speech = np.ones(200, np.bool_)
    loud, quiet = np.full(200, -20.0), np.where(np.arange(200) < 180, -20.0, -90.0)
    assert len(EdgeRefiner().push(speech, loud)) == 200
    assert len(EdgeRefiner().push(speech, quiet)) == 180
    assert len(EdgeRefiner().push(speech, np.where(np.arange(200) < 150, -20.0, -90.0))) == 200 - INWARDS


@pytest.mark.parametrize("detector", [NetworkDetector, ActivityDetector])
def test_both_detectors_are_speech_detectors(detector: type[NetworkDetector | ActivityDetector]) -> None:
    made: SpeechDetector = detector()
    first, rest = made.push(spoken()[:30_000]), made.finish(spoken()[30_000:])
    assert len(first) + len(rest) == math.ceil(len(spoken()) / 160)
    assert 0 < made.lookahead < 1


@pytest.mark.parametrize("decibels", [-40, -20, 20])
def test_the_level_has_little_effect(decibels: int) -> None:
    signal, _ = soundfile.read(EXAMPLES / "conversation.flac", dtype="float32")
    scaled = np.clip(signal * np.float32(10 ** (decibels / 20)), -1, 1)
    assert network_activity(scaled).mean() == pytest.approx(network_activity(signal).mean(), abs=0.1)


def not_speech() -> dict[str, NDArray[np.float64]]:
    rng, at = np.random.default_rng(3), np.arange(5 * RATE) / RATE
    return {
        "silence": np.zeros(5 * RATE),
        "faint noise": 1e-4 * rng.standard_normal(5 * RATE),
        "noise": 0.1 * rng.standard_normal(5 * RATE),
        "tone": 0.3 * np.sin(2 * np.pi * 440 * at),
        "hum": 0.1 * np.sum([np.sin(2 * np.pi * 50 * order * at) / order for order in (1, 2, 3, 5)], axis=0),
        "clicks": np.where(np.arange(5 * RATE) % 8000 < 8, 0.8, 0.0),
    }


@pytest.mark.parametrize("name", not_speech())
def test_other_sounds_are_no_speech(name: str) -> None:
    assert network_activity(not_speech()[name].astype(np.float32)).sum() < 20


@pytest.mark.parametrize("level", [0.0, 1e-4, 1e-3])
def test_speech_stays_where_it_is_between_silence_and_faint_noise(level: float) -> None:
    signal, _ = soundfile.read(EXAMPLES / "loud-fast-high.flac", dtype="float32")
    rng = np.random.default_rng(4)
    before, after = (level * rng.standard_normal((2, 3 * RATE))).astype(np.float32)

    decided = network_activity(np.concatenate([before, signal, after]))

    inside = slice(300 - 30, 300 + math.ceil(len(signal) / 160) + 50)
    assert decided[inside].sum() == decided.sum()
    assert decided[inside].sum() == pytest.approx(network_activity(signal).sum(), rel=0.2)


def test_another_rate_is_refused() -> None:
    with pytest.raises(UsageError, match="a rate of 8000 Hz was given; allowed: 16000"):
        NetworkDetector(rate=8000)


def test_the_data_file_is_small_and_comes_with_its_licence() -> None:
    folder = resources.files("emotone.audio")
    assert len(folder.joinpath("speech_network.onnx").read_bytes()) < 700_000
    assert "Copyright (c) 2020-present Silero Team" in folder.joinpath("speech_network.LICENSE").read_text("utf-8")


def test_neither_the_import_nor_a_decision_needs_torch() -> None:
    code = (
        "import sys, numpy as np; from emotone.audio.speech_network import network_activity; "
        "assert 'onnxruntime' not in sys.modules; network_activity(np.ones(16000, np.float32)); "
        "assert not {'torch', 'scipy', 'pandas', 'sklearn', 'onnx'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_three_seconds_take_little_time() -> None:
    signal = np.resize(spoken(), 3 * RATE)

    def once() -> float:
        start = time.process_time()  # not wall-clock time, which other processes add to
        network_activity(signal)
        return time.process_time() - start

    assert min(once() for _ in range(30)) < 0.015  # 3 ms; the bound is for slow machines


@pytest.mark.parametrize("corpus", ["emodb", "ravdess", "nemo", "savee", "emovo", "librispeech", "asr"])
def test_recordings_of_speech(corpus: str, shared: Path) -> None:
    files = sorted(path for path in (shared / "corpora" / corpus).rglob("*") if path.suffix in {".flac", ".ogg"})
    chosen = files[:: max(1, len(files) // 60)]

    accepted = [network_activity(read(path, rate=RATE)[0]).sum() >= 20 for path in chosen]

    assert np.mean(accepted) >= 0.98


def test_environmental_sounds(shared: Path) -> None:
    files = sorted((shared / "corpora" / "esc10").glob("*/*.ogg"))
    chosen = [path for path in files if "Baby cry" not in str(path)]
    assert len(chosen) == 360

    accepted = sum(network_activity(read(path, rate=RATE)[0]).sum() >= 20 for path in chosen)

    assert accepted <= 25


def test_meetings(shared: Path) -> None:
    folder = shared / "corpora" / "ami"
    turns = [line.split() for path in sorted(folder.glob("*.rttm")) for line in path.read_text().splitlines()]
    spoken_frames: list[NDArray[np.bool_]] = []
    found: list[NDArray[np.bool_]] = []
    for path in sorted(folder.glob("*.flac")):
        decided = network_activity(read(path, rate=RATE)[0])
        truth = np.zeros(len(decided), np.bool_)
        for _, name, _, start, seconds, *_ in turns:
            if name == path.stem:
                truth[round(float(start) * 100) : round((float(start) + float(seconds)) * 100)] = True
        found.append(decided)
        spoken_frames.append(truth)
    decided, truth = np.concatenate(found), np.concatenate(spoken_frames)

    assert (decided & truth).sum() / truth.sum() >= 0.78
    assert (decided & truth).sum() / decided.sum() >= 0.98


def test_constants_agree_with_the_converter() -> None:
    assert speech_network.CHUNKS == CHUNKS
