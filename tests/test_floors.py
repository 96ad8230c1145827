"""Packages import only from lower floors, no files import each other in a cycle, and prediction stays light.

The imports are read from the syntax tree, so those inside functions and those for types only count too.
"""

from __future__ import annotations

import ast
import importlib
import json
import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import emotone
from emotone.registry import Registry

SOURCE = Path(emotone.__file__).parent
FLOORS = (
    {"errors", "types", "registry", "config", "files"},
    {"audio", "classical", "metrics", "nets"},
    {"corpora", "features", "augment", "transfer"},
    {"protocols", "recipes", "bundles"},
    {"training", "inference"},
    {"fitting", "scoring"},
    {"evaluation"},
    {"reproductions", "scale", "serve", "integrations"},
    {"cli"},
)
FLOOR_OF = {name: floor for floor, names in enumerate(FLOORS) for name in names}
ENTRANCES = {"__init__", "__main__"}  # the front doors: what they import is for `test_..._light` to judge
MAX_LINES = 400
pytestmark = pytest.mark.no_cover  # reading the files takes twice as long while coverage is measured


@dataclass(frozen=True)
class Import:
    """`module` (dotted, below emotone) imports `target`, at any level of nesting."""

    module: str
    target: str

    def __str__(self) -> str:
        return f"{self.module} imports {self.target}"


def module_name(path: Path) -> str:
    """Return e.g. `audio.read` for `audio/read.py`, and `audio.__init__` for a package's own file."""
    return ".".join(path.relative_to(SOURCE).with_suffix("").parts)


@cache
def modules() -> dict[str, Path]:
    return {module_name(path): path for path in sorted(SOURCE.rglob("*.py"))}


def resolved(dotted: str) -> str:
    """Return the module that a dotted name below emotone stands for: itself, or the package's own file."""
    return dotted if dotted in modules() else f"{dotted}.__init__" if dotted else "__init__"


def targets(node: ast.AST) -> list[str]:
    """Return the modules below emotone that an import statement names."""
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names if alias.name.split(".")[0] == "emotone"]
        return [resolved(name.partition(".")[2]) for name in names]
    if isinstance(node, ast.ImportFrom) and node.module is not None and node.module.split(".")[0] == "emotone":
        package = node.module.partition(".")[2]
        inner = [f"{package}.{alias.name}".lstrip(".") for alias in node.names]
        # `from emotone.metrics import base` names a module, `from emotone.protocols import protocol` does not.
        return [
            resolved(name) if name in modules() or f"{name}.__init__" in modules() else resolved(package)
            for name in inner
        ]
    return []


@cache
def trees() -> dict[str, ast.Module]:
    return {module: ast.parse(path.read_text(encoding="utf-8")) for module, path in modules().items()}


@cache
def imports() -> tuple[Import, ...]:
    return tuple(
        Import(module, target)
        for module, tree in trees().items()
        for node in ast.walk(tree)
        for target in targets(node)
    )


def package_of(module: str) -> str:
    """Return the first part of a module's name: its package, or itself on floor 0."""
    return module.split(".", maxsplit=1)[0]


def parent_of(module: str) -> str:
    return module.rpartition(".")[0]


@cache
def registries() -> dict[str, Registry[Any]]:
    """Return the registries of emotone by the package whose leaves they find, asked from the bases that hold them."""
    holders = [module for module, path in modules().items() if "] = Registry(" in path.read_text(encoding="utf-8")]
    members = [vars(importlib.import_module(f"emotone.{module}")).values() for module in holders]
    found = [value for values in members for value in values if isinstance(value, Registry)]
    return {registry.package.removeprefix("emotone."): registry for registry in found}


def test_the_walk_sees_the_imports() -> None:
    # A test that reads nothing can't fail: this one fails then.
    seen = {(found.module, found.target) for found in imports()}
    assert ("metrics.intervals", "metrics.classification") in seen
    assert ("protocols.families.folds", "types") in seen  # for types only
    assert ("evaluation.run", "protocols.__init__") in seen
    assert {"corpora.datasets", "features.front_ends", "nets.architectures"} <= set(registries())
    assert len(imports()) > 100


