"""Shared parts of the generated pages: paths, tables, and the note that a page must not be edited."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from emotone.scoring.result_table import ResultTable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ROOT = Path(__file__).resolve().parent.parent.parent
RESULTS = ROOT / "results"
NOTE = "<!-- Written by `make docs`; do not edit. -->"


def table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    """Return the lines of a table, whose cells may contain Markdown."""
    return ResultTable(header, tuple(rows)).markdown(escape=False).splitlines()


def page(lines: Iterable[str]) -> str:
    """Return a page: the note and the lines, without trailing spaces."""
    text = "\n".join([NOTE, "", *lines])
    return "\n".join(line.rstrip() for line in text.splitlines()) + "\n"


def system_of(about: Mapping[str, Any]) -> str:
    """Return the name of what was evaluated: a recipe that is trained in every fold, or a finished model."""
    return str((about.get("recipe") or about["model"])["name"])
