"""Rewrite stored runs and shipped models to the present names of settings, and to version 1 of signatures.

    python -m scripts.migrate_runs --corpora DIR [--results DIR] [--check]

A run is named by the hash of what changes its result. That hash needs the clips that were evaluated, which are read
from DIR, a folder with one folder per corpus. The clips are proven to be those of the run: with them, the hash as it
was computed before gives the name that the run has. Predictions are proven unchanged: of each table, every column but
`system`, which holds the signature, equals the column before, bit by bit. A migrated run is left as it is.
"""

from __future__ import annotations

import argparse
import json
import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.compute as pc
from pyarrow import parquet
from scripts.migrated_models import migrate_model, seal
from scripts.migrated_settings import adaptation_report, current, signature_v0, signature_v1

from emotone.bundles.manifest import MANIFEST
from emotone.config import from_mapping, signature, to_mapping
from emotone.corpora.base import CORPORA
from emotone.corpora.labels import apply_labels, label_set
from emotone.corpora.resolve import resolve as resolve_corpora
from emotone.corpora.selections import SELECTIONS, select
from emotone.files import atomic_write
from emotone.fitting.classical import resolve_baseline
from emotone.fitting.resolve import recipe_signature
from emotone.protocols import protocol
from emotone.recipes.classical_recipe import ClassicalRecipe
from emotone.recipes.recipe import Recipe
from emotone.scoring.finished_run import RUN, TABLE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from emotone.recipes.library import AnyRecipe
    from emotone.types import Utterance

ROOT = Path(__file__).resolve().parent.parent
MODELS = ROOT / "src" / "emotone" / "models"
TEXTS = ("results", "docs", "tests", "src/emotone/models", "src/emotone/sources", "README.md", "CONTRIBUTING.md")
SUFFIXES = {".json", ".md", ".py", ".toml"}
HASH = re.compile(r"[0-9a-f]{12}")
STAGES, TABLES = "stages.json", (TABLE, "validation.parquet")
EVALUATION = "emotone.evaluation/1"


@dataclass(frozen=True)
class Corpora:
    """The utterances of all corpora, by name."""

    utterances: dict[str, tuple[Utterance, ...]]

    @classmethod
    def read(cls, folder: Path) -> Corpora:
        """Return the corpora below a folder."""
        scans = resolve_corpora(tuple(f"{path.name}={path}" for path in sorted(folder.iterdir()) if _is_corpus(path)))
        return cls({name: tuple(scan.utterances) for name, scan in scans.items()})

    def candidates(self, recipe: AnyRecipe, needed: set[str], problems: set[str]) -> Iterator[list[tuple[str, str]]]:
        """Yield the keys and labels that a run may have used: of every set of corpora with those that it needs."""
        others = [name for name in self.utterances if name not in needed]
        for count in range(len(others) + 1):
            for more in combinations(others, count):
                data = _labelled(self, tuple(sorted({*needed, *more})), recipe.labels, recipe.selection)
                yield list(data)
                if problems:
                    yield [pair for pair in data if pair[0] not in problems]

    def __hash__(self) -> int:
        """Return a hash for the cache of labelled utterances."""
        return id(self)


def main() -> None:
    """Migrate what is not migrated yet, and print what was proven."""
    parser = argparse.ArgumentParser(description="Migrate stored runs to the present settings and signatures.")
    parser.add_argument("--corpora", type=Path, required=True, help="folder with one folder per corpus")
    parser.add_argument("--results", type=Path, default=ROOT / "results")
    parser.add_argument("--check", action="store_true", help="change nothing; print what would be renamed")
    given = parser.parse_args()
    corpora = Corpora.read(given.corpora)
    renamed: dict[str, str] = {}
    unproven = []
    for path in sorted(given.results.glob(f"**/{RUN}")):
        about = json.loads(path.read_text(encoding="utf-8"))
        if about.get("schema") != EVALUATION or not {"net", "classifier"} & set(about.get("recipe", ())):
            continue
        name = new_name(path.parent, about, corpora)
        if name is None:
            unproven.append(path.parent.name)
        elif name != path.parent.name:
            renamed[path.parent.name] = name
        if not given.check:
            migrate(path.parent, about, name or path.parent.name)
    models = {} if given.check else {model.name: migrate_model(model, corpora.utterances) for model in _models()}
    renamed |= {old: new for each in models.values() for old, new in each.items()}
    if not given.check:
        _replace(renamed, results=given.results)
        for model in _models():
            seal(model)
    print(f"{len(renamed)} names changed; data not found for: {', '.join(unproven) or 'none'}")


