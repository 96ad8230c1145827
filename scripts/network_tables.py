"""Write the layer tables that are stored with the package: of every architecture, and of every shipped recipe.

python -m scripts.network_tables            writes src/emotone/nets/layer_tables.json
python -m scripts.network_tables --check    writes nothing; fails if the file is not current
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from emotone.corpora.labels import label_set
from emotone.nets.base import NETS
from emotone.nets.layers import STORED_TABLES, derive_layers, table_identity
from emotone.recipes import library
from emotone.recipes.recipe import Recipe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from emotone.nets.base import NetSpec

DIMENSION, CLASSES = 64, 7  # of the tables of architectures with their default settings


def networks() -> Iterator[tuple[NetSpec, int, int]]:
    """Yield every network whose table is stored, with its values per frame and its number of classes."""
    for name in NETS.names:
        yield NETS.get(name)(), DIMENSION, CLASSES
    for recipe in library.shipped_recipes():
        if isinstance(recipe, Recipe):
            yield recipe.net_spec, recipe.feature.dimension, len(label_set(recipe.labels).labels)


def tables() -> str:
    """Return the contents of the file of stored tables."""
    entries: dict[str, Any] = {}
    for spec, dimension, classes in networks():
        identity = table_identity(spec, dimension, classes)
        key = json.dumps(identity, sort_keys=True)
        if key not in entries:
            layers = [json.dumps(asdict(layer)) for layer in derive_layers(spec, dimension, classes)]
            entries[key] = f'{{{key[1:-1]}, "layers": [\n{_lines(layers)}\n]}}'
    return f"[\n{_lines(entries.values())}\n]\n"


def main() -> int:
    """Return the exit status: 1 if the file is not current and was only to be checked."""
    parser = argparse.ArgumentParser(description="Write the layer tables stored with the package, or check them.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if the file is not current")
    check, text = parser.parse_args().check, tables()
    if STORED_TABLES.exists() and STORED_TABLES.read_text(encoding="utf-8") == text:
        return 0
    if check:
        print(f"{STORED_TABLES.name} is not current; run: python -m scripts.network_tables", file=sys.stderr)
        return 1
    STORED_TABLES.write_text(text, encoding="utf-8")
    print(f"written: {STORED_TABLES}")
    return 0


def _lines(values: Any) -> str:
    return ",\n".join(values)


if __name__ == "__main__":
    sys.exit(main())
