"""audformat: a database of predictions, packed as one file. Needs the extra `audformat`.

Unpacked, it is a folder that `audformat.Database.load` reads: `db.yaml`, and one table each for clips, utterances,
segments and failures. It is written at the end, so all results stay in memory: for many hours, use `parquet`.
"""

from __future__ import annotations

import tempfile
import zipfile
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from emotone.errors import UsageError, missing_extra
from emotone.inference.result import Failure, Prediction
from emotone.inference.saving import Format
from emotone.inference.segments import AFFECT_COLUMNS, affect_cells

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emotone.inference.rendering import Result
    from emotone.inference.result import Cell
    from emotone.inference.saving import Page
    from emotone.inference.segments import Clip, Segment, UtteranceSegment

NO_FILE = "samples"  # samples have no file name
NO_DATE = (1980, 1, 1, 0, 0, 0)  # required; a constant, so that equal predictions give equal bytes


class Database:
    """Collects the last result of each recording and writes the tables at the end."""

    def __init__(self, stream: IO[bytes], page: Page) -> None:
        try:
            import audformat
        except ImportError:
            raise missing_extra("audformat", "audformat", "writing an audformat database") from None
        self._audformat: Any = audformat
        self._stream = stream
        self._labels = page.labels
        self._results: dict[str, Result] = {}

    def write(self, result: Result) -> None:
        """Add a recording's result; raise `UsageError` for a second channel of a file."""
        name = (result.file or NO_FILE).encode(errors="backslashreplace").decode()  # file names need not be UTF-8
        before = self._results.get(name)
        if isinstance(before, Prediction) and isinstance(result, Prediction) and before.channel != result.channel:
            raise UsageError(
                f"an audformat database has one result per file; {name} has results of the channels {before.channel} "
                f"and {result.channel}; write a database for each channel, or use another format"
            )
        self._results[name] = result

    def finish(self) -> None:
        """Write the database, packed."""
        analysed = {name: one for name, one in self._results.items() if isinstance(one, Prediction)}
        failed = {name: one for name, one in self._results.items() if isinstance(one, Failure)}
        database = self._empty(next(iter(analysed.values()), None))
        channels = {name: str(one.channel) for name, one in analysed.items()}
        self._fill(database, "clips", list(analysed), [one.clip for one in analysed.values()], channels)
        self._fill_parts(database, "segments", {name: one.segments for name, one in analysed.items()}, channels)
        self._fill_parts(database, "utterances", {name: one.utterances for name, one in analysed.items()}, channels)
        if failed:
            table = self._audformat.Table(self._audformat.filewise_index(list(failed)))
            database["failures"] = table
            for name, cells in {
                "error": [one.code for one in failed.values()],
                "message": [one.message.encode(errors="backslashreplace").decode() for one in failed.values()],
            }.items():
                table[name] = self._audformat.Column(scheme_id="text")
                table[name].set(cells)
        self._pack(database)

    def _empty(self, first: Prediction | None) -> Any:
        """Return the header: the schemes and the model."""
        model = None if first is None else first.model
        source = "" if model is None else f" of the model {model.name} {model.version}, SHA-256 {model.sha256}"
        database = self._audformat.Database(
            "emotone", source="emotone predict", usage="other", description=f"Predictions{source}."
        )
        scheme = self._audformat.Scheme
        database.schemes["emotion"] = scheme("str", labels=list(self._labels) or None)
        database.schemes["probability"] = scheme("float", minimum=0.0, maximum=1.0)
        database.schemes["derived"] = scheme("float", minimum=-1.0, maximum=1.0)
        database.schemes["whether"] = scheme("bool")
        database.schemes["text"] = scheme("str")
        return database

    def _fill_parts(
        self,
        database: Any,
        name: str,
        parts: dict[str, Sequence[Segment | UtteranceSegment]],
        channels: dict[str, str],
    ) -> None:
        every = [(file, one) for file, ones in parts.items() for one in ones]
        starts, ends = ([f"{round(1000 * getattr(one, edge))}ms" for _, one in every] for edge in ("start", "end"))
        files = [file for file, _ in every]
        self._fill(database, name, files, [one for _, one in every], channels, times=(starts, ends))

    def _fill(
        self,
        database: Any,
        name: str,
        files: list[str],
        results: Sequence[Clip | Segment | UtteranceSegment],
        channels: dict[str, str],
        *,
        times: tuple[list[str], list[str]] | None = None,
    ) -> None:
        """Add a table of files, or of the parts of files between these times."""
        make = self._audformat
        table = make.Table(make.filewise_index(files) if times is None else make.segmented_index(files, *times))
        database[name] = table
        whether = {"utterances": ("unsure", "changed"), "segments": ("speech",), "clips": ("unsure", "speech")}[name]
        columns: dict[str, tuple[str, list[Cell]]] = {
            "channel": ("text", [channels[file] for file in files]),
            "emotion": ("emotion", [one.label for one in results]),
            **{what: ("whether", [getattr(one, what) for one in results]) for what in whether},
            **{f"p_{label}": ("probability", [one.probabilities[label] for one in results]) for label in self._labels},
            **{
                column: ("derived", [affect_cells(one.derived)[index] for one in results])
                for index, column in enumerate(AFFECT_COLUMNS)
            },
        }
        for column, (scheme, cells) in columns.items():
            table[column] = make.Column(scheme_id=scheme)
            table[column].set(cells)

    def _pack(self, database: Any) -> None:
        with tempfile.TemporaryDirectory(prefix="emotone-") as place:
            database.save(place, storage_format="parquet")
            with zipfile.ZipFile(self._stream, "w") as packed:
                for path in sorted(Path(place).iterdir()):
                    entry = zipfile.ZipInfo(path.name, NO_DATE)
                    entry.external_attr = 0o644 << 16
                    packed.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)


FORMAT = Format(
    suffix=".audformat.zip",
    summary="a packed audformat database with tables of clips, segments and utterances (needs emotone[audformat])",
    binary=True,
    open=Database,
)
