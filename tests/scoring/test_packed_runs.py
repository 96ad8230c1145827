"""Packed runs are read as the folders that they were, and are written to the same bytes."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest
from pyarrow import parquet
from tests.made_runs import Made, write_run

from emotone.errors import ConfigError, RunError
from emotone.scoring.finished_run import (
    STAGES,
    VALIDATION,
    finished_runs,
    is_finished,
    read_json,
    read_run,
    read_table,
    update_description,
)
from emotone.scoring.packed_runs import MANIFEST, TABLES, pack, packed_names, packed_table, remove_packed, unpack

if TYPE_CHECKING:
    from pathlib import Path

    from emotone.scoring.predictions import PredictionsTable

FIRST = Made(speakers=2, clips=3).table()
SECOND = Made(speakers=2, clips=3, labels=("joy", "anger"), corpora=("other",)).table()  # labels are not sorted


def columns(table: PredictionsTable) -> dict[str, list[object]]:
    return {name: values.tolist() for name, values in table.columns().items() if name not in ("start", "end")}


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    """Two packed runs, one of them with further files."""
    root = tmp_path / "runs"
    first, second = write_run(root / "first", FIRST, seeds=1), write_run(root / "second", SECOND)
    (second / STAGES).write_text(json.dumps({"fold": {"absent": ["joy"]}}))
    SECOND.write(second / VALIDATION)
    pack(root, [second, first])
    for folder in (first, second):
        shutil.rmtree(folder)
    return root


def test_packed_runs_are_read_by_the_path_of_their_folder(packed: Path) -> None:
    assert [path.name for path in sorted(packed.iterdir())] == [MANIFEST, TABLES]
    assert finished_runs(packed) == [packed / "first", packed / "second"]
    assert finished_runs(packed, "sec*") == [packed / "second"]
    assert is_finished(packed / "first")
    assert not is_finished(packed / "third")
    for name, table in (("first", FIRST), ("second", SECOND)):
        run = read_run(packed / name)
        assert run.folder == packed / name
        assert run.predictions.labels == table.labels
        assert columns(run.predictions) == columns(table)
        np.testing.assert_array_equal(run.predictions.start, table.start)
    assert read_run(packed / "first").about["seeds"] == 1
    assert read_json(packed / "second", STAGES) == {"fold": {"absent": ["joy"]}}
    assert read_json(packed / "first", STAGES) is None
    validation = read_table(packed / "second", VALIDATION)
    assert validation is not None
    assert columns(validation) == columns(SECOND)
    assert read_table(packed / "first", VALIDATION) is None


def test_the_file_names_run_and_table_of_every_row(packed: Path) -> None:
    with (packed / TABLES).open("rb") as stream:
        table = parquet.ParquetFile(stream).read()
    assert set(zip(table["run"].to_pylist(), table["table"].to_pylist(), strict=True)) == {
        ("first", "predictions.parquet"),
        ("second", "predictions.parquet"),
        ("second", VALIDATION),
    }
    assert table["p_anger"].null_count + table["p_joy"].null_count > 0


def test_equal_runs_give_equal_bytes_whatever_the_order(packed: Path, tmp_path: Path) -> None:
    before = {path.name: path.read_bytes() for path in packed.iterdir()}
    for name in ("second", "first"):
        unpack(packed / name, tmp_path / name)
        pack(tmp_path / "again", [tmp_path / name])
    assert {path.name: path.read_bytes() for path in (tmp_path / "again").iterdir()} == before
    pack(packed, [tmp_path / "first"])  # replaced by itself
    assert {path.name: path.read_bytes() for path in packed.iterdir()} == before


def test_a_folder_takes_precedence(packed: Path) -> None:
    write_run(packed / "first", SECOND)
    assert read_run(packed / "first").predictions.labels == SECOND.labels
    assert finished_runs(packed) == [packed / "first", packed / "second"]


def test_an_empty_table_is_kept(tmp_path: Path) -> None:
    empty = write_run(tmp_path / "empty", FIRST.where(np.zeros(len(FIRST), dtype=np.bool_)))
    full = write_run(tmp_path / "full", FIRST)
    pack(tmp_path / "runs", [empty, full])
    assert len(read_run(tmp_path / "runs/empty").predictions) == 0
    assert columns(read_run(tmp_path / "runs/full").predictions) == columns(FIRST)


def test_a_changed_description_is_written_into_a_folder(packed: Path) -> None:
    update_description(packed / "second", "how", "by hand")
    assert read_run(packed / "second").about["how"] == "by hand"
    assert read_json(packed / "second", STAGES) == {"fold": {"absent": ["joy"]}}
    assert (packed / "second").is_dir()


def test_runs_are_removed(packed: Path) -> None:
    remove_packed(packed, ["first"])
    assert packed_names(packed) == ("second",)
    assert columns(read_run(packed / "second").predictions) == columns(SECOND)
    with pytest.raises(RunError, match="has no packed run 'first'"):
        remove_packed(packed, ["first"])
    with pytest.raises(RunError, match="contains no finished evaluation"):
        read_run(packed / "first")


@pytest.mark.parametrize(
    ("text", "reason"), [("{", "is not valid JSON"), ("[]", "expected the schema"), ('{"schema": 1}', "expected the")]
)
def test_another_manifest_is_an_error(packed: Path, text: str, reason: str) -> None:
    (packed / MANIFEST).write_text(text)
    with pytest.raises(ConfigError, match=reason):
        packed_names(packed)


def test_files_that_do_not_belong_together_are_an_error(packed: Path, tmp_path: Path) -> None:
    manifest = (packed / MANIFEST).read_text()
    (packed / MANIFEST).write_text(manifest.replace('"first"', '"zzz"'))
    with pytest.raises(ConfigError, match=r"does not belong to runs\.json next to it"):
        packed_table(packed / "zzz", "predictions.parquet")
    (packed / TABLES).write_bytes(b"nothing")
    with pytest.raises(ConfigError, match="can't read packed runs"):
        read_run(packed / "second")
