"""Voice turns: the events of a session, also when the format of the audio changes."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

from emotone.errors import MissingExtraError, UsageError
from emotone.inference.events import UtteranceEnd
from emotone.inference.model import load
from emotone.inference.segments import Clip
from emotone.integrations.voice_turns import VoiceTurns, context_reading, prompt_text

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from emotone.inference.events import Event
    from emotone.types import Array, Hertz


def pcm(speech: Callable[..., Array], *, rate: Hertz = 16000, seed: int = 0) -> bytes:
    sound = np.concatenate([speech(2.5, rate=rate, seed=seed), np.zeros(rate, np.float32)])
    return np.round(sound * 32767).astype("<i2").tobytes()


def of_session(bundle: Path, audio: bytes, *, rate: Hertz = 16000, channels: int = 1) -> list[Event]:
    with load(bundle).session(rate=rate, channels=channels, encoding="s16le") as session:
        return [*session.push(audio), *session.end()]


def test_events_are_those_of_a_session(tiny_bundle: Path, speech: Callable[..., Array]) -> None:
    audio = pcm(speech)
    turns = VoiceTurns(load(tiny_bundle))
    pieces = [audio[at : at + 640] for at in range(0, len(audio), 640)]
    found = [event for piece in pieces for event in turns.push(piece, rate=16000, channels=1)]
    assert [*found, *turns.end()] == of_session(tiny_bundle, audio)


def test_another_format_starts_a_new_session(tiny_bundle: Path, speech: Callable[..., Array]) -> None:
    first, second = pcm(speech), pcm(speech, rate=24000, seed=2)
    turns = VoiceTurns(load(tiny_bundle))
    found = [*turns.push(first, rate=16000, channels=1), *turns.push(second, rate=12000, channels=2), *turns.end()]
    assert found == of_session(tiny_bundle, first) + of_session(tiny_bundle, second, rate=12000, channels=2)


def test_too_little_audio_has_no_events(tiny_bundle: Path) -> None:
    turns = VoiceTurns(load(tiny_bundle))
    assert turns.push(bytes(20), rate=16000, channels=1) == ()
    assert turns.end() == ()


def test_models_without_embeddings_can_not_adapt(tiny_bundle: Path) -> None:
    with pytest.raises(UsageError, match="can't be adapted"):
        VoiceTurns(load(tiny_bundle), adapt=True)


@pytest.mark.parametrize(("unsure", "shown"), [(True, "anger (81 %, unsure)."), (False, "anger (81 %).")])
def test_a_prompt_says_that_it_is_a_guess(unsure: bool, shown: str) -> None:
    clip = Clip("anger", 0.81, unsure, {"anger": 0.81, "neutral": 0.19}, speech=True)
    text = prompt_text(UtteranceEnd(4.5, 1.0, clip, ()))
    assert shown in text
    assert "(3.5 s)" in text
    assert text.endswith("This is a guess about a voice, not a fact.")


def test_a_reading_combines_the_utterances_of_a_turn_by_duration() -> None:
    values = ({"anger": 0.8, "fear": 0.15, "neutral": 0.05}, {"anger": 0.2, "fear": 0.1, "neutral": 0.7})
    clips = [Clip(max(one, key=one.__getitem__), max(one.values()), False, one, speech=True) for one in values]
    turn = [UtteranceEnd(3.0, 0.0, clips[0], ()), UtteranceEnd(5.0, 4.0, clips[1], ())]
    assert context_reading(turn) == "([emotion anger=0.65, neutral=0.21])"
    assert context_reading([]) == ""


def test_without_pipecat_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("pipecat.frames.frames", "emotone.integrations.pipecat_processor"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, "pipecat", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'emotone\[pipecat\]'"):
        importlib.import_module("emotone.integrations.pipecat_processor")
