"""The command `emotone`: finds its subcommands by file, and prints every `EmotoneError` as one line.

Exit status: 0 all done; 1 some inputs failed; 2 wrong usage, or nothing could be done; 130 interrupted; 141 the output
pipe was closed.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

import emotone
from emotone.cli import console
from emotone.errors import EmotoneError
from emotone.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Sequence

FAILED, INTERRUPTED, PIPE_CLOSED = 2, 130, 141
COMMANDS: Registry[click.Command] = Registry("command", "emotone.cli.commands", "command")


class LazyGroup(click.Group):
    """A group whose commands are the modules of `emotone.cli.commands`, imported when they are called or listed."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the names of all commands."""
        return list(COMMANDS.names)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Return a command, or None if there is no such file."""
        return COMMANDS.get(cmd_name) if cmd_name in COMMANDS.names else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that the first argument names; raise `UnknownNameError` with the nearest name."""
        if args and not args[0].startswith("-"):
            COMMANDS.get(args[0])
        return super().resolve_command(ctx, args)


@click.group(
    cls=LazyGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="""\b
Examples:
  # recognise emotions in a recording, with timestamps
  emotone predict call.wav
  # in all recordings of a folder, one JSON object per line
  emotone predict recordings/ --format jsonl --workers 2 > results.jsonl
  # fine-tune the shipped model on labelled recordings, and export the result
  emotone train --from small-open --transfer A5 --corpus calls=calls.csv
  emotone models export runs/default-0123456789ab --out mine
  # measure how well a model works for speakers that it does not know
  emotone evaluate --model mine --corpus other=other.csv

\b
Results go to standard output; notes, progress and errors go to standard error.
Exit status: 0 all done; 1 some inputs failed; 2 wrong usage, or nothing could be done.""",
)
@click.version_option(emotone.__version__, message="emotone %(version)s")
@click.pass_context
def cli(context: click.Context) -> None:
    """Speech emotion recognition: predict emotions in recordings, and train and evaluate models."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help(), err=True)
        context.exit(FAILED)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and exit with its status.

    Args:
        arguments: of the command line, without the name of the program; None takes `sys.argv`.

    """
    # Set before NumPy is imported. Its matrix products are small here, so that synchronising threads takes longer than
    # it saves (8 times longer on a busy machine). Parallel work uses processes.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status; only defects of emotone raise."""
    try:
        status = _invoke(arguments)
        sys.stdout.flush()
    except (BrokenPipeError, SystemExit):  # click turns a broken pipe, and nothing else, into SystemExit
        # The interpreter flushes standard output again at its exit, which must not fail.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    except OSError as error:  # e.g. a full disk; functions that read or write files raise their own errors
        console.error(f"{error.filename or 'standard output'}: {error.strerror or error}")
        return FAILED
    return status


def _invoke(arguments: Sequence[str] | None) -> int:
    try:
        result = cli.main(None if arguments is None else list(arguments), prog_name="emotone", standalone_mode=False)
    except click.UsageError as error:
        page = f"{error.ctx.command_path} --help" if error.ctx else "emotone --help"
        console.error(f"{error.format_message().rstrip('.')}; see: {page}")
        return FAILED
    except click.ClickException as error:
        console.error(error.format_message())
        return FAILED
    except EmotoneError as error:
        console.error(error)
        return FAILED
    except (KeyboardInterrupt, click.Abort):
        console.note("interrupted")
        return INTERRUPTED
    return result if isinstance(result, int) else 0
