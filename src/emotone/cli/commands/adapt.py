"""`emotone adapt`: adapt a model to recordings without labels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from emotone.cli import console
from emotone.cli.failures import failure_messages
from emotone.cli.inputs import collect
from emotone.cli.progress import progress

if TYPE_CHECKING:
    from emotone.inference.result import Failure

SOME_FAILED = 1


@click.command(
    epilog="""\b
Examples:
  emotone adapt ./mine --recordings calls/ --out mine-calls
  emotone adapt ./mine --recordings "calls/*.wav" --recordings more/ --out mine-calls
  emotone predict new.wav --model mine-calls

Use at least ten recordings, of several speakers and with several emotions, that sound like those you will predict.
Adapt separately to different sources, such as the telephone and a studio.

\b
Exit status: 0 adapted to all recordings; 1 adapted, but some recordings failed and are listed; 2 wrong usage, or
nothing was written."""
)
@click.argument("model", metavar="NAME|DIR")
@click.option(
    "--recordings",
    "paths",
    multiple=True,
    required=True,
    metavar="PATH",
    help="A file, a folder or a pattern of recordings; repeat it for more.",
)
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, metavar="DIR", help="Folder of the adapted model."
)
@click.option("--quiet", is_flag=True, help="Hide progress and notes; still print errors.")
def command(*, model: str, paths: tuple[str, ...], out: Path, quiet: bool) -> int:
    """Adapt MODEL, a shipped model or the folder of one, to recordings without labels, and print the new folder.

    The model's statistics of voices, language, room and channel are replaced by those of the recordings. Nothing is
    trained, and results of the adapted model are marked as adapted.
    """
    from emotone.bundles.shipped import load
    from emotone.inference.adaptation import EmbeddingStatistics
    from emotone.inference.result import Failure

    statistics = EmbeddingStatistics(load(model))
    items = collect(paths).items
    failures: list[Failure] = []
    with progress(quiet=quiet) as bar:
        advance = bar.counter("recordings", len(items))
        for item in items:
            failure = item if isinstance(item, Failure) else statistics.attempt(item.path)
            failures += [failure] if failure is not None else []
            advance(1)
    for message in failure_messages(failures):
        console.error(message)
    adapted = statistics.adapted()
    written = adapted.bundle.write_adapted(out)
    for note in () if quiet else adapted.notes:
        console.note(note)
    click.echo(written.directory)
    return SOME_FAILED if failures else 0
