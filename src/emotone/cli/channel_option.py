"""The options `--channel` (a number from 0, `mix` or `each`) and `--track` (a number from 0, `default` or `all`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    from emotone.audio.source import Track
    from emotone.inference.result import Selection


def _channel(context: click.Context, parameter: click.Parameter, value: str) -> Selection:
    """Return the channel of an option; raise `BadParameter` for anything else."""
    if value in {"mix", "each"}:
        return cast("Selection", value)
    if not value.isdecimal():
        raise click.BadParameter(f"'{value}' was given; allowed: a number from 0, mix, or each", context, parameter)
    return int(value)


def _track(context: click.Context, parameter: click.Parameter, value: str) -> Track:
    """Return the audio track of an option; raise `BadParameter` for anything else."""
    if value in {"default", "all"}:
        return cast("Track", value)
    if not value.isdecimal():
        raise click.BadParameter(f"'{value}' was given; allowed: a number from 0, default, or all", context, parameter)
    return int(value)


def channel_option(help_text: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return the option `--channel`; the text says what a command does with every channel."""
    return click.option(
        "--channel",
        callback=_channel,
        default="mix",
        show_default=True,
        metavar="N|mix|each",
        help=f"A channel, counted from 0; the mean of all; or {help_text}.",
    )


track_option = click.option(
    "--track",
    callback=_track,
    default="default",
    show_default=True,
    metavar="N|default|all",
    help="Audio track of a video or container, counted from 0; all puts the channels of all tracks together.",
)
"""The option `--track`."""
