"""Tables of predictions, with and without labels."""

from __future__ import annotations

import builtins
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from emotone.errors import ConfigError, MissingExtraError, OutputError, RunError, UnknownNameError, UsageError
from emotone.scoring.predictions import PredictionRow, PredictionsTable

if TYPE_CHECKING:
    from pathlib import Path


# ----------------------------------------------------------------------------------------------------------------------
# The predictions table: what it refuses, and that a file gives back what was written.

LABELS = ("fear", "joy")
ROW = PredictionRow(
    utterance="toy/a",
    corpus="toy",
    protocol="random-5",
    fold="fold-1",
    seed=0,
    speaker="s1",
    truth="joy",
    probabilities=(0.25, 0.75),
    system="f00d",
)


def table_of(*rows: PredictionRow) -> PredictionsTable:
    return PredictionsTable.from_rows(rows, labels=LABELS)


def assert_equal(one: PredictionsTable, other: PredictionsTable) -> None:
    assert one.labels == other.labels
    for name, column in one.columns().items():
        np.testing.assert_array_equal(other.columns()[name], column, err_msg=name)
        assert other.columns()[name].dtype.kind == column.dtype.kind


@pytest.fixture
def mixed() -> PredictionsTable:
    """Two corpora, whole utterances and segments, with and without speaker and times."""
    return table_of(
        ROW,
        replace(ROW, utterance="toy/b", speaker="", truth="fear", seed=7),
        replace(ROW, segment=0, start=0.0, end=3.0, probabilities=(0.5, 0.5)),
        replace(ROW, segment=1, start=1.0, end=4.0, probabilities=(1.0, 0.0)),
        replace(ROW, utterance="calls/ä", corpus="calls", start=1.5),
    )


def test_rows_become_columns(mixed: PredictionsTable) -> None:
    assert len(mixed) == 5
    assert mixed.prediction.tolist() == ["joy", "joy", "fear", "fear", "joy"]
    assert mixed.segment.tolist() == [-1, -1, 0, 1, -1]
    assert np.isnan(mixed.start).tolist() == [True, True, False, False, False]
    assert mixed.probabilities.shape == (5, 2)
    assert mixed.corpora == ("calls", "toy")
    assert mixed.speaker_keys.tolist() == ["toy/s1", "", "toy/s1", "toy/s1", "calls/s1"]


def test_columns_are_copies_that_nobody_can_write_to() -> None:
    probabilities = np.array([[0.25, 0.75]])
    columns = table_of(ROW).columns() | {"probabilities": probabilities}
    table = PredictionsTable(labels=LABELS, **columns)
    probabilities[:] = 0
    assert table.probabilities.tolist() == [[0.25, 0.75]]
    with pytest.raises(ValueError, match="read-only"):
        table.probabilities[0, 0] = 1.0


def test_a_file_gives_back_what_was_written(mixed: PredictionsTable, tmp_path: Path) -> None:
    path = tmp_path / "seed=1" / "predictions.parquet"  # a name that readers of data sets take for a partition
    mixed.write(path)
    assert_equal(PredictionsTable.read(path), mixed)


def test_a_file_has_the_promised_columns(mixed: PredictionsTable, tmp_path: Path) -> None:
    path = tmp_path / "predictions.parquet"
    mixed.write(path)
    content = parquet.read_table(path)
    expected = "utterance segment start end corpus protocol fold seed speaker truth prediction p_fear p_joy system"
    assert content.column_names == expected.split()
    assert content["segment"].to_pylist() == [None, None, 0, 1, None]
    assert content["end"].to_pylist() == [None, None, 3.0, 4.0, None]


def test_an_empty_table_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / "empty.parquet"
    table_of().write(path)
    assert len(PredictionsTable.read(path)) == 0
    assert PredictionsTable.read(path).labels == LABELS


@settings(max_examples=20, deadline=None)
@given(
    rows=st.lists(
        st.tuples(st.floats(0, 1), st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=4)),
        max_size=6,
    )
)
def test_any_text_and_any_probability_survive(rows: list[tuple[float, str]], tmp_path_factory: Any) -> None:
    path = tmp_path_factory.mktemp("table") / "any.parquet"
    table = table_of(
        *(
            replace(ROW, utterance=f"toy/{index}", speaker=speaker, probabilities=(share, 1 - share))
            for index, (share, speaker) in enumerate(rows)
        )
    )
    table.write(path)
    assert_equal(PredictionsTable.read(path), table)


def test_joining_keeps_the_order(mixed: PredictionsTable) -> None:
    parts = [mixed.where(mixed.corpus == name) for name in ("toy", "calls")]
    assert_equal(PredictionsTable.concat(parts), mixed)


