"""`emotone listen` with a recording, piped samples, and a microphone that a test plays."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import types
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import soundfile
from rich.console import Console

from emotone.cli.live import PLEDGE, LiveView
from emotone.features.windows import Windows
from emotone.inference.events import UtteranceInterim
from emotone.inference.model import load

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cli.conftest import Outcome

    from emotone.types import Array

WAIT_SECONDS = 60
RATE = 16000


@pytest.fixture
def samples(speech: Callable[..., Array]) -> Array:
    """Two utterances with a pause, as 16-bit numbers can represent them."""
    pause = np.zeros(RATE, np.float32)
    signal_ = np.concatenate([speech(3.0), pause, speech(2.0, seed=3), pause])
    return np.round(signal_ * 32767).astype("<i2").astype(np.float32) / np.float32(32768)


@pytest.fixture
def recording(samples: Array, tmp_path: Path) -> Path:
    path = tmp_path / "talk.wav"
    soundfile.write(path, samples, RATE, subtype="PCM_16")
    return path


def raw(samples: Array) -> bytes:
    return (samples * 32768).astype("<i2").tobytes()


def events_of(bundle: Path, samples: Array) -> list[dict[str, Any]]:
    with load(bundle).session(rate=RATE) as session:
        return [event.to_dict() for event in (*session.push(samples), *session.end())]


def lines(outcome: Outcome) -> list[dict[str, Any]]:
    assert outcome.status == 0, outcome.err
    return [json.loads(line) for line in outcome.out.splitlines()]


def test_a_recording_gives_the_events_of_a_session(
    emotone: Callable[..., Outcome], tiny_bundle: Path, recording: Path, samples: Array
) -> None:
    outcome = emotone("listen", recording, "--model", tiny_bundle, "--format", "jsonl")
    assert lines(outcome) == events_of(tiny_bundle, samples)


@pytest.fixture
def stereo(samples: Array, tmp_path: Path) -> Path:
    path = tmp_path / "call.wav"
    soundfile.write(path, np.stack([samples, samples[::-1]], axis=1), RATE, subtype="PCM_16")
    return path


@pytest.mark.parametrize("channel", ["0", "1", "each"])
def test_channels_of_a_recording(
    channel: str, emotone: Callable[..., Outcome], tiny_bundle: Path, stereo: Path, samples: Array
) -> None:
    outcome = emotone("listen", stereo, "--model", tiny_bundle, "--format", "jsonl", "--channel", channel)
    chosen: Any = int(channel) if channel.isdecimal() else "each"
    with load(tiny_bundle).session(rate=RATE, channels=2, channel=chosen) as session:
        pushed = session.push(np.stack([samples, samples[::-1]]))
        assert lines(outcome) == [event.to_dict() for event in (*pushed, *session.end())]


def test_channels_of_standard_input_and_of_the_copy(
    emotone: Callable[..., Outcome], tiny_bundle: Path, samples: Array, tmp_path: Path
) -> None:
    both = np.stack([samples, samples[::-1]], axis=1)
    options = ["--model", tiny_bundle, "--channels", 2, "--channel", "each", "--record", tmp_path / "copy.wav"]
    outcome = emotone("listen", "-", *options, stdin=raw(both))
    assert outcome.status == 0, outcome.err
    assert {line.split("  ")[0] for line in outcome.out.splitlines()} == {"channel 0", "channel 1"}
    np.testing.assert_allclose(soundfile.read(tmp_path / "copy.wav")[0], both, atol=2**-15)


@pytest.fixture
def quick_bundle(make_bundle: Callable[..., Path], tmp_path: Path) -> Path:
    """A model whose first window is complete after a second."""
    return make_bundle(tmp_path / "quick", windows=Windows(seconds=1.0, hop=0.5, min_seconds=0.1))


def test_interim_results(emotone: Callable[..., Outcome], quick_bundle: Path, recording: Path, samples: Array) -> None:
    outcome = emotone("listen", recording, "--model", quick_bundle, "--format", "jsonl", "--interim")
    with load(quick_bundle).session(rate=RATE, interim=True) as session:
        expected = [event.to_dict() for event in (*session.push(samples), *session.end())]
    assert lines(outcome) == expected
    assert "utterance.interim" in {event["type"] for event in expected}
    text = emotone("listen", recording, "--model", quick_bundle, "--interim").out
    assert text.count("so far") == sum(event["type"] == "utterance.interim" for event in expected)


def test_the_view_shows_the_result_so_far(quick_bundle: Path, samples: Array) -> None:
    model = load(quick_bundle)
    view = LiveView(model.labels, rate=RATE, name="talk", width=80)
    with model.session(rate=RATE, interim=True) as session:
        events = [*session.push(samples), *session.end()]
    seen = set()
    for event in events:
        view.update(np.zeros((1, 0), np.float32), [event])
        seen.add((event.type, "so far" in shown(view)))
        if isinstance(event, UtteranceInterim):
            assert ("so far, pause" in shown(view)) == event.paused
    assert ("utterance.interim", True) in seen
    assert ("utterance.interim", False) not in seen
    assert ("utterance.end", True) not in seen


def test_a_model_that_adapts_itself(
    emotone: Callable[..., Outcome],
    tiny_bundle: Path,
    recording: Path,
    make_bundle: Callable[..., Path],
    tmp_path: Path,
) -> None:
    adaptable = make_bundle(tmp_path / "adaptable", head=True)
    found = lines(emotone("listen", recording, "--model", adaptable, "--format", "jsonl", "--adapt"))
    assert {event["adapted"] for event in found} == {True}
    outcome = emotone("listen", recording, "--model", tiny_bundle, "--adapt")
    assert (outcome.status, "can't be adapted without labels" in outcome.err) == (2, True)


def test_the_view_shows_channels_one_below_the_other(tiny_bundle: Path, samples: Array) -> None:
    model = load(tiny_bundle)
    view = LiveView(model.labels, rate=RATE, name="call.wav", width=80, channels=2)
    both = np.stack([0 * samples, samples])
    with model.session(rate=RATE, channels=2, channel="each") as session:
        view.update(both, (*session.push(both), *session.end()))
    silent, spoken = shown(view).split("call.wav, channel 1")
    assert view.seconds == len(samples) / RATE
    assert "call.wav, channel 0" in silent
    assert "█" not in silent
    assert "█" in spoken


def test_standard_input_is_raw_samples(emotone: Callable[..., Outcome], tiny_bundle: Path, samples: Array) -> None:
    outcome = emotone("listen", "-", "--model", tiny_bundle, "--format", "jsonl", stdin=raw(samples) + b"\0")
    assert lines(outcome) == events_of(tiny_bundle, samples)


def test_text_is_a_line_per_utterance(
    emotone: Callable[..., Outcome], tiny_bundle: Path, recording: Path, samples: Array
) -> None:
    outcome = emotone("listen", recording, "--model", tiny_bundle)
    parts = [part for event in events_of(tiny_bundle, samples) for part in event.get("parts", ())]
    assert [line.split()[2] for line in outcome.out.splitlines()] == [part["label"] for part in parts]


@pytest.mark.parametrize("channel", ["mix", "0"])
def test_notes_about_a_recording_are_printed(
    channel: str, emotone: Callable[..., Outcome], tiny_bundle: Path, samples: Array, tmp_path: Path
) -> None:
    path = tmp_path / "two.mp3"
    soundfile.write(path, samples, RATE)
    path.write_bytes(2 * path.read_bytes())
    outcome = emotone("listen", path, "--model", tiny_bundle, "--channel", channel)
    assert outcome.status == 0
    assert f"{path}: the file consists of 2 streams, which were read one after another" in outcome.err


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
def test_the_audio_is_recorded(
    suffix: str, emotone: Callable[..., Outcome], tiny_bundle: Path, samples: Array, tmp_path: Path
) -> None:
    path = tmp_path / f"copy{suffix}"
    outcome = emotone("listen", "-", "--model", tiny_bundle, "--record", path, stdin=raw(samples))
    assert outcome.status == 0
    read, rate = soundfile.read(path, dtype="float32")
    assert rate == RATE
    np.testing.assert_allclose(read, samples, atol=2**-15)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-", "--rate", "100"], "sampling rate of 100 Hz"),
        (["-", "--track", "1"], "--track is for recordings"),
        (["RECORDING", "--track", "1"], "track 1 was requested; allowed: 0"),
        (["-"], "standard input: ended without a sample"),
        (["missing.wav"], "missing.wav"),
        (["RECORDING", "--rate", "8000"], "contains its own rate"),
        (["RECORDING", "--device", "1"], "--device selects a microphone"),
        (["RECORDING", "--channels", "2"], "contains its own number"),
        (["RECORDING", "--channel", "7"], "channel"),
        (["RECORDING", "--channel", "left"], "allowed: a number from 0, mix, or each"),
        (["RECORDING", "--record", "RECORDING"], "exists; choose another name"),
        (["RECORDING", "--record", "copy.xyz"], "can't be written"),
        (["RECORDING", "--format", "csv"], "'csv' is not one of"),
    ],
)
def test_what_can_not_be_used_is_refused(
    *,
    arguments: list[str],
    message: str,
    emotone: Callable[..., Outcome],
    tiny_bundle: Path,
    recording: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(recording.parent)
    given = [str(recording) if one == "RECORDING" else one for one in arguments]
    outcome = emotone("listen", "--model", tiny_bundle, *given)
    assert outcome.status == 2
    assert message in outcome.err


class FakeMicrophone:
    """Plays samples to the callback when it is opened, then interrupts the process as a person does."""

    samples: Array

    def __init__(self, *, samplerate: int, blocksize: int, callback: Callable[..., None], **others: Any) -> None:
        assert (others["channels"], others["dtype"]) == (1, "float32")
        self._size = blocksize
        self._callback = callback
        assert samplerate == RATE

    def __enter__(self) -> None:
        for at in range(0, len(self.samples), self._size):
            part = self.samples[at : at + self._size]
            self._callback(part.tobytes(), len(part), None, None)

    def __exit__(self, *error: object) -> None:
        pass


@pytest.fixture
def microphone(monkeypatch: pytest.MonkeyPatch, samples: Array) -> None:
    """A module like sounddevice, with one microphone."""
    device = {"name": "Fake microphone", "default_samplerate": float(RATE), "max_input_channels": 1}

    class PortAudioError(Exception):
        pass

    def query_devices(chosen: object = None, kind: str | None = None) -> object:
        if chosen not in {None, 0}:
            raise PortAudioError("no such device")
        return device if kind else [device, {**device, "name": "Speaker", "max_input_channels": 0}]

    FakeMicrophone.samples = samples
    module = types.ModuleType("sounddevice")
    for name, value in {
        "PortAudioError": PortAudioError,
        "query_devices": query_devices,
        "RawInputStream": FakeMicrophone,
    }.items():
        setattr(module, name, value)
    monkeypatch.setitem(sys.modules, "sounddevice", module)


@pytest.mark.usefixtures("microphone")
def test_microphones_are_listed(emotone: Callable[..., Outcome]) -> None:
    assert emotone("listen", "--devices").out == "0  Fake microphone\n"


@pytest.mark.usefixtures("microphone")
def test_a_microphone_that_stops_is_an_error_after_its_events(
    emotone: Callable[..., Outcome], tiny_bundle: Path, samples: Array, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emotone.cli.live.STALL_SECONDS", 0.1)
    outcome = emotone("listen", "--model", tiny_bundle, "--format", "jsonl")
    found = [json.loads(line) for line in outcome.out.splitlines()]
    assert found
    assert found == events_of(tiny_bundle, samples)[: len(found)]
    assert (outcome.status, "sent nothing" in outcome.err) == (2, True)


@pytest.mark.usefixtures("microphone")
def test_an_unknown_microphone_is_refused(emotone: Callable[..., Outcome], tiny_bundle: Path) -> None:
    outcome = emotone("listen", "--model", tiny_bundle, "--device", "7")
    assert (outcome.status, "no such device; see: emotone listen --devices" in outcome.err) == (2, True)


def test_a_missing_extra_is_named(
    emotone: Callable[..., Outcome], tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    outcome = emotone("listen", "--model", tiny_bundle)
    assert (outcome.status, "pip install 'emotone[listen]'" in outcome.err) == (2, True)


def test_an_interrupt_ends_the_audio_with_its_last_events(tiny_bundle: Path, samples: Array) -> None:
    command = [sys.executable, "-m", "emotone", "listen", "-", "--model", str(tiny_bundle), "--format", "jsonl"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=False) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(raw(samples))
        process.stdin.flush()
        first = process.stdout.readline()  # the process has begun to analyse; its input stays open
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=WAIT_SECONDS)
    assert process.returncode == 0
    found = [json.loads(line) for line in (first + out).splitlines()]
    assert found[0] == events_of(tiny_bundle, samples)[0]
    assert found[-1]["type"] == "utterance.end"


def shown(view: LiveView) -> str:
    stream = io.StringIO()
    Console(file=stream, width=80, color_system=None).print(view)
    return stream.getvalue()


def test_the_view_shows_level_probabilities_and_utterances(tiny_bundle: Path, samples: Array) -> None:
    model = load(tiny_bundle)
    view = LiveView(model.labels, rate=RATE, name="talk\x1b.wav" + 80 * "x", width=80)
    assert "-60 dB" in shown(view)
    with model.session(rate=RATE) as session:
        view.update(samples[np.newaxis], events := session.push(samples))
        view.update(np.zeros((1, 0), np.float32), last := session.end())
    ends = [event for event in (*events, *last) if event.type == "utterance.end"]
    text = shown(view)
    assert PLEDGE in text
    assert "talk?.wav" in text
    assert all(label in text for label in model.labels)
    assert text.count("unsure") + text.count(" %") >= len(ends) + len(model.labels)
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize(("amplitude", "decibels"), [(1.0, "0 dB"), (0.1, "-20 dB"), (0.0, "-60 dB"), (1e-6, "-60 dB")])
def test_the_level_is_the_power_of_the_latest_samples(amplitude: float, decibels: str, tiny_bundle: Path) -> None:
    view = LiveView(load(tiny_bundle).labels, rate=RATE, name="talk", width=80)
    view.update(np.full((1, 320), amplitude, np.float32), ())
    assert decibels in shown(view)


def test_a_terminal_shows_a_recording_in_real_time(
    tiny_bundle: Path, speech: Callable[..., Array], tmp_path: Path
) -> None:
    path = tmp_path / "short.wav"
    soundfile.write(path, speech(1.0), RATE)
    controller, terminal = os.openpty()
    command = [sys.executable, "-m", "emotone", "listen", str(path), "--model", str(tiny_bundle)]
    environment = {**os.environ, "COLUMNS": "80", "LINES": "30", "TERM": "xterm"}
    with subprocess.Popen(command, stdout=terminal, env=environment) as process:
        os.close(terminal)
        shown_text = b""
        with contextlib.suppress(OSError):  # the terminal is closed at the end of the process
            while piece := os.read(controller, 4096):
                shown_text += piece
        assert process.wait(WAIT_SECONDS) == 0
    os.close(controller)
    text = shown_text.decode()
    assert PLEDGE in text
    assert "0:01.0" in text
    assert text.count("level") > 3  # it was refreshed
