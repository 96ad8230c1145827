"""Finished trainings on disk: of a network, and of the head of a model with a frozen encoder.

A network's is a folder with its recipe, its history and its weights; a head's is `run.json` in the bundle, which states
what the head was fitted on.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from emotone.config import from_mapping, to_mapping
from emotone.corpora.content import content_hashes
from emotone.errors import RunError
from emotone.files import atomic_write, write_json
from emotone.recipes.embedding_recipe import EmbeddingRecipe
from emotone.recipes.recipe import Recipe
from emotone.transfer.apply import TensorEntry, TransferReport

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from emotone.nets.blocks.base import Network
    from emotone.types import Utterance

RUN, WEIGHTS = "run.json", "weights.safetensors"
SCHEMA = "emotone.run/1"


@dataclass(frozen=True)
class TrainingRun:
    """A finished training.

    Attributes:
        recipe: resolved, with every default written out.
        labels: in the order of the network's logits.
        corpora: number of clips of each corpus, by name.
        speakers: number of speakers of each corpus, by name.
        signature: of recipe and data.
        best: epoch whose weights were kept.
        history: one mapping per epoch: number, loss, score, seconds.
        transfer: what happened to each tensor of the network; None without a transfer.
        recordings: content hashes of the training recordings, including those of the weights it started from, sorted
            (see `emotone.corpora.content`); () if unknown.

    """

    recipe: Recipe
    labels: tuple[str, ...]
    corpora: dict[str, int]
    speakers: dict[str, int]
    signature: str
    best: int
    history: tuple[dict[str, Any], ...]
    transfer: TransferReport | None = None
    recordings: tuple[str, ...] = ()


def save_run(folder: Path, run: TrainingRun, net: Network) -> None:
    """Write the weights, then the description: a folder with a `run.json` is a finished training."""
    from safetensors.torch import save

    with atomic_write(folder / WEIGHTS) as stream:
        stream.write(save({name: value.contiguous() for name, value in net.state_dict().items()}))
    text = {
        "schema": SCHEMA,
        "recipe": to_mapping(run.recipe),
        "labels": list(run.labels),
        "corpora": run.corpora,
        "speakers": run.speakers,
        "signature": run.signature,
        "best": run.best,
        "history": list(run.history),
    }
    if run.transfer is not None:
        text["transfer"] = run.transfer.to_dict()
    if run.recordings:
        text["recordings"] = list(run.recordings)
    write_json(folder / RUN, text)


def is_run(folder: Path) -> bool:
    """Return whether a folder holds a finished training, or a bundle with the weights of one."""
    return _has_schema(folder / RUN, SCHEMA) and (folder / WEIGHTS).exists()


def _has_schema(path: Path, schema: str) -> bool:
    try:
        text = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(text, dict) and text.get("schema") == schema


def _read(path: Path, *, schema: str) -> dict[str, Any]:
    """Return the content of a JSON file; raise `RunError` for another schema, and `KeyError` for none."""
    text: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if text["schema"] != schema:
        raise RunError(f"{path} has schema {text['schema']!r}; this version reads {schema!r}")
    return text


def load_run(folder: Path) -> TrainingRun:
    """Return the finished training in a folder, or raise `RunError`."""
    path = folder / RUN
    if not path.exists():
        raise RunError(
            f"{folder} is no folder of a finished training (no {RUN}); give the folder that `emotone train` printed"
        )
    try:
        text = _read(path, schema=SCHEMA)
        return TrainingRun(
            recipe=from_mapping(Recipe, text["recipe"], where=str(path)),
            labels=tuple(text["labels"]),
            corpora=dict(text["corpora"]),
            speakers=dict(text["speakers"]),
            signature=text["signature"],
            best=int(text["best"]),
            history=tuple(text["history"]),
            transfer=_report(text["transfer"]) if "transfer" in text else None,
            recordings=tuple(text.get("recordings", ())),
        )
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise RunError(f"{path} can't be read as a training run: {error!r}") from error


def _report(text: dict[str, Any]) -> TransferReport:
    entries = tuple(TensorEntry(**{**entry, "shape": tuple(entry["shape"])}) for entry in text["entries"])
    lines = {"left": tuple(text["left"]), "notes": tuple(text.get("notes", ()))}
    return TransferReport(**{**text, "entries": entries, **lines})


def load_net(folder: Path, run: TrainingRun) -> Network:
    """Return the trained network in eval mode.

    Raises:
        RunError: a tensor is missing, unexpected or of another shape.

    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    net = run.recipe.net_spec.build(run.recipe.feature.dimension, len(run.labels))
    try:
        net.load_state_dict(load_file(folder / WEIGHTS))
    except (SafetensorError, OSError, RuntimeError) as error:
        raise RunError(f"{folder / WEIGHTS} does not fit the network of this training: {error}") from error
    return net.eval()


HEAD_SCHEMA = "emotone.head-run/1"
HEAD_RUN = "run.json"


@dataclass(frozen=True)
class HeadRun:
    """The recipe and the data of a fitted head.

    Attributes:
        recipe: with every default written out.
        labels: in the order of the logits.
        corpora: number of clips of each corpus, by name.
        speakers: number of speakers of each corpus, by name.
        signature: of recipe and data.
        recordings: content hashes of the training recordings, sorted (see `emotone.corpora.content`).

    """

    recipe: EmbeddingRecipe
    labels: tuple[str, ...]
    corpora: dict[str, int]
    speakers: dict[str, int]
    signature: str
    recordings: tuple[str, ...]

    @classmethod
    def of(
        cls, recipe: EmbeddingRecipe, utterances: Sequence[Utterance], *, labels: tuple[str, ...], signature: str
    ) -> HeadRun:
        """Return the description of a head that was fitted on `utterances`, all of which are read once."""
        clips = Counter(one.corpus for one in utterances)
        names = {one.speaker_key: one.corpus for one in utterances}
        return cls(
            recipe=recipe,
            labels=labels,
            corpora=dict(sorted(clips.items())),
            speakers=dict(sorted(Counter(names.values()).items())),
            signature=signature,
            recordings=tuple(sorted(set(content_hashes(utterances).values()))),
        )

    def to_bytes(self) -> bytes:
        """Return the content of `run.json`."""
        text = {"schema": HEAD_SCHEMA, **asdict(self), "recipe": to_mapping(self.recipe)}
        return f"{json.dumps(text, indent=1)}\n".encode()


def load_head_run(folder: Path) -> HeadRun:
    """Return the description in a bundle's folder.

    Raises:
        RunError: there is none, or it can't be read.

    """
    path = folder / HEAD_RUN
    try:
        text = _read(path, schema=HEAD_SCHEMA)
        return HeadRun(
            recipe=from_mapping(EmbeddingRecipe, text["recipe"], where=str(path)),
            labels=tuple(text["labels"]),
            corpora=dict(text["corpora"]),
            speakers=dict(text["speakers"]),
            signature=text["signature"],
            recordings=tuple(text["recordings"]),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"{path} does not describe what a head was fitted on: {error!r}") from error


def is_head_run(folder: Path) -> bool:
    """Return whether a folder contains a bundle whose head's training is described."""
    return _has_schema(folder / HEAD_RUN, HEAD_SCHEMA)