def test_joining_what_is_there_already_is_refused(mixed: PredictionsTable) -> None:
    with pytest.raises(RunError, match=r"toy/a is duplicated with the same segment, protocol, seed, system \(5 of 10"):
        PredictionsTable.concat([mixed, mixed])


def test_joining_other_labels_is_refused(mixed: PredictionsTable) -> None:
    other = PredictionsTable.from_rows([ROW], labels=("joy", "fear"))
    with pytest.raises(RunError, match="labels fear, joy and joy, fear can't be concatenated"):
        PredictionsTable.concat([mixed, other])


def test_joining_nothing_is_refused() -> None:
    with pytest.raises(RunError, match="no predictions table"):
        PredictionsTable.concat([])


def test_parts_by_corpus_and_by_kind_of_row(mixed: PredictionsTable) -> None:
    assert mixed.of_corpus("calls").utterance.tolist() == ["calls/ä"]
    assert mixed.whole_utterances().utterance.tolist() == ["toy/a", "toy/b", "calls/ä"]
    with pytest.raises(UnknownNameError, match="unknown corpus in the predictions table 'call'; did you mean 'calls'"):
        mixed.of_corpus("call")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"probabilities": (0.5, 0.6)}, r"toy/a has probabilities that do not sum to 1 within 1e-06 \(1 of 1 rows"),
        ({"probabilities": (-0.5, 1.5)}, "toy/a has probabilities that are negative or not finite"),
        ({"probabilities": (float("nan"), 1.0)}, "toy/a has probabilities that are negative or not finite"),
        ({"probabilities": (1.0,)}, "toy/a has 1 probabilities for 2 labels"),
        ({"truth": "jo"}, "toy/a: unknown label in truth 'jo'; did you mean 'joy'"),
        ({"segment": -2}, "toy/a has a negative segment number"),
    ],
)
def test_a_row_that_cannot_be_is_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(RunError, match=words):
        table_of(replace(ROW, **change))


def test_a_prediction_must_be_the_most_probable_label() -> None:
    columns = table_of(ROW).columns() | {"prediction": np.array(["fear"])}
    with pytest.raises(RunError, match="toy/a has a prediction that is not the most probable label"):
        PredictionsTable(labels=LABELS, **columns)


def test_either_of_equally_probable_labels_may_be_the_prediction() -> None:
    columns = table_of(replace(ROW, probabilities=(0.5, 0.5))).columns() | {"prediction": np.array(["joy"])}
    assert PredictionsTable(labels=LABELS, **columns).prediction.tolist() == ["joy"]


def test_probabilities_may_be_float32() -> None:
    probabilities = np.full(7, 1 / 7, dtype=np.float32)
    labels = tuple("abcdefg")
    table = PredictionsTable.from_rows([replace(ROW, truth="a", probabilities=probabilities)], labels=labels)
    assert table.prediction.tolist() == ["a"]


@pytest.mark.parametrize("labels", [(), ("joy", "joy")])
def test_labels_must_be_different_names(labels: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match="labels must be unique"):
        PredictionsTable.from_rows([], labels=labels)


@pytest.mark.parametrize(
    "change", [{"truth": np.array(["joy", "joy"])}, {"probabilities": np.array([[1.0]])}], ids=["rows", "labels"]
)
def test_columns_of_other_lengths_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="columns must have equal lengths"):
        PredictionsTable(labels=LABELS, **(table_of(ROW).columns() | change))


def rewrite(path: Path, change: Any, *, schema: str = "emotone.predictions/1") -> None:
    """Write ROW as a file, with its Arrow table changed by `change`."""
    table_of(ROW).write(path)
    parquet.write_table(change(parquet.read_table(path)).replace_schema_metadata({"schema": schema}), path)


def with_column(name: str, values: list[Any]) -> Any:
    def change(table: Any) -> Any:
        return table.set_column(table.column_names.index(name), name, pa.array(values))

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda table: table.drop_columns(["fold", "seed"]), "lacks the columns fold, seed"),
        (lambda table: table.drop_columns(["p_fear", "p_joy"]), "lacks the columns p_<label>"),
        (with_column("truth", [None]), "the column truth has 1 nulls; none are allowed"),
        (with_column("p_joy", [None]), "the column p_joy has 1 nulls"),
        (with_column("seed", ["zero"]), "the column seed contains 'zero', which has an unexpected type"),
        (with_column("truth", [3]), "the column truth contains 3, which has an unexpected type"),
    ],
)
def test_a_file_with_other_columns_is_refused(change: Any, words: str, tmp_path: Path) -> None:
    path = tmp_path / "changed.parquet"
    rewrite(path, change)
    with pytest.raises(ConfigError, match=words):
        PredictionsTable.read(path)


