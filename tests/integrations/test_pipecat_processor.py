"""The frame processor in a pipeline of Pipecat, where Pipecat is installed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from emotone.errors import BundleError
from emotone.inference.events import UtteranceEnd, UtteranceInterim
from emotone.inference.model import load

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from emotone.types import Array

pytestmark = pytest.mark.filterwarnings("ignore")  # those of Pipecat and what it imports
pytest.importorskip("pipecat", reason="Pipecat is not installed; it requires older versions than constraints.txt")

RATE = 16000


def frames_of(audio: bytes) -> list[Any]:
    from pipecat.frames.frames import InputAudioRawFrame

    pieces = [audio[at : at + 640] for at in range(0, len(audio), 640)]  # 20 ms
    return [InputAudioRawFrame(audio=piece, sample_rate=RATE, num_channels=1) for piece in pieces]


def passed(processor: Any, frames: list[Any]) -> tuple[list[Any], list[Any]]:
    """Return the frames that a pipeline with the processor pushes downstream and upstream."""
    from pipecat.tests.utils import run_test

    down, up = asyncio.run(run_test(processor, frames_to_send=frames, start_timeout=30.0))
    return list(down), list(up)


@pytest.fixture
def audio(speech: Callable[..., Array]) -> bytes:
    pause = np.zeros(RATE, np.float32)
    sound = np.concatenate([speech(2.5), pause, speech(2.0, seed=3)])
    return np.round(sound * 32767).astype("<i2").tobytes()


@pytest.mark.parametrize("prompt", [False, True])
def test_events_are_those_of_a_session(tiny_bundle: Path, audio: bytes, prompt: bool) -> None:
    from pipecat.frames.frames import InputAudioRawFrame, LLMMessagesAppendFrame

    from emotone.integrations.pipecat_processor import EmotionFrame, EmotionProcessor

    frames = frames_of(audio)
    down, _ = passed(EmotionProcessor(load(tiny_bundle), prompt=prompt), frames)
    with load(tiny_bundle).session(rate=RATE, encoding="s16le") as session:
        expected = [*session.push(audio), *session.end()]
    assert [frame.event for frame in down if isinstance(frame, EmotionFrame)] == expected
    assert [frame.audio for frame in down if isinstance(frame, InputAudioRawFrame)] == [one.audio for one in frames]
    texts = [frame.messages[0]["content"] for frame in down if isinstance(frame, LLMMessagesAppendFrame)]
    ends = [event for event in expected if isinstance(event, UtteranceEnd)]
    assert len(texts) == (len(ends) if prompt else 0)
    assert all(str(end.clip.label) in text for end, text in zip(ends, texts, strict=False))


def test_eager_results_of_a_turn(tiny_bundle: Path, audio: bytes) -> None:
    from pipecat.frames.frames import LLMMessagesAppendFrame, TranscriptionFrame
    from pipecat.tests.utils import SleepFrame

    from emotone.integrations.pipecat_processor import EmotionFrame, EmotionProcessor
    from emotone.integrations.voice_turns import context_reading, prompt_text

    with load(tiny_bundle).session(rate=RATE, encoding="s16le", interim=True) as session:
        events = [*session.push(audio), *session.end()]
    pauses = [event for event in events if isinstance(event, UtteranceInterim) and event.paused]
    results = pauses + [event for event in events if isinstance(event, UtteranceEnd)]
    said = TranscriptionFrame("Oh great.", "user", "2026-11-29T12:00:00Z")
    sent = [*frames_of(audio), SleepFrame(sleep=0.5), said]
    down, _ = passed(EmotionProcessor(load(tiny_bundle), prompt=True, rcs=True, eager=True), sent)
    assert [frame.event for frame in down if isinstance(frame, EmotionFrame)] == events
    times = sorted({(one.start, one.time): one for one in results}.values(), key=lambda one: one.time)
    texts = [frame.messages[0]["content"] for frame in down if isinstance(frame, LLMMessagesAppendFrame)]
    assert texts == [prompt_text(one) for one in times]  # no line is repeated at the end of an utterance
    [text] = [frame.text for frame in down if isinstance(frame, TranscriptionFrame)]
    known = {one.start: one for one in times if one.time < len(audio) / (2 * RATE) - 0.5}
    assert text == f"{context_reading(list(known.values()))} Oh great."


def test_transcriptions_begin_with_a_reading(tiny_bundle: Path, audio: bytes) -> None:
    from pipecat.frames.frames import InterimTranscriptionFrame, TranscriptionFrame
    from pipecat.tests.utils import SleepFrame

    from emotone.integrations.pipecat_processor import EmotionProcessor
    from emotone.integrations.voice_turns import context_reading

    frames = frames_of(audio)
    said = TranscriptionFrame("Oh great.", "user", "2026-11-29T12:00:00Z")
    partial = InterimTranscriptionFrame("Oh", "user", "2026-11-29T12:00:00Z")
    again = TranscriptionFrame("Yes.", "user", "2026-11-29T12:00:01Z")
    sent = [*frames, SleepFrame(sleep=0.5), partial, said, again]
    down, _ = passed(EmotionProcessor(load(tiny_bundle), rcs=True), sent)
    with load(tiny_bundle).session(rate=RATE, encoding="s16le") as session:
        events = session.push(audio)
    ends = [event for event in events if isinstance(event, UtteranceEnd)]
    reading = context_reading(ends)
    texts = [frame.text for frame in down if isinstance(frame, TranscriptionFrame | InterimTranscriptionFrame)]
    assert reading.startswith("([emotion ")
    assert texts == ["Oh", f"{reading} Oh great.", "Yes."]


def test_a_network_that_fails_pushes_an_error_and_audio_passes(
    tiny_bundle: Path, audio: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipecat.frames.frames import ErrorFrame, InputAudioRawFrame

    from emotone.integrations.pipecat_processor import EmotionProcessor

    def fail(*_: object, **__: object) -> None:
        raise BundleError("the network fails")

    model = load(tiny_bundle)
    processor = EmotionProcessor(model)
    monkeypatch.setattr("emotone.bundles.contents.run_session", fail)
    frames = frames_of(audio)
    down, up = passed(processor, frames)
    assert [frame.error for frame in up if isinstance(frame, ErrorFrame)] == ["emotone: the network fails"]
    assert sum(isinstance(frame, InputAudioRawFrame) for frame in down) == len(frames)
