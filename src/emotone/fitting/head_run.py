"""What the head of a bundle was fitted on: `run.json` of a model with a frozen encoder."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from emotone.config import from_mapping, to_mapping
from emotone.corpora.content import content_hashes
from emotone.errors import RunError
from emotone.recipes.embedding_recipe import EmbeddingRecipe

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from emotone.types import Utterance

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
        text = json.loads(path.read_text(encoding="utf-8"))
        if text["schema"] != HEAD_SCHEMA:
            raise RunError(f"{path} has schema {text['schema']!r}; this version reads {HEAD_SCHEMA!r}")
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
    try:
        text = json.loads((folder / HEAD_RUN).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(text, dict) and text.get("schema") == HEAD_SCHEMA