def test_a_file_is_checked_like_any_table(tmp_path: Path) -> None:
    path = tmp_path / "changed.parquet"
    rewrite(path, with_column("p_joy", [0.9]))
    with pytest.raises(RunError, match="do not sum to 1"):
        PredictionsTable.read(path)


def test_a_null_speaker_is_an_unknown_one(tmp_path: Path) -> None:
    path = tmp_path / "changed.parquet"
    rewrite(path, with_column("speaker", [None]))
    assert PredictionsTable.read(path).speaker.tolist() == [""]


def test_another_schema_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.parquet"
    rewrite(path, lambda table: table, schema="emotone.predictions/9")
    with pytest.raises(ConfigError, match=r"its schema is 'emotone.predictions/9', expected 'emotone.predictions/1'"):
        PredictionsTable.read(path)


def test_not_parquet_and_not_there_are_said(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    with pytest.raises(ConfigError, match=r"can't read predictions from .*x.parquet: No such file or directory$"):
        PredictionsTable.read(path)
    path.write_text("file,label\n")
    with pytest.raises(ConfigError, match=r"can't read predictions from .*x.parquet: "):
        PredictionsTable.read(path)


def test_an_unwritable_place_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="can't write"):
        table_of(ROW).write(tmp_path / "file" / "x.parquet")


def test_without_pyarrow_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ordinary = builtins.__import__

    def refuse(name: str, *rest: Any) -> Any:
        if name.startswith("pyarrow"):
            raise ImportError(name)
        return ordinary(name, *rest)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(MissingExtraError, match=r"needs the package 'pyarrow'; .* 'emotone\[parquet\]'"):
        table_of(ROW).write(tmp_path / "x.parquet")


# ----------------------------------------------------------------------------------------------------------------------
# Labels that a target lacks: nothing is given to them, and the rest keeps its proportions.

FOUR_LABELS = ("anger", "fear", "joy", "surprise")


def table(*probabilities: list[float]) -> PredictionsTable:
    rows = [
        PredictionRow(f"toy/{number}", "toy", "random-5", "fold-1", 0, "s1", "joy", given, "f00d")
        for number, given in enumerate(probabilities)
    ]
    return PredictionsTable.from_rows(rows, labels=FOUR_LABELS)


def test_the_best_of_the_labels_that_there_are_is_named() -> None:
    found = table([0.1, 0.6, 0.2, 0.1], [0.7, 0.1, 0.1, 0.1]).without_labels(("fear", "surprise"))
    np.testing.assert_allclose(found.probabilities, [[1 / 3, 0, 2 / 3, 0], [0.875, 0, 0.125, 0]])
    assert found.prediction.tolist() == ["joy", "anger"]
    assert found.truth.tolist() == ["joy", "joy"]


def test_where_nothing_is_left_all_are_equal() -> None:
    found = table([0.0, 1.0, 0.0, 0.0]).without_labels(("fear",))
    np.testing.assert_allclose(found.probabilities, [[1 / 3, 0, 1 / 3, 1 / 3]])
    assert found.prediction.tolist() == ["anger"]


@pytest.mark.parametrize("absent", [(), ("fear",)])
def test_a_table_without_rows_or_absent_labels_stays(absent: tuple[str, ...]) -> None:
    empty = table()
    assert empty.without_labels(absent) is empty
    full = table([0.25, 0.25, 0.25, 0.25])
    assert full.without_labels(()) is full


@given(
    values=st.lists(st.lists(st.floats(0.0, 1.0), min_size=4, max_size=4).filter(sum), min_size=1, max_size=5),
    absent=st.sets(st.sampled_from(FOUR_LABELS), max_size=3),
)
def test_rows_sum_to_one_and_proportions_stay(values: Any, absent: set[str]) -> None:
    rows = [[value / sum(row) for value in row] for row in values]
    found = table(*rows).without_labels(sorted(absent))
    assert found.probabilities.sum(axis=1) == pytest.approx(1.0)
    for given_row, row in zip(rows, found.probabilities, strict=True):
        assert [row[FOUR_LABELS.index(label)] for label in absent] == [0.0] * len(absent)
        left = [value for label, value in zip(FOUR_LABELS, given_row, strict=True) if label not in absent]
        if sum(left) > 0:
            expected = [value / sum(left) for value in left]
            assert [row[FOUR_LABELS.index(label)] for label in FOUR_LABELS if label not in absent] == pytest.approx(
                expected
            )
