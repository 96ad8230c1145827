"""`emotone mcp`: a tool for assistants, over the Model Context Protocol."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(
    epilog="""\b
Examples:
  emotone mcp
  emotone mcp --folder ~/recordings

An assistant starts this command by itself. Its configuration, in most programs:
  {"mcpServers": {"emotone": {"command": "emotone", "args": ["mcp", "--folder", "/srv/recordings"]}}}
"""
)
@click.option(
    "--model",
    default="default",
    show_default=True,
    metavar="NAME|DIR",
    help="A shipped model, or the folder of a bundle.",
)
@click.option(
    "--folder",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="DIR",
    help="The only folder whose recordings may be read; otherwise all files that you can read.",
)
def command(*, model: str, folder: Path | None) -> int:
    """Offer predictions to assistants, over the Model Context Protocol.

    The messages pass through standard input and output. The tools are predict, explain and describe_model.
    """
    from emotone.inference.model import load
    from emotone.integrations.mcp_server import create_mcp_server

    create_mcp_server(load(model), folder=folder).run("stdio")
    return 0
