"""What a bulk run does: settings that every worker must know, and that a resumed run must have again."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

import emotone
from emotone.errors import OutputError, UsageError
from emotone.inference.saving import FORMATS, Page

if TYPE_CHECKING:
    from emotone.audio.source import Track
    from emotone.inference.result import Rows, Selection
    from emotone.inference.saving import Format

SCHEMA = "emotone.bulk/1"
TABLES = ("parquet", "jsonl")  # formats of parts


@dataclass(frozen=True)
class Job:
    """The settings of a run.

    Attributes:
        arguments: files, folders, lists, manifests and URLs, as they were given.
        model: name of a shipped model, or an absolute path.
        sha256: of the model.
        labels: of the model.
        channel: as for `emotone.inference.model.Model.predict_many`.
        track: as for `predict`.
        format: `parquet` or `jsonl`.
        rows: of Parquet.
        part_size: recordings in a part.
        adapt_by: column of the manifests whose values are groups, to each of which the model is adapted; a part is then
            a group. "" does not adapt.
        emotone: version.

    """

    arguments: tuple[str, ...]
    model: str
    sha256: str
    labels: tuple[str, ...]
    channel: Selection = "mix"
    track: Track = "default"
    format: str = "parquet"
    rows: Rows = "utterances"
    part_size: int = 256
    adapt_by: str = ""
    emotone: str = emotone.__version__

    def __post_init__(self) -> None:
        if self.format not in TABLES:
            raise UsageError(f"a bulk run writes {' or '.join(TABLES)}; the format {self.format} was given")
        if self.part_size < 1:
            raise UsageError(f"a part has at least 1 recording; {self.part_size} was given")

    @property
    def result_format(self) -> Format:
        """The format of parts."""
        return FORMATS.get(self.format)

    @property
    def page(self) -> Page:
        """What writers of parts must know."""
        return Page(labels=self.labels, rows=self.rows)

    def to_json(self) -> str:
        """Return the settings as text."""
        return json.dumps({"schema": SCHEMA, **asdict(self)}, indent=1)

    def differences(self, other: Job) -> list[str]:
        """Return the settings that another job does not share: `name (this job: ..., other: ...)`.

        The size of parts and the path of an identical model do not count: they do not change results.
        """
        pairs = {
            one.name: (getattr(self, one.name), getattr(other, one.name))
            for one in fields(self)
            if one.name not in {"part_size", "model"}
        }
        return [f"{name} ({_shown(mine)}; now {_shown(its)})" for name, (mine, its) in pairs.items() if mine != its]


def job_from_json(text: bytes, *, where: str) -> Job:
    """Return the settings that `Job.to_json` wrote.

    Raises:
        OutputError: they are of another schema, or damaged.

    """
    try:
        values: dict[str, Any] = json.loads(text)
        schema = values.pop("schema")
        if schema == SCHEMA:
            for name in ("arguments", "labels"):
                values[name] = tuple(values[name])
            return Job(**values)
    except (ValueError, KeyError, TypeError, AttributeError):
        schema = "not readable"
    raise OutputError(f"{where} was not written by this version of bulk prediction ({schema}); expected {SCHEMA}")


def _shown(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)
