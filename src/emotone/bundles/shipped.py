"""Shipped models by name; and the bundle that a name or a folder means."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from emotone.bundles.bundle import load_bundle
from emotone.bundles.manifest import MANIFEST
from emotone.errors import unknown_name

if TYPE_CHECKING:
    from emotone.bundles.bundle import Bundle

SHIPPED = Path(__file__).resolve().parent.parent / "models"


def shipped_names() -> tuple[str, ...]:
    """Return the names of the shipped models, sorted."""
    return tuple(sorted(found.parent.name for found in SHIPPED.glob(f"*/{MANIFEST}")))


def load(name: str | Path, *, threads: int = 1) -> Bundle:
    """Return a shipped model by its name, or the bundle in a folder.

    Args:
        name: a name takes precedence over a folder of the same name, which can be given as `./name`.
        threads: of the network.

    Raises:
        UnknownNameError: neither a shipped model nor a folder.
        BundleError: the folder is not an intact bundle.

    """
    names = shipped_names()
    if name in names:
        return load_bundle(SHIPPED / str(name), threads=threads)
    folder = Path(name)
    if isinstance(name, str) and not folder.is_dir() and folder.name == name:
        raise unknown_name("model", name, names)
    return load_bundle(folder, threads=threads)
