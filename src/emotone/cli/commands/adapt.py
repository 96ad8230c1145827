"""`emotone adapt`: adapt a model to recordings without labels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from emotone.cli import console
from emotone.cli.console import failure_messages
from emotone.cli.options import channel_option, track_option
from emotone.inference.inputs import collect

if TYPE_CHECKING:
    from emotone.audio.source import Track
    from emotone.inference.result import Selection

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
@channel_option("every channel as a recording of its own")
@track_option
@click.option("--quiet", is_flag=True, help="Hide progress and notes; still print errors.")
def command(*, model: str, paths: tuple[str, ...], out: Path, channel: Selection, track: Track, quiet: bool) -> int:
    """Adapt MODEL, a shipped model or the folder of one, to recordings without labels, and print the new folder.

    The model's statistics of voices, language, room and channel are replaced by those of the recordings. Nothing is
    trained, and results of the adapted model are marked as adapted.
    """
    from emotone.bundles.library import load
    from emotone.cli.adapting import adapt_to

    adapted, failures = adapt_to(load(model), collect(paths).items, channel=channel, track=track, quiet=quiet)
    for message in failure_messages(failures):
        console.error(message)
    click.echo(adapted.write_adapted(out).directory)
    return SOME_FAILED if failures else 0
