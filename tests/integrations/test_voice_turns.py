"""Voice turns, and the MCP server."""

from __future__ import annotations

import asyncio
import importlib
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from mcp import Client, StdioServerParameters

from emotone.errors import MissingExtraError, UsageError
from emotone.inference.events import UtteranceEnd
from emotone.inference.model import load
from emotone.inference.segments import Clip
from emotone.integrations.mcp_server import create_mcp_server
from emotone.integrations.voice_turns import VoiceTurns, context_reading, prompt_text

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from emotone.inference.events import Event
    from emotone.inference.model import Model
    from emotone.types import Array, Hertz


# ----------------------------------------------------------------------------------------------------------------------
# Voice turns: the events of a session, also when the format of the audio changes.


def pcm(speech: Callable[..., Array], *, rate: Hertz = 16000, seed: int = 0) -> bytes:
    sound = np.concatenate([speech(2.5, rate=rate, seed=seed), np.zeros(rate, np.float32)])
    return np.round(sound * 32767).astype("<i2").tobytes()


def of_session(bundle: Path, audio: bytes, *, rate: Hertz = 16000, channels: int = 1, **options: bool) -> list[Event]:
    with load(bundle).session(rate=rate, channels=channels, encoding="s16le", **options) as session:
        return [*session.push(audio), *session.end()]


@pytest.mark.parametrize("interim", [False, True])
def test_events_are_those_of_a_session(tiny_bundle: Path, speech: Callable[..., Array], interim: bool) -> None:
    audio = pcm(speech)
    turns = VoiceTurns(load(tiny_bundle), interim=interim)
    pieces = [audio[at : at + 640] for at in range(0, len(audio), 640)]
    found = [event for piece in pieces for event in turns.push(piece, rate=16000, channels=1)]
    assert [*found, *turns.end()] == of_session(tiny_bundle, audio, interim=interim)


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
    monkeypatch.delitem(sys.modules, "emotone.integrations.pipecat_processor", raising=False)
    for name in ("pipecat", "pipecat.frames.frames"):  # the latter is found without the former where it is loaded
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtraError, match=r"pip install 'emotone\[pipecat\]'"):
        importlib.import_module("emotone.integrations.pipecat_processor")


# ----------------------------------------------------------------------------------------------------------------------
# The MCP server, asked by the client of the official package: in this process, and as a command.


@pytest.fixture
def model(tiny_bundle: Path) -> Model:
    return load(tiny_bundle)


@pytest.fixture
def folder(tmp_path: Path, speech: Callable[..., Array]) -> Path:
    """A folder with a recording, and one outside of it."""
    import soundfile

    inside = tmp_path / "inside"
    inside.mkdir()
    for path in (inside / "a.wav", tmp_path / "secret.wav"):
        soundfile.write(path, speech(3.0), 16000)
    soundfile.write(inside / "short.wav", speech(1.6), 16000)
    (inside / "link.wav").symlink_to(tmp_path / "secret.wav")
    return inside


def called(server: Any, tool: str, **arguments: Any) -> Any:
    async def ask() -> Any:
        async with Client(server) as client:
            return await client.call_tool(tool, arguments)

    return asyncio.run(ask())


@pytest.mark.parametrize("segments", [False, True])
def test_a_prediction_is_that_of_the_model(model: Model, folder: Path, segments: bool) -> None:
    path = folder / "a.wav"
    result = called(create_mcp_server(model), "predict", path=str(path), segments=segments)
    expected = model.predict(path).to_dict()
    if not segments:
        del expected["segments"]
    assert not result.is_error
    assert result.structured_content == expected


@pytest.mark.parametrize(
    "options",
    [{}, {"channel": "0", "start": 0.5, "end": 1.5, "label": "sadness"}],
    ids=["all of it", "a part, and another label"],
)
def test_an_explanation_is_that_of_the_model(model: Model, folder: Path, options: dict[str, Any]) -> None:
    result = called(create_mcp_server(model, folder=folder), "explain", path="short.wav", **options)
    given = {**options, "channel": 0} if options else {}
    expected = model.explain(folder / "short.wav", **given).to_dict()
    del expected["prediction"]["segments"]
    assert expected["moments"]
    assert not result.is_error
    assert result.structured_content == expected


@pytest.mark.parametrize(
    ("path", "options", "message"),
    [
        ("../secret.wav", {}, "is outside of"),
        ("short.wav", {"label": "joy"}, "'joy'"),
        ("short.wav", {"start": 9.0}, "9"),
    ],
)
def test_refused_explanations(model: Model, folder: Path, path: str, options: dict[str, Any], message: str) -> None:
    result = called(create_mcp_server(model, folder=folder), "explain", path=path, **options)
    assert result.is_error
    assert message in result.content[0].text


def test_the_model_is_described(model: Model) -> None:
    found = called(create_mcp_server(model), "describe_model").structured_content
    assert found["labels"] == list(model.labels)
    assert found["name"] == "tiny"


@pytest.mark.parametrize(
    ("path", "channel", "message"),
    [
        ("missing.wav", "mix", "missing.wav"),
        ("a.wav", "7", "channel"),
        ("a.wav", "left", "'left' was given; allowed: a number from 0, or mix"),
        ("../secret.wav", "mix", "is outside of"),
        ("link.wav", "mix", "is outside of"),
        ("/etc/passwd", "mix", "is outside of"),
    ],
)
def test_failures_are_told(model: Model, folder: Path, path: str, channel: str, message: str) -> None:
    result = called(create_mcp_server(model, folder=folder), "predict", path=path, channel=channel)
    assert result.is_error
    assert message in result.content[0].text


def test_the_command_speaks_the_protocol(tiny_bundle: Path, model: Model, folder: Path) -> None:
    arguments = ["-m", "emotone", "mcp", "--model", str(tiny_bundle), "--folder", str(folder)]
    server = StdioServerParameters(command=sys.executable, args=arguments, env=environment())
    result = called(server, "predict", path="a.wav", channel="0")
    assert result.structured_content["clip"] == model.predict(folder / "a.wav").clip.to_dict()


def environment() -> dict[str, str]:
    import os

    return dict(os.environ)


def test_a_missing_extra_is_named(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mcp.server", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'emotone\[mcp\]'"):
        create_mcp_server(model)