def new_name(folder: Path, about: dict[str, Any], corpora: Corpora) -> str | None:
    """Return the name of a run under signature version 1; None if no candidate data gives the name that it has."""
    recipe = recipe_of(about["recipe"])
    table = parquet.read_table(folder / TABLE)
    labels = [name[2:] for name in table.column_names if name.startswith("p_")]
    used = protocol(about["protocol"]["name"])
    stem, _, old = folder.name.rpartition("-")
    assert HASH.fullmatch(old), folder  # noqa: S101 - every run ends in its hash
    ours = resolve_baseline(recipe).signature if isinstance(recipe, ClassicalRecipe) else recipe_signature(recipe)
    before = [signature_v0(about["recipe"], recipe), signature_v1(about["recipe"], recipe)]
    problems = {problem["key"] for problem in about["problems"]}
    needed = set(pc.unique(table["corpus"]).to_pylist())
    for data in corpora.candidates(recipe, needed, problems):
        rest = (*used.signature, about["seeds"], data, labels)
        new = signature(ours, *rest)
        if old in {new, *(signature(each, *rest) for each in before)}:
            return f"{stem}-{new}"
    return None


def recipe_of(stored: dict[str, Any]) -> AnyRecipe:
    """Return the recipe that a run stores, with the present names of its settings."""
    kind: type[AnyRecipe] = ClassicalRecipe if "classifier" in stored else Recipe
    return from_mapping(kind, current(stored), where="run").written_out()


def migrate(folder: Path, about: dict[str, Any], name: str) -> None:
    """Rewrite one run in place, compare its predictions, and rename its folder."""
    about["recipe"] = to_mapping(recipe_of(about["recipe"]))
    _write(folder / RUN, about)
    if (folder / STAGES).exists():
        stages = json.loads((folder / STAGES).read_text(encoding="utf-8"))
        _write(folder / STAGES, {fold: adaptation_report(stage) for fold, stage in stages.items()})
    for table in TABLES:
        if (folder / table).exists():
            _resign(folder / table, name.rpartition("-")[2])
    folder.rename(folder.with_name(name))


def _resign(path: Path, name: str) -> None:
    """Write a run's new signature into its table, and prove that nothing else changes."""
    before = parquet.read_table(path)
    column = before.column_names.index("system")
    systems = pc.unique(before["system"]).to_pylist()
    assert len(systems) == 1, (path, systems)  # noqa: S101 - a table is of one run
    if systems == [name]:
        return
    text = before.schema.field("system")
    after = before.set_column(column, text, [[name] * len(before)])
    with atomic_write(path) as stream:
        parquet.write_table(after, stream, compression="zstd")
    written = parquet.read_table(path)
    assert written.drop(["system"]).equals(before.drop(["system"]), check_metadata=True), path  # noqa: S101 - the proof


@lru_cache(maxsize=256)
def _labelled(corpora: Corpora, names: tuple[str, ...], labels: str, selection: str) -> tuple[tuple[str, str], ...]:
    found: Sequence[Utterance] = [each for name in names for each in corpora.utterances[name]]
    if selection:
        of = SELECTIONS[selection].corpus
        kept, _ = select([each for each in found if each.corpus == of], selection)
        found = [*kept, *(each for each in found if each.corpus != of)]
    labelled, _ = apply_labels(found, label_set(labels))
    return tuple(sorted((each.key, each.label) for each in labelled))


def _replace(renamed: dict[str, str], *, results: Path) -> None:
    """Replace the names of runs in every text that mentions them."""
    if not renamed:
        return
    pattern = re.compile("|".join(re.escape(name) for name in sorted(renamed, key=len, reverse=True)))
    roots = [results, *(ROOT / text for text in TEXTS[1:])]
    files = [path for root in roots for path in ([root] if root.is_file() else root.rglob("*"))]
    for path in files:
        if path.suffix not in SUFFIXES or path.name == MANIFEST or not path.is_file():
            continue
        text = path.read_text(encoding="utf-8")
        new = pattern.sub(lambda match: renamed[match[0]], text)
        if new != text:
            with atomic_write(path, text=True) as stream:
                stream.write(new)


def _models() -> list[Path]:
    return sorted(path.parent for path in MODELS.glob("*/bundle.toml"))


def _is_corpus(path: Path) -> bool:
    return path.is_dir() and path.name in CORPORA.names


def _write(path: Path, content: dict[str, Any]) -> None:
    with atomic_write(path, text=True) as stream:
        stream.write(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
