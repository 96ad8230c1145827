"""Messages of the command on standard error, one line each; and JSON on standard output."""

from __future__ import annotations

import json
from typing import Any

import click

from emotone.inference.rendering import printable


def error(message: object) -> None:
    """Print an error on one line."""
    click.echo(f"emotone: error: {printable(' '.join(str(message).split()))}", err=True)


def note(message: str) -> None:
    """Print a note on one line."""
    click.echo(f"emotone: {printable(message)}", err=True)


def print_json(value: Any) -> None:
    """Print a value as JSON on standard output."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False))
