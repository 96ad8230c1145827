"""The MCP server, asked by the client of the official package: in this process, and as a command."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any

import pytest
from mcp import Client, StdioServerParameters

from emotone.errors import MissingExtraError
from emotone.inference.model import load
from emotone.integrations.mcp_server import create_mcp_server

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from emotone.inference.model import Model
    from emotone.types import Array


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
