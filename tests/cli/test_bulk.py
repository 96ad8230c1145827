"""`emotone predict --engine`: from files to parts, interrupted and resumed, and options that can't be combined."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest
from pyarrow import parquet

from emotone.cli import bulk

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("shipped")


def test_a_run_is_written_and_resumed(emotone: Callable[..., Any], calls: Path, tmp_path: Path) -> None:
    (calls / "bad.wav").write_bytes(b"no audio at all, but long enough to look at")
    out = tmp_path / "out"
    command = ("predict", calls, "--engine", "local", "--out", out, "--part-size", 2)
    first = emotone(*command)
    assert (first.status, first.out) == (1, "")
    assert f"3 of 4 in 2 parts in {out}" in first.err
    assert first.err.count("bad.wav: is not a recording") == 1
    rows = parquet.read_table(out).to_pylist()
    assert {row["file"] for row in rows} == {str(calls / name) for name in ("a.wav", "b.flac", "bad.wav", "deep/c.WAV")}
    refused = emotone(*command)
    assert (refused.status, "continue it with --resume" in refused.err) == (2, True)
    (out / "_run/done/00001.json").unlink()
    again = emotone(*command, "--resume", "--quiet")
    assert again.status == 1
    assert again.err.count("\n") == 1
    assert parquet.read_table(out).to_pylist() == rows


def test_results_are_those_of_a_plain_run(emotone: Callable[..., Any], calls: Path, tmp_path: Path) -> None:
    plain = emotone("predict", calls, "--format", "jsonl", "--channel", "each")
    result = emotone(
        "predict", calls, "--format", "jsonl", "--channel", "each", "--engine", "local", "--out", tmp_path / "out"
    )
    assert result.status == 0
    assert (tmp_path / "out/part-00000.jsonl").read_text() == plain.out


def test_a_model_in_a_folder_is_named_by_its_path(
    emotone: Callable[..., Any], calls: Path, tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(tiny_bundle, tmp_path / "mine")
    monkeypatch.chdir(tmp_path)
    assert emotone("predict", calls, "--engine", "local", "--out", "out", "--model", "./mine").status == 0
    assert json.loads((tmp_path / "out/_run/job.json").read_text())["model"] == str(tmp_path / "mine")


def test_many_failures_are_cut(emotone: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("".join(f"{number}.wav\n" for number in range(bulk.NAMED + 3)))
    result = emotone("predict", tmp_path / "list.txt", "--engine", "local", "--out", tmp_path / "out")
    assert result.status == 2
    assert f"and 3 more; all are in {tmp_path}/out/_failures.jsonl" in result.err
    assert len((tmp_path / "out/_failures.jsonl").read_text().splitlines()) == bulk.NAMED + 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--engine", "local"), "add --out DIR, a folder or a URL"),
        (("--engine", "lokal", "--out", "x"), "unknown engine 'lokal'; did you mean 'local'?"),
        (("--engine", "local", "--out", "x", "--format", "csv"), "the format csv was given"),
        (("--engine", "local", "--out", "x", "--format", "text"), "the format text was given"),
        (("--engine", "local", "--out", "x", "--adapt"), "with --adapt: --adapt-by COLUMN adapts to groups"),
        (("--engine", "local", "--out", "x", "--overwrite"), "with --overwrite: --resume continues a run"),
        (("--engine", "local", "--out", "x", "--adapt-by", "speaker"), "can't be adapted without labels"),
        (("--adapt-by", "speaker"), "--adapt-by needs --engine"),
        (("--resume",), "--resume needs --engine"),
        (("--part-size", "3"), "--part-size needs --engine"),
        (("--address", "auto"), "--address needs --engine"),
    ],
)
def test_options_that_cannot_be_combined(
    emotone: Callable[..., Any], calls: Path, options: tuple[str, ...], message: str
) -> None:
    result = emotone("predict", calls, *options)
    assert result.status == 2
    assert message in result.err


def test_progress_is_printed_after_pauses(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    times = iter([10.0, 10.0, 12.0, 16.0, 16.0])
    monkeypatch.setattr("time.monotonic", lambda: next(times))
    notes = bulk.SlowNotes()
    for line in ("one", "two", "three"):
        notes(line)
    assert capsys.readouterr().err == "emotone: one\nemotone: three\n"
