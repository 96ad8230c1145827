"""The command: finds its subcommands by file, and turns every error of a user into one line and an exit status.

Exit status: 0 all done; 1 some inputs failed; 2 wrong usage, or nothing could be done; 130 interrupted; 141 the reader
of the output went away.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

import emotone
from emotone.cli import console as _say
from emotone.errors import EmotoneError
from emotone.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Sequence

FAILED, INTERRUPTED, NOBODY_READS = 2, 130, 141
COMMANDS: Registry[click.Command] = Registry("command", "emotone.cli.commands", "command")


class LazyGroup(click.Group):
    """A group whose commands are the modules of `emotone.cli`, imported when they are called or listed."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return every command's name."""
        return list(COMMANDS.names)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Return a command, or None where there is no such file."""
        return COMMANDS.get(cmd_name) if cmd_name in COMMANDS.names else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that the first argument names; an unknown one gets a suggestion."""
        if args and not args[0].startswith("-"):
            COMMANDS.get(args[0])
        return super().resolve_command(ctx, args)


@click.group(
    cls=LazyGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="""\b
Examples:
  emotone predict call.wav
  emotone predict recordings/ --format jsonl --workers 2 > results.jsonl
  emotone models list

Results go to standard output, everything else to standard error.
Exit status: 0 all done, 1 some inputs failed, 2 wrong usage or nothing could be done.""",
)
@click.version_option(emotone.__version__, message="emotone %(version)s")
@click.pass_context
def cli(context: click.Context) -> None:
    """Hear how something was said: speech emotion recognition."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help(), err=True)
        context.exit(FAILED)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and exit with its status.

    Args:
        arguments: of the command line, without the program's name; None takes the process's own.

    """
    # Before NumPy is loaded: its matrix products are small here, and threads that wait for each other cost more
    # than they save (8 times more on a busy machine). Parallel work is done by processes.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status; only our own mistakes leave a traceback."""
    try:
        status = _invoke(arguments)
        sys.stdout.flush()
    except (BrokenPipeError, SystemExit):  # click turns a broken pipe into an exit, and nothing else
        # Python flushes standard output once more at its end, which must not fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return NOBODY_READS
    except OSError as error:  # a full disk, mostly: what reads and writes files says its own errors
        _say.error(f"{error.filename or 'standard output'}: {error.strerror or error}")
        return FAILED
    return status


def _invoke(arguments: Sequence[str] | None) -> int:
    try:
        result = cli.main(None if arguments is None else list(arguments), prog_name="emotone", standalone_mode=False)
    except click.UsageError as error:
        page = f"{error.ctx.command_path} --help" if error.ctx else "emotone --help"
        _say.error(f"{error.format_message().rstrip('.')}; see: {page}")
        return FAILED
    except click.ClickException as error:
        _say.error(error.format_message())
        return FAILED
    except EmotoneError as error:
        _say.error(error)
        return FAILED
    except (KeyboardInterrupt, click.Abort):
        _say.note("interrupted")
        return INTERRUPTED
    return result if isinstance(result, int) else 0
