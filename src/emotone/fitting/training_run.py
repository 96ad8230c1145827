"""A finished training on disk: a folder with its recipe, its history and its weights."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from emotone.config import from_mapping, to_mapping
from emotone.errors import RunError
from emotone.files import atomic_write, write_json
from emotone.recipes.recipe import Recipe
from emotone.transfer.apply import TensorEntry, TransferReport

if TYPE_CHECKING:
    from pathlib import Path

    from emotone.nets.blocks.base import Network

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
    try:
        text = json.loads((folder / RUN).read_text())
    except (OSError, ValueError):
        return False
    return isinstance(text, dict) and text.get("schema") == SCHEMA and (folder / WEIGHTS).exists()


def load_run(folder: Path) -> TrainingRun:
    """Return the finished training in a folder, or raise `RunError`."""
    path = folder / RUN
    if not path.exists():
        raise RunError(
            f"{folder} is no folder of a finished training (no {RUN}); give the folder that `emotone train` printed"
        )
    try:
        text = json.loads(path.read_text())
        if text["schema"] != SCHEMA:
            raise RunError(f"{path} has schema {text['schema']!r}; this version reads {SCHEMA!r}")
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
