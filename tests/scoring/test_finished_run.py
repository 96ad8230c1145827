"""Finished runs on disk, and whether they are speaker-independent."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.made_runs import Made, write_run

from emotone.errors import ConfigError, RunError
from emotone.scoring.finished_run import (
    RUN,
    TABLE,
    is_finished,
    is_speaker_independent,
    protocol_is_independent,
    read_run,
    update_description,
)

if TYPE_CHECKING:
    from pathlib import Path


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
