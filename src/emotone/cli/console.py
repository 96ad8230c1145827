"""Messages of the command on standard error, one line each; and JSON on standard output."""

from __future__ import annotations

import contextlib
import json
import logging
from typing import TYPE_CHECKING, Any

import click

from emotone.inference.display import printable

if TYPE_CHECKING:
    from collections.abc import Iterator


def error(message: object) -> None:
    """Print an error on one line."""
    click.echo(f"emotone: error: {printable(' '.join(str(message).split()))}", err=True)


def note(message: str) -> None:
    """Print a note on one line."""
    click.echo(f"emotone: {printable(message)}", err=True)


def print_json(value: Any) -> None:
    """Print a value as JSON on standard output."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False))


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
