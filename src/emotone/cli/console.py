"""Messages of the command on standard error, one line each; and JSON and tables on standard output."""

from __future__ import annotations

import contextlib
import json
import logging
import os
from typing import TYPE_CHECKING, Any

import click

from emotone.inference.display import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.table import Table

PIPE_WIDTH = 1000  # of a table in a pipe, where nothing is wrapped


def error(message: object) -> None:
    """Print an error on one line."""
    click.echo(f"emotone: error: {printable(' '.join(str(message).split()))}", err=True)


def note(message: str) -> None:
    """Print a note on one line."""
    click.echo(f"emotone: {printable(message)}", err=True)


def print_json(value: Any) -> None:
    """Print a value as JSON on standard output."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False))


def print_table(table: Table) -> None:
    """Print a table on standard output: words are never cut, and in a pipe without `COLUMNS` nothing is wrapped."""
    from rich.console import Console

    for column in table.columns:
        column.overflow = "fold"
    terminal = Console(markup=False, highlight=False)
    if not terminal.is_terminal and "COLUMNS" not in os.environ:
        terminal.width = PIPE_WIDTH
    terminal.print(table)


class _NoteHandler(logging.Handler):
    """Prints the messages of a log as notes."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one message."""
        note(record.getMessage())


@contextlib.contextmanager
def log_to_standard_error() -> Iterator[None]:
    """Print the log of the package, from the level DEBUG on, as notes."""
    log = logging.getLogger("emotone")
    handler, level = _NoteHandler(), log.level
    log.addHandler(handler)
    log.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(level)
