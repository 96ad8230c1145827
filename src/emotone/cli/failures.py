"""Messages for recordings that failed; one message for many files with the same cause."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from emotone.inference.result import Failure

GROUPED = {
    "git_lfs_pointer": (
        "are Git LFS pointers, not the recordings; run 'git lfs install' and 'git lfs pull' in their repository"
    ),
    "html_page": "are HTML or XML pages, not recordings (failed downloads?); download them again",
}
"""Messages for several files with the same code."""
NAMED = 3  # files that a message for many names


def failure_messages(failures: Sequence[Failure]) -> Iterator[str]:
    """Yield one message per failure, except that files with one of the codes above share a message.

    The message for many is in the place of the first of them.
    """
    by_code: dict[str, list[Failure]] = {}
    for failure in failures:
        by_code.setdefault(failure.code, []).append(failure)
    for failure in failures:
        alike = by_code[failure.code]
        if failure.code not in GROUPED or len(alike) == 1:
            yield _message(failure)
        elif failure is alike[0]:
            names = ", ".join(one.file for one in alike[:NAMED])
            more = f" and {len(alike) - NAMED} more" if len(alike) > NAMED else ""
            yield f"{len(alike)} files {GROUPED[failure.code]}: {names}{more}"


def _message(failure: Failure) -> str:
    # Audio errors name files as `Path` writes them: `./a.wav` becomes `a.wav`.
    named = failure.message.startswith((failure.file, str(Path(failure.file)), "standard input"))
    return failure.message if named else f"{failure.file}: {failure.message}"
