"""The command line as a whole: main, console, progress, and bulk predictions."""

from __future__ import annotations

import io
import json
import runpy
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import click
import pytest
from pyarrow import parquet
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from emotone.cli import console, outputs
from emotone.cli import main as command
from emotone.cli.console import LONG, PredictionProgress, ProgressDisplay, prediction_progress, progress
from emotone.cli.main import COMMANDS, INTERRUPTED, cli
from emotone.errors import AudioError, BundleError, ConfigError, CorpusError, RunError
from emotone.evaluation.run import Progress as StageProgress

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


# ----------------------------------------------------------------------------------------------------------------------
# The command line as a whole: main, console, progress, and bulk predictions.

# ----------------------------------------------------------------------------------------------------------------------
# Subcommands are found by file, and every `EmotoneError` is one line and an exit status.


def test_version(emotone: Callable[..., Any]) -> None:
    result = emotone("--version")
    assert (result.status, result.out, result.err) == (0, "emotone 0.1.0\n", "")


def test_the_module_is_the_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["emotone", "--version"])
    with pytest.raises(SystemExit, match=r"^0$"):
        runpy.run_module("emotone", run_name="__main__")
    assert capsys.readouterr().out == "emotone 0.1.0\n"


def test_help_lists_every_command_with_a_summary(emotone: Callable[..., Any]) -> None:
    result = emotone("--help")
    assert (result.status, result.err) == (0, "")
    for name in COMMANDS.names:
        assert any(line.split()[:1] == [name] and len(line.split()) > 2 for line in result.out.splitlines()), name
    assert "emotone predict call.wav" in result.out
    assert {"doctor", "models", "predict"} <= set(COMMANDS.names)


@pytest.mark.parametrize("name", COMMANDS.names)
def test_every_command_has_a_help_page(emotone: Callable[..., Any], name: str) -> None:
    result = emotone(name, "--help")
    assert (result.status, result.err) == (0, "")
    assert result.out.startswith(f"Usage: emotone {name}")


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from emotone.cli.main import run; run(['--help']); "
        "print([m for m in ('torch', 'scipy', 'pandas', 'pyarrow', 'onnx', 'onnxruntime', 'sklearn') "
        "if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stderr.strip() == "[]"


def test_without_a_command_the_help_page_is_an_error(emotone: Callable[..., Any]) -> None:
    result = emotone()
    assert (result.status, result.out) == (2, "")
    assert result.err.startswith("Usage: emotone")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["predikt"], "unknown command 'predikt'; did you mean 'predict'? Allowed: "),
        (["predict"], "Missing argument 'PATH...'; see: emotone predict --help"),
        (["predict", "--formt", "json"], "No such option"),
        (["--nix"], "No such option"),
        (["models", "lst"], "No such command 'lst'"),
        (["models", "show"], "Missing argument 'NAME|DIR'; see: emotone models show --help"),
    ],
)
def test_wrong_usage_is_one_line(emotone: Callable[..., Any], arguments: list[str], message: str) -> None:
    result = emotone(*arguments)
    assert (result.status, result.out) == (2, "")
    assert result.err.startswith("emotone: error: ")
    assert message in result.err
    assert result.err.count("\n") == 1


@pytest.mark.parametrize("kind", [AudioError, BundleError, ConfigError, CorpusError, RunError])
def test_emotone_errors_are_one_line_with_status_2(
    emotone: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, kind: type[Exception]
) -> None:
    monkeypatch.setattr(cli, "invoke", raising(kind("what\n  was \x1b[31mgiven")))
    result = emotone("doctor")
    assert (result.status, result.err) == (2, "emotone: error: what was ?[31mgiven\n")


def raising(error: BaseException) -> Callable[[click.Context], None]:
    def invoke(_: click.Context) -> None:
        raise error

    return invoke


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (KeyboardInterrupt(), INTERRUPTED, "interrupted"),
        (OSError(28, "No space left on device"), 2, "error: standard output: No space left on device"),
        (PermissionError(13, "Permission denied", "/x"), 2, "error: /x: Permission denied"),
        (click.ClickException("so it is"), 2, "error: so it is"),
    ],
)
def test_errors_of_the_system_are_one_line(
    emotone: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, error: BaseException, status: int, message: str
) -> None:
    monkeypatch.setattr(cli, "invoke", raising(error))
    result = emotone("doctor")
    assert result.status == status
    assert result.err.strip().endswith(f"emotone: {message}")


