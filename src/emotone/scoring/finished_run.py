"""Finished evaluations on disk: a folder with `run.json`, which describes the run, and `predictions.parquet`.

`emotone.evaluation` produces these folders; scores, comparisons, reports and pages read them through this module. A
run may also be packed with others in two files of the folder above (see `emotone.scoring.packed_runs`): it is read by
the path that its folder would have. A folder takes precedence.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from emotone.errors import ConfigError, RunError, UsageError
from emotone.files import write_json
from emotone.protocols import protocol
from emotone.scoring.packed_runs import TABLES, is_packed, packed_json, packed_names, packed_table, unpack
from emotone.scoring.predictions import PredictionsTable, whole_of_one

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

RUN, TABLE = "run.json", "predictions.parquet"
VALIDATION = (
    "validation.parquet"  # predictions of development parts that no fold tests, from which thresholds are chosen
)
STAGES = "stages.json"  # what each fold of a recipe with several stages loaded and selected
SCHEMA = "emotone.evaluation/1"


@dataclass(frozen=True, eq=False)
class FinishedRun:
    """A finished evaluation.

    Attributes:
        folder: contains `run.json` and `predictions.parquet`, unless the run is packed.
        about: the content of `run.json`. Runs of older versions and of other programs may lack any key.
        predictions: every row.
        name: name in tables, e.g. "R1".

    """

    folder: Path
    about: Mapping[str, Any]
    predictions: PredictionsTable
    name: str = ""

    @cached_property
    def whole(self) -> PredictionsTable:
        """The rows of whole utterances.

        Raises:
            RunError: no such row, or several systems or protocols.

        """
        return whole_of_one(self.predictions, holder=str(self.folder), verb="read")

    @property
    def protocol(self) -> str:
        """Name of the protocol, from the predictions table."""
        return str(self.whole.protocol[0])

    @property
    def speaker_independent(self) -> bool | None:
        """Whether no tested speaker is in the training data; None if unknown."""
        return is_speaker_independent(self.protocol, self.about)

    @property
    def problems(self) -> dict[str, str]:
        """Reasons why utterances have no prediction, by key."""
        return {str(problem["key"]): str(problem["message"]) for problem in self.about.get("problems") or ()}


def is_finished(folder: Path) -> bool:
    """Return whether a folder contains a finished evaluation, or would contain it if it were not packed."""
    return _has_files(folder) or is_packed(folder)


def finished_runs(root: Path, pattern: str = "*") -> list[Path]:
    """Return the folders of the finished evaluations in a folder of runs, sorted by name; those of packed ones too.

    Args:
        root: contains the runs.
        pattern: of their names, e.g. "anger-held-out-*".

    """
    folders = {path.parent for path in root.glob(f"*/{RUN}") if _has_files(path.parent)}
    return sorted(path for path in folders | {root / name for name in packed_names(root)} if path.match(pattern))


def read_run(folder: Path, *, name: str = "") -> FinishedRun:
    """Return the finished evaluation in a folder.

    Raises:
        RunError: the folder contains no finished evaluation.
        ConfigError: a file of the run can't be read.
        MissingExtraError: pyarrow is not installed.

    """
    about, predictions = read_description(folder), read_table(folder, TABLE)
    assert predictions is not None  # noqa: S101 - every finished run has them
    return FinishedRun(folder, about, predictions, name)


def read_description(folder: Path) -> dict[str, Any]:
    """Return the content of a finished evaluation's `run.json`; errors are those of `read_run`."""
    about = read_json(folder, RUN)
    if not isinstance(about, dict):
        raise ConfigError(f"{folder / RUN} does not describe an evaluation: it is not a JSON object")
    return about


def read_json(folder: Path, file: str) -> Any:
    """Return the content of a JSON file of a finished run, such as `STAGES`; None if it has no such file.

    Errors are those of `read_run`.
    """
    if not _has_files(folder):
        return packed_json(_packed(folder), file)
    path = folder / file
    try:
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
    except ValueError as error:
        raise ConfigError(f"{path} is not valid JSON: {error}") from error


def read_table(folder: Path, file: str) -> PredictionsTable | None:
    """Return a predictions table of a finished run, such as `VALIDATION`; None if it has no such file.

    Errors are those of `read_run`.
    """
    if not _has_files(folder):
        return packed_table(_packed(folder), file)
    path = folder / file
    return PredictionsTable.read(path) if path.exists() else None


def table_version(folder: Path) -> tuple[int, int]:
    """Return the time and the size of the file that contains the predictions of a finished run.

    What is computed from the predictions is valid while they are unchanged. Errors are those of `read_run`.
    """
    path = folder / TABLE if _has_files(folder) else _packed(folder).parent / TABLES
    try:
        state = path.stat()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror or error}") from error
    return state.st_mtime_ns, state.st_size


def write_description(folder: Path, about: Mapping[str, Any]) -> None:
    """Write the description of a run, which marks it as finished."""
    write_json(folder / RUN, about)


def update_description(folder: Path, key: str, value: Any) -> None:
    """Set a key in the `run.json` of a finished run; an existing value is replaced. Errors are those of `read_run`.

    The files of a packed run are written into a folder of its own first.
    """
    about = read_description(folder)
    if not _has_files(folder):
        unpack(folder)
    write_description(folder, {**about, key: value})


def protocol_is_independent(name: str) -> bool | None:
    """Return whether a protocol keeps speakers apart.

    None if its name does not determine it: for finished models, and protocols that were read from files.
    """
    try:
        return protocol(name).speaker_independent
    except UsageError:
        return None


def is_speaker_independent(name: str, about: Mapping[str, Any]) -> bool | None:
    """Return whether no tested speaker is in the training data of a run; None if unknown.

    Args:
        name: of the protocol, from the predictions table.
        about: the content of `run.json`; any key may be missing.

    """
    described = about.get("protocol")
    if isinstance(described, dict) and described.get("trained_on"):  # a finished model trained on the tested corpora
        return False
    known = protocol_is_independent(name)
    return _recorded_independence(about.get("scores")) if known is None else known


def _recorded_independence(rows: object) -> bool | None:
    """Return the value that all scores of a run record, or None if they record none or differ."""
    values = [row.get("speaker_independent") for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    first = values[0] if values else None
    return first if isinstance(first, bool) and values.count(first) == len(values) else None


def _has_files(folder: Path) -> bool:
    return (folder / RUN).is_file() and (folder / TABLE).is_file()


def _packed(folder: Path) -> Path:
    if not is_packed(folder):
        raise RunError(f"{folder} contains no finished evaluation; pass the folder that `emotone evaluate` printed")
    return folder
