"""Folders of the generated pages, and the name of an evaluated system."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).resolve().parent.parent.parent
RESULTS = ROOT / "results"


def system_of(about: Mapping[str, Any]) -> str:
    """Return the name of the evaluated system: a recipe that is trained in every fold, or a finished model."""
    return str((about.get("recipe") or about["model"])["name"])