def test_every_package_has_a_floor() -> None:
    assert {package_of(module) for module in modules()} - ENTRANCES == set(FLOOR_OF)


def test_packages_import_from_lower_floors_only() -> None:
    wrong = [
        str(found)
        for found in imports()
        if package_of(found.module) not in ENTRANCES
        and package_of(found.target) not in ENTRANCES
        and package_of(found.module) != package_of(found.target)
        and FLOOR_OF[package_of(found.target)] >= FLOOR_OF[package_of(found.module)]
        and FLOOR_OF[package_of(found.module)] > 0
    ]
    assert wrong == []


def test_floor_0_imports_floor_0_only() -> None:
    wrong = [
        str(found)
        for found in imports()
        if FLOOR_OF.get(package_of(found.module)) == 0 and FLOOR_OF.get(package_of(found.target)) != 0
    ]
    assert wrong == []


def test_members_of_a_registry_do_not_import_each_other() -> None:
    """A member may use its package's shared modules, which are stored one level up, and nothing next to itself."""
    wrong = [
        str(found)
        for found in imports()
        if parent_of(found.module) in registries()
        and parent_of(found.target) == parent_of(found.module)
        and found.target != found.module
        and not found.target.endswith("__init__")
    ]
    assert wrong == []


def test_private_modules_stay_in_their_package() -> None:
    wrong = [
        str(found)
        for found in imports()
        if any(part.startswith("_") and part not in ENTRANCES for part in found.target.split("."))
        and parent_of(found.target) != parent_of(found.module)
    ]
    assert wrong == []


def strongly_connected(graph: dict[str, set[str]]) -> list[list[str]]:
    """Return the groups of two or more nodes that all reach each other."""
    reach = {node: reachable(graph, node) for node in graph}
    groups = {frozenset(other for other in reach[node] if node in reach.get(other, ())) for node in graph}
    return sorted(sorted(group) for group in groups if len(group) > 1)


def reachable(graph: dict[str, set[str]], start: str) -> set[str]:
    found: set[str] = set()
    queue = [start]
    while queue:
        for target in graph.get(queue.pop(), ()):
            if target not in found:
                found.add(target)
                queue.append(target)
    return found


def test_there_is_no_import_cycle() -> None:
    """Between files anywhere, imports inside functions and for type checking included."""
    graph: dict[str, set[str]] = defaultdict(set)
    for found in imports():
        if package_of(found.module) not in ENTRANCES and package_of(found.target) not in ENTRANCES:
            graph[found.module].add(found.target)
    assert strongly_connected(graph) == []


def test_relative_imports_are_not_used() -> None:
    wrong = [
        module
        for module, tree in trees().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.level > 0
    ]
    assert wrong == []


def test_files_stay_short() -> None:
    long = {module: len(path.read_text(encoding="utf-8").splitlines()) for module, path in modules().items()}
    assert {module: lines for module, lines in long.items() if lines > MAX_LINES} == {}


def loaded_by(statement: str) -> set[str]:
    """Return the top-level modules that a fresh Python has loaded after `statement`."""
    code = f"import json, sys; {statement}; print(json.dumps(sorted({{name.split('.')[0] for name in sys.modules}})))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    ("statement", "forbidden"),
    [
        ("import emotone", {"numpy", "torch", "pandas", "click", "rich", "onnxruntime", "scipy", "pyarrow"}),
        ("import emotone.cli.main", {"torch", "pandas", "scipy", "pyarrow", "sklearn", "onnx"}),
        ("import emotone.cli.commands.predict", {"torch", "pandas", "scipy", "pyarrow", "sklearn", "onnx"}),
        ("from emotone import load, predict", {"torch", "pandas", "scipy", "pyarrow", "sklearn", "onnx"}),
        (
            "from emotone.transfer.source import SOURCES; SOURCES.all()",
            {"torch", "pandas", "scipy", "safetensors"},
        ),
        ("import emotone.inference.engine", {"torch", "pandas", "scipy", "pyarrow", "sklearn", "onnx"}),
        ("import emotone.scoring.scores", {"torch", "pandas", "scipy", "pyarrow", "sklearn"}),
    ],
)
def test_imports_stay_light(statement: str, forbidden: set[str]) -> None:
    assert loaded_by(statement) & forbidden == set()
