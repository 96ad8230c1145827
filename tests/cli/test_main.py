"""Subcommands are found by file, and every `EmotoneError` is one line and an exit status."""

from __future__ import annotations

import runpy
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import click
import pytest

from emotone.cli import main as command
from emotone.cli.main import COMMANDS, INTERRUPTED, cli
from emotone.errors import AudioError, BundleError, ConfigError, CorpusError, RunError

if TYPE_CHECKING:
    from collections.abc import Callable


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
