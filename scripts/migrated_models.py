"""Rewrite the description of a shipped model to the present settings and signature; its weights do not change."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from scripts.migrated_settings import current, signature_v0, signature_v1

from emotone.bundles.bundle import load_bundle
from emotone.bundles.manifest import CARD, MANIFEST, SEAL, manifest_bytes, read_manifest
from emotone.config import from_mapping, signature, to_mapping
from emotone.corpora.labels import apply_labels, label_set
from emotone.files import atomic_write
from emotone.fitting.resolve import ResolvedRecipe, recipe_signature
from emotone.fitting.train import prepare
from emotone.fitting.training_run import RUN
from emotone.recipes.recipe import Recipe

if TYPE_CHECKING:
    from pathlib import Path

    from emotone.types import Utterance


def migrate_model(folder: Path, corpora: dict[str, tuple[Utterance, ...]]) -> dict[str, str]:
    """Rewrite `run.json` and the signature of a model; return its old signature with the new one.

    Raises:
        ValueError: the corpora are not those that the model was trained on, by its old signature.

    """
    about: dict[str, Any] = json.loads((folder / RUN).read_text(encoding="utf-8"))
    recipe = from_mapping(Recipe, current(about["recipe"]), where=str(folder)).written_out()
    found = [each for name in about["corpora"] for each in corpora[name]]
    labelled, _ = apply_labels(found, label_set(recipe.labels))
    job = prepare(ResolvedRecipe(recipe), labelled, labels=tuple(about["labels"]))
    clips = sorted((each.key, each.label, job.features[each.key].shape[0]) for each in job.utterances)
    rest = (clips, about["labels"], sorted(job.fold.train), sorted(job.fold.dev))
    old, new = about["signature"], signature(recipe_signature(recipe), *rest)
    before = [signature_v0(about["recipe"], recipe), signature_v1(about["recipe"], recipe)]
    if old not in {new, *(signature(each, *rest) for each in before)}:
        raise ValueError(f"{folder} was not trained on {', '.join(about['corpora'])} with the present recordings")
    about |= {"recipe": to_mapping(recipe), "signature": new}
    _write(folder / RUN, json.dumps(about, indent=1) + "\n")
    text = (folder / CARD).read_text(encoding="utf-8")
    _write(folder / CARD, text.replace(f"signature {old} ", f"signature {new} "))
    return {} if old == new else {old: new}


def seal(folder: Path) -> None:
    """Write `bundle.toml` for the files that are there; every file but the description must be unchanged."""
    data = (folder / MANIFEST).read_bytes()
    manifest = read_manifest(data, where=str(folder / MANIFEST))
    hashes = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in manifest.files}
    changed = {name for name, digest in hashes.items() if digest != manifest.files[name]}
    if changed - {RUN, CARD}:
        raise ValueError(f"{folder}: {', '.join(sorted(changed))} must not change")
    about = json.loads((folder / RUN).read_text(encoding="utf-8"))
    training = replace(manifest.training, signature=about["signature"])
    written = manifest_bytes(replace(manifest, files=hashes, training=training))
    assert SEAL in written  # noqa: S101 - the last line
    with atomic_write(folder / MANIFEST) as stream:
        stream.write(written)
    load_bundle(folder).check()


def _write(path: Path, text: str) -> None:
    with atomic_write(path, text=True) as stream:
        stream.write(text)
