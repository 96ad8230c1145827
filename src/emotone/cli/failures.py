"""Messages for recordings that failed; one message for many files with the same cause."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from emotone.audio.identify import message_for_many
from emotone.cli import console

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from emotone.features.store import ExtractionProblem
    from emotone.inference.result import Failure


def failure_messages(failures: Sequence[Failure]) -> Iterator[str]:
    """Yield one message per failure, except that Git LFS pointers share one, and so do web pages.

    The message for many is in the place of the first of them.
    """
    return _messages([(failure.code, failure.file, _message(failure)) for failure in failures])


def report_left_out(problems: Sequence[ExtractionProblem]) -> None:
    """Print the recordings of a corpus that can't be used, those of `failure_messages` with one message."""
    for message in _messages([(problem.code, problem.key, problem.message) for problem in problems]):
        console.error(f"left out: {message}")


def _messages(failed: Sequence[tuple[str, str, str]]) -> Iterator[str]:
    """Yield different messages for failed recordings, each a code, a name and a message of its own."""
    names: dict[str, list[str]] = {}
    for code, name, _ in failed:
        names.setdefault(code, []).append(name)
    together = {code: message_for_many(code, alike) for code, alike in names.items()}
    yield from dict.fromkeys(together[code] or message for code, _, message in failed)


def _message(failure: Failure) -> str:
    # Audio errors name files as `Path` writes them: `./a.wav` becomes `a.wav`.
    named = failure.message.startswith((failure.file, str(Path(failure.file)), "standard input"))
    return failure.message if named else f"{failure.file}: {failure.message}"