def test_defects_keep_their_traceback(emotone: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "invoke", raising(ZeroDivisionError()))
    with pytest.raises(ZeroDivisionError):
        emotone("doctor")


def test_a_closed_pipe_is_no_error() -> None:
    code = f"{sys.executable} -m emotone doctor --json | head -c 1 >/dev/null; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", code], check=True, capture_output=True, text=True)
    assert done.stderr == ""
    assert int(done.stdout) in {0, 141}


def test_a_broken_pipe_has_its_status() -> None:
    code = (
        "import sys; from emotone.cli import main\n"
        "def gone(_): raise BrokenPipeError(32, 'Broken pipe')\n"
        "main.cli.invoke = gone; sys.exit(main.run(['doctor']))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (141, "", "")


def test_main_exits_with_the_status(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["emotone", "nix"])
    with pytest.raises(SystemExit) as caught:
        command.main()
    assert caught.value.code == 2


# ----------------------------------------------------------------------------------------------------------------------
# Tables on standard output: on a terminal, in a pipe, and with names that are longer than a column.

NAME = "LicenseRef-" + 10 * "word-" + "end"


@pytest.fixture
def table() -> Table:
    table = Table("licence", "description")
    table.add_row(NAME, "[any] text")
    return table


def test_names_are_wrapped_and_never_cut(
    table: Table, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    console.print_table(table)
    text = capsys.readouterr().out
    assert "\N{HORIZONTAL ELLIPSIS}" not in text
    first = [line.split("\N{BOX DRAWINGS LIGHT VERTICAL}")[1].strip() for line in text.splitlines()[3:-1]]
    assert "".join(first) == NAME
    assert max(map(len, text.splitlines())) <= 40


def test_nothing_is_wrapped_in_a_pipe(
    table: Table, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    console.print_table(table)
    assert any(NAME in line and "[any] text" in line for line in capsys.readouterr().out.splitlines())


# ----------------------------------------------------------------------------------------------------------------------
# Progress bars: one per stage on a terminal, and notes instead of bars elsewhere.


def test_without_a_terminal_only_notes_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with progress(quiet=False) as display:
        display.counter("features", 10)(3)
        display.batches(1, 4)
        display.report(StageProgress("folds", 1, 5))
        display.say("epoch 1: loss 0.5")
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "emotone: epoch 1: loss 0.5\n")


def test_every_stage_has_a_bar() -> None:
    stream = io.StringIO()
    columns = (TextColumn("{task.description}"), MofNCompleteColumn())
    with Progress(*columns, console=Console(file=stream, width=80)) as bars:
        display = ProgressDisplay(bars)
        count = display.counter("features", 10)
        count(3)
        count(4)
        display.report(StageProgress("folds", 2, 5))
        display.say("half done")
    shown = [" ".join(line.split()) for line in stream.getvalue().splitlines()]
    assert "half done" in shown
    assert {"features 7/10", "folds 2/5"} <= set(shown)


# ----------------------------------------------------------------------------------------------------------------------
# Bars of predictions: many recordings, one long recording, and results on the same terminal.


class Terminal(io.StringIO):
    """A terminal that remembers what is shown."""

    def isatty(self) -> bool:
        return True


def bars(terminal: Terminal) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[shown]}"))
    console = Console(file=terminal, force_terminal=True, width=80)
    return Progress(*columns, console=console, transient=True, auto_refresh=False)


def started(drawn: Progress) -> bool:
    return drawn.live.is_started


def test_a_long_recording_has_a_bar_of_its_own() -> None:
    terminal = Terminal()
    drawn = bars(terminal)
    progress = PredictionProgress(drawn, total=1, keep=False)
    progress.within(0.0, LONG - 1)
    assert drawn.tasks == []
    progress.within(10.0, 2 * LONG)
    progress.within(60.0, 2 * LONG)
    (task,) = drawn.tasks
    assert (task.completed, task.total, task.fields["shown"]) == (60, 120, "1:00.0/2:00.0")
    progress.end_of_recording()
    assert drawn.tasks == []
    assert started(drawn) is False
    progress.advance()
    progress.within(10.0, 2 * LONG)  # the next long recording has a bar again
    assert started(drawn) is True
    drawn.stop()


def test_an_unknown_duration_shows_the_seconds_after_a_minute() -> None:
    drawn = bars(Terminal())
    progress = PredictionProgress(drawn, total=1, keep=True)
    progress.within(LONG - 10, None)
    assert drawn.tasks == []
    progress.within(LONG + 10, None)
    assert (drawn.tasks[0].total, drawn.tasks[0].fields["shown"]) == (None, "1:10.0")
    drawn.stop()


def test_many_recordings_are_counted_where_results_go_elsewhere() -> None:
    drawn = bars(Terminal())
    progress = PredictionProgress(drawn, total=3, keep=True)
    progress.within(10.0, 2 * LONG)
    progress.end_of_recording()
    progress.advance()
    (task,) = drawn.tasks
    assert (task.completed, task.fields["shown"]) == (1, "1/3")
    assert started(drawn)
    drawn.stop()
    assert PredictionProgress(bars(Terminal()), total=3, keep=False)
    few = bars(Terminal())
    PredictionProgress(few, total=2, keep=True)
    assert few.tasks == []


def test_nothing_is_drawn_where_nothing_is_shown() -> None:
    for shown in (False, True):
        with prediction_progress(3, shown=shown, keep=False) as progress:
            progress.within(10.0, 5.0)
            progress.end_of_recording()
            progress.advance()


# ----------------------------------------------------------------------------------------------------------------------
# `emotone predict --engine`: from files to parts, interrupted and resumed, and options that can't be combined.


@pytest.mark.usefixtures("shipped")
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


@pytest.mark.usefixtures("shipped")
def test_results_are_those_of_a_plain_run(emotone: Callable[..., Any], calls: Path, tmp_path: Path) -> None:
    plain = emotone("predict", calls, "--format", "jsonl", "--channel", "each")
    result = emotone(
        "predict", calls, "--format", "jsonl", "--channel", "each", "--engine", "local", "--out", tmp_path / "out"
    )
    assert result.status == 0
    assert (tmp_path / "out/part-00000.jsonl").read_text() == plain.out


@pytest.mark.usefixtures("shipped")
def test_a_model_in_a_folder_is_named_by_its_path(
    emotone: Callable[..., Any], calls: Path, tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(tiny_bundle, tmp_path / "mine")
    monkeypatch.chdir(tmp_path)
    assert emotone("predict", calls, "--engine", "local", "--out", "out", "--model", "./mine").status == 0
    assert json.loads((tmp_path / "out/_run/job.json").read_text())["model"] == str(tmp_path / "mine")


@pytest.mark.usefixtures("shipped")
def test_many_failures_are_cut(emotone: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("".join(f"{number}.wav\n" for number in range(outputs.NAMED + 3)))
    result = emotone("predict", tmp_path / "list.txt", "--engine", "local", "--out", tmp_path / "out")
    assert result.status == 2
    assert f"and 3 more; all are in {tmp_path}/out/_failures.jsonl" in result.err
    assert len((tmp_path / "out/_failures.jsonl").read_text().splitlines()) == outputs.NAMED + 3


@pytest.mark.usefixtures("shipped")
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


@pytest.mark.usefixtures("shipped")
def test_progress_is_printed_after_pauses(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    times = iter([10.0, 10.0, 12.0, 16.0, 16.0])
    monkeypatch.setattr("time.monotonic", lambda: next(times))
    notes = outputs.SlowNotes()
    for line in ("one", "two", "three"):
        notes(line)
    assert capsys.readouterr().err == "emotone: one\nemotone: three\n"
