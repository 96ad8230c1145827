"""Runs on disk: their evidence, the finished ones, and packed ones."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from pyarrow import parquet
from tests.made_runs import Made, write_run

from emotone.errors import ConfigError, RunError
from emotone.metrics import significance
from emotone.scoring.comparison import compare_runs
from emotone.scoring.evidence import CORRECTED, PAIRED, FoldGain, gain
from emotone.scoring.finished_run import (
    RUN,
    STAGES,
    TABLE,
    VALIDATION,
    finished_runs,
    is_finished,
    is_speaker_independent,
    protocol_is_independent,
    read_json,
    read_run,
    read_table,
    update_description,
)
from emotone.scoring.packed_runs import MANIFEST, TABLES, pack, packed_names, packed_table, remove_packed, unpack

if TYPE_CHECKING:
    from pathlib import Path

    from emotone.scoring.predictions import PredictionsTable


# ----------------------------------------------------------------------------------------------------------------------
# Paired tests over folds of one run against another: their direction, and runs without a test.


def test_the_tests_are_those_of_a_comparison(tmp_path: Path) -> None:
    worse, better = Made(skill=0.3).write(tmp_path / "a"), Made(skill=0.8, draw=1).write(tmp_path / "b")
    found = gain(worse, better, "toy")
    (uar,) = (each for each in compare_runs([worse, better]).differences if each.metric == "uar")
    expected = {adjusted.test.name: adjusted.test for adjusted in uar.tests}
    assert (found.paired, found.corrected) == (expected[PAIRED], expected[CORRECTED])
    assert found.change(corrected=False) == found.change(corrected=True) == "up"
    assert gain(better, worse, "toy").change(corrected=True) == "down"


def test_the_corrected_test_has_the_larger_p(tmp_path: Path) -> None:
    first, second = Made(skill=0.4).write(tmp_path / "a"), Made(skill=0.45, draw=1).write(tmp_path / "b")
    found = gain(first, second, "toy")
    assert found.paired is not None
    assert found.corrected is not None
    assert found.paired.p is not None
    assert found.corrected.p is not None
    assert found.paired.p < found.corrected.p


def test_a_run_does_not_differ_from_itself(tmp_path: Path) -> None:
    run = Made().write(tmp_path / "a")
    assert gain(run, run, "toy").change(corrected=False) == "same"


def test_other_utterances_can_not_be_compared(tmp_path: Path) -> None:
    first, second = Made().write(tmp_path / "a"), Made(clips=6).write(tmp_path / "b")
    with pytest.raises(RunError, match="do not share all utterances of toy"):
        gain(first, second, "toy")


@pytest.mark.parametrize(
    ("statistic", "p", "change"),
    [(3.0, 0.05, "up"), (-3.0, 0.01, "down"), (3.0, 0.051, "same"), (None, None, "same")],
)
def test_the_level_is_five_percent(statistic: float | None, p: float | None, change: str) -> None:
    test = significance.SignificanceTest(statistic, p, 5, PAIRED)
    assert FoldGain(test, None).change(corrected=False) == change
    assert FoldGain(test, None).change(corrected=True) == "unknown"


# ----------------------------------------------------------------------------------------------------------------------
# Finished runs on disk, and whether they are speaker-independent.


@pytest.mark.parametrize(
    ("name", "known"), [("leave-one-speaker-out", True), ("random-5", False), ("held-out", None), ("lists", None)]
)
def test_speaker_independence_by_the_name_of_the_protocol(name: str, known: bool | None) -> None:
    assert protocol_is_independent(name) is known
    assert is_speaker_independent(name, {}) is known


@pytest.mark.parametrize(
    ("rows", "recorded"), [([True, True], True), ([False], False), ([True, False], None), (["x"], None), ([], None)]
)
def test_speaker_independence_of_a_finished_model_is_recorded(rows: list[Any], recorded: bool | None) -> None:
    about = {"protocol": {"trained_on": []}, "scores": [{"speaker_independent": row} for row in rows]}
    assert is_speaker_independent("held-out", about) is recorded


def test_a_model_trained_on_the_tested_corpus_is_speaker_dependent() -> None:
    about = {"protocol": {"trained_on": ["toy"]}, "scores": [{"speaker_independent": True}]}
    assert is_speaker_independent("held-out", about) is False


@pytest.mark.parametrize("value", [None, [], [3], 3, "text", {}])
def test_values_of_another_type_are_ignored(value: Any) -> None:
    assert is_speaker_independent("held-out", {"protocol": value, "scores": value}) is None


def test_a_finished_run_is_read(tmp_path: Path) -> None:
    made = Made(speakers=2)
    problems = [{"key": "toy/x", "code": "empty", "message": "x.wav is empty"}]
    run = read_run(write_run(tmp_path / "run", made.table(), problems=problems), name="R1")
    assert (run.name, run.protocol, run.speaker_independent) == ("R1", "leave-one-speaker-out", True)
    assert run.problems == {"toy/x": "x.wav is empty"}
    assert len(run.predictions) == len(run.whole) == len(made.rows())


@pytest.mark.parametrize("missing", [RUN, TABLE])
def test_a_folder_without_a_file_is_not_finished(missing: str, tmp_path: Path) -> None:
    folder = Made(speakers=2).write(tmp_path / "run")
    assert is_finished(folder)
    (folder / missing).unlink()
    assert not is_finished(folder)
    with pytest.raises(RunError, match="run contains no finished evaluation"):
        read_run(folder)


@pytest.mark.parametrize(("text", "message"), [("{", "is not valid JSON"), ("[]", "is not a JSON object")])
def test_a_damaged_description_is_refused(text: str, message: str, tmp_path: Path) -> None:
    folder = Made(speakers=2).write(tmp_path / "run")
    (folder / RUN).write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_run(folder)


def test_a_key_of_the_description_is_replaced(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", Made(speakers=2).table(), seeds=3)
    for value in ([1], [2]):
        update_description(folder, "extra", value)
    about = json.loads((folder / RUN).read_text(encoding="utf-8"))
    assert (about["extra"], about["seeds"]) == ([2], 3)


# ----------------------------------------------------------------------------------------------------------------------
# Packed runs are read as the folders that they were, and are written to the same bytes.

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
