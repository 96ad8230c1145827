"""A server of the Model Context Protocol: assistants call emotone as a tool for recordings on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import emotone
from emotone.errors import EmotoneError, UsageError, missing_extra

if TYPE_CHECKING:
    from mcp.server import MCPServer

    from emotone.inference.model import Model

INSTRUCTIONS = (
    "Speech emotion recognition. A label is a guess about a voice, not a fact about a person: "
    "state that when you report one."
)


def create_mcp_server(model: Model, *, folder: Path | None = None) -> MCPServer:
    """Return a server with the tools `predict`, `explain` and `describe_model`.

    Args:
        model: the model.
        folder: the only folder whose recordings may be read; None for all files that this user can read.

    Raises:
        MissingExtraError: the package mcp is not installed.

    """
    try:
        from mcp.server import MCPServer
        from mcp.server.mcpserver.exceptions import ToolError
    except ImportError as error:
        raise missing_extra("mcp", "mcp", "a server for assistants") from error

    server = MCPServer("emotone", instructions=INSTRUCTIONS, version=emotone.__version__, log_level="WARNING")

    @server.tool(structured_output=True)
    def predict(path: str, channel: str = "mix", segments: bool = False) -> dict[str, Any]:
        """Recognise the emotions in a recording of speech.

        The answer has the emotion of the whole recording (clip) and of each utterance with its times in seconds. A
        label is a guess about a voice; "unsure" marks labels of low confidence.

        Args:
            path: the recording: wav, flac, mp3, ogg and others.
            channel: a number from 0, or "mix" for the mean of all channels.
            segments: whether to list the windows of about a second each, too.

        """
        try:
            found = model.predict(located(path, folder=folder), channel=read_channel(channel)).to_dict()
        except EmotoneError as error:
            raise ToolError(str(error)) from error
        return found if segments else {name: value for name, value in found.items() if name != "segments"}

    @server.tool(structured_output=True)
    def explain(
        path: str, channel: str = "mix", start: float = 0.0, end: float | None = None, label: str | None = None
    ) -> dict[str, Any]:
        """Return the moments and bands of frequencies of a recording that a label rests on.

        Each moment of speech is muted, and each band is removed, and the probability of the label is computed again:
        its fall is the importance. Importances state what the model used, not what the speaker felt. Rely on them only
        if faithfulness.holds is true. It takes seconds, and the square of the duration.

        Args:
            path: the recording: wav, flac, mp3, ogg and others.
            channel: a number from 0, or "mix" for the mean of all channels.
            start: where the part to explain begins, in seconds; times in the answer count from here.
            end: where it ends, at most a minute later; by default the end of the recording.
            label: whose probability is explained; by default the label of the part.

        """
        try:
            found = model.explain(
                located(path, folder=folder), channel=read_channel(channel), start=start, end=end, label=label
            )
        except EmotoneError as error:
            raise ToolError(str(error)) from error
        answer = found.to_dict()
        del answer["prediction"]["segments"]
        return answer

    @server.tool(structured_output=True)
    def describe_model() -> dict[str, Any]:
        """Return name, version, labels, licence and description of the model."""
        manifest = model.bundle.manifest
        names = ("name", "version", "description", "licence")
        return {**{name: getattr(manifest, name) for name in names}, "labels": list(manifest.labels)}

    return server


def located(path: str, *, folder: Path | None) -> Path:
    """Return the path of a recording; relative paths start in `folder`.

    Raises:
        UsageError: it is outside of the folder, also by a link.

    """
    if folder is None:
        return Path(path).expanduser()
    found = (folder / path).resolve()
    if not found.is_relative_to(folder.resolve()):
        raise UsageError(f"{path} is outside of {folder}, the only folder that may be read")
    return found


def read_channel(text: str) -> Any:
    """Return the channel that a text names; raise `UsageError` for anything else than a number from 0, or "mix"."""
    if text == "mix":
        return text
    if not text.isdecimal():
        raise UsageError(f"channel: '{text}' was given; allowed: a number from 0, or mix")
    return int(text)
