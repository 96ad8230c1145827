"""What the command says beside its results, on standard error: one line each, under one name."""

from __future__ import annotations

import json
from typing import Any

import click

from emotone.inference.rendering import printable


def error(message: object) -> None:
    """Say what went wrong, on one line."""
    click.echo(f"emotone: error: {printable(' '.join(str(message).split()))}", err=True)


def note(message: str) -> None:
    """Say what was done or left alone."""
    click.echo(f"emotone: {printable(message)}", err=True)


def print_json(value: Any) -> None:
    """Print a result for scripts."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False))
