"""`emotone explain`: the moments and bands of frequencies that a label rests on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from emotone.cli import console
from emotone.cli.console import progress
from emotone.cli.options import channel_option, track_option
from emotone.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from emotone.audio.source import Track
    from emotone.inference.explanation import Explanation
    from emotone.inference.result import Selection
    from emotone.types import Seconds

BAR = 30  # characters of the largest importance
MIN_BAR = 0.01  # importance of a full bar at least: smaller ones are rounding


@click.command(
    epilog="""\b
Examples:
  emotone explain call.wav
  emotone explain call.wav --plot why.png
  # a part of a longer recording, and the probability of another label
  emotone explain call.wav --start 62.5 --end 70 --label anger
  emotone explain call.wav --model ./mine --json

\b
Exit status: 0 done, also where there is no speech; 2 wrong usage, or the recording can't be used."""
)
@click.argument("recording", metavar="FILE")
@click.option("--model", default="default", show_default=True, metavar="NAME|DIR", help="A shipped model or a folder.")
@click.option("--start", type=float, default=0.0, metavar="SECONDS", help="Where the part to explain begins.")
@click.option("--end", type=float, metavar="SECONDS", help="Where it ends, at most a minute later. Default: the end.")
@click.option("--label", metavar="LABEL", help="Whose probability is explained. Default: the label of the recording.")
@click.option(
    "--moment", type=float, metavar="SECONDS", help="Duration of a moment. Default: 0.3, less in short recordings."
)
@channel_option("each channel, which this command refuses")
@track_option
@click.option(
    "--plot", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE.png|svg", help="Draw the explanation."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with the prediction inside.")
@click.option("--quiet", is_flag=True, help="Hide progress bars.")
def command(
    *,
    recording: str,
    model: str,
    start: Seconds,
    end: Seconds | None,
    label: str | None,
    moment: Seconds | None,
    channel: Selection,
    track: Track,
    plot: Path | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Explain a label: which moments and bands of frequencies it rests on.

    Each moment of speech is muted, and each band is removed, and the probability of the label is computed again. Its
    fall is the importance of that part. A check then removes the most important moments together: the probability must
    fall more than without as many others.

    Importances state what the model used, not what the speaker felt.
    """
    from emotone.inference.model import load
    from emotone.inference.plot import check_installed, check_suffix

    if channel == "each":
        raise UsageError("--channel each was given; one channel can be explained: a number, or mix")
    if plot is not None:
        check_suffix(plot)
        check_installed()
    loaded = load(model)
    with progress(quiet=quiet) as bar:
        found = loaded.explain(
            recording,
            channel=channel,
            track=track,
            start=start,
            end=end,
            label=label,
            moment=moment,
            progress=lambda done, total: bar.stage("predictions", done, total),
        )
    if plot is not None:
        found.plot(plot)
    if as_json:
        console.print_json(found.to_dict())
    else:
        for line in _lines(found, start):
            click.echo(line)
    return 0


def _lines(found: Explanation, start: Seconds) -> Iterator[str]:
    """Yield the explanation as text; times are those of the whole recording."""
    from emotone.inference.display import clock, printable

    model, name = found.prediction.model, printable(found.prediction.file or "samples")
    if found.label is None:
        yield f"{name}, model {model.name} {model.version}: no speech, so there is no label to explain"
        return
    share = found.prediction.clip.probabilities[found.label]
    yield f"{name}, model {model.name} {model.version}: {found.label} {100 * share:.0f} %"
    importances = [*(one.importance for one in found.moments), *(one.importance for one in found.bands)]
    largest = max(MIN_BAR, *map(abs, importances))
    yield ""
    yield f"fall of the probability of {found.label} without each moment (x 100):"
    for moment in found.moments:
        times = f"{clock(start + moment.start):>9} {clock(start + moment.end):>9}"
        yield f"  {times}  {_bar(moment.importance, largest)}".rstrip()
    yield "without each band of frequencies:"
    for band in found.bands:
        yield f"  {band.low:>9} {band.high:>6} Hz  {_bar(band.importance, largest)}".rstrip()
    yield ""
    yield found.check()


def _bar(importance: float, largest: float) -> str:
    mark = "+" if importance > 0 else "-"
    return f"{100 * importance:>+6.1f}  {mark * round(BAR * abs(importance) / largest)}"
