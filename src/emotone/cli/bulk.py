"""`emotone predict --engine NAME`: the results of an archive in parts, on this machine or on a cluster."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from click.core import ParameterSource

from emotone.cli import console
from emotone.cli.console import failure_messages
from emotone.cli.options import PART_SIZE
from emotone.errors import UsageError

if TYPE_CHECKING:
    import click

    from emotone.scale.bulk import Outcome

FORMAT = "parquet"  # where none is given
NAMED = 20  # failures that are printed; all are in a file
PAUSE = 5.0  # seconds between lines on progress
NOT_TOGETHER = {
    "plot": "it draws one recording",
    "overwrite": "--resume continues a run, and another folder starts one",
    "adapt": "--adapt-by COLUMN adapts to groups of a manifest; or make the adapted model first, with emotone adapt, "
    "and pass its folder as --model",
    "all_utterances": "it changes text only",
    "verbose": "the log of many processes would be mixed",
}
"""Options that a bulk run can't have, each with the reason or what to do."""


def predict_in_bulk(context: click.Context) -> int:
    """Run `emotone predict --engine` with the options of this command; return the exit status.

    Raises:
        UsageError: options that can't be combined.
        EmotoneError: as for `emotone.scale.bulk.predict_bulk`.

    """
    from emotone.bundles.library import shipped_names
    from emotone.inference.model import load
    from emotone.scale.bulk import predict_bulk
    from emotone.scale.engine import ENGINES
    from emotone.scale.job import Job
    from emotone.scale.store import open_store

    given: dict[str, Any] = context.params
    out, quiet = given["out"], given["quiet"]
    ENGINES.get(given["engine"])
    if out is None:
        raise UsageError("--engine writes results in parts; add --out DIR, a folder or a URL")
    for name, reason in NOT_TOGETHER.items():
        if given[name]:
            raise UsageError(f"--engine was given with --{name.replace('_', '-')}: {reason}")
    by_default = context.get_parameter_source("format_name") is ParameterSource.DEFAULT
    loaded = load(given["model"])
    job = Job(
        arguments=tuple(given["paths"]),
        model=given["model"] if given["model"] in shipped_names() else str(loaded.bundle.directory.resolve()),
        sha256=loaded.bundle.sha256,
        labels=loaded.labels,
        channel=given["channel"],
        track=given["track"],
        format=FORMAT if by_default else given["format_name"],
        rows=given["rows"],
        part_size=given["part_size"] or PART_SIZE,
        adapt_by=given["adapt_by"] or "",
    )
    outcome = predict_bulk(
        open_store(out),
        job,
        model=loaded,
        engine=given["engine"],
        workers=given["workers"],
        address=given["address"],
        again=given["resume"],
        report=(lambda _: None) if quiet else SlowNotes(),
    )
    return _conclude(outcome, out=out, quiet=quiet)


class SlowNotes:
    """Prints the first line, and later ones after a pause."""

    def __init__(self) -> None:
        self._next = 0.0

    def __call__(self, line: str) -> None:
        """Print a line, unless one was printed just before."""
        if time.monotonic() >= self._next:
            console.note(line)
            self._next = time.monotonic() + PAUSE


def _conclude(outcome: Outcome, *, out: str, quiet: bool) -> int:
    """Print the failures and a summary; return the exit status."""
    from emotone.scale.run import FAILURES

    failures = outcome.failures
    messages = list(failure_messages(failures))
    for message in messages[:NAMED]:
        console.error(message)
    if len(messages) > NAMED:
        console.error(f"and {len(messages) - NAMED} more; all are in {out}/{FAILURES}")
    failed = len({one.file for one in failures})
    if not quiet:
        console.note(outcome.speed)
        console.note(f"{outcome.recordings - failed} of {outcome.recordings} in {outcome.parts} parts in {out}")
    if not failures:
        return 0
    return 1 if failed < outcome.recordings else 2
