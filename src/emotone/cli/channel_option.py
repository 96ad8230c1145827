"""The options `--channel` (a number from 0, `mix` or `each`) and `--track` (a number from 0, `default` or `all`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import click

if TYPE_CHECKING:
    from emotone.audio.tracks import Track
    from emotone.inference.result import Selection


def read_channel(context: click.Context, parameter: click.Parameter, value: str) -> Selection:
    """Return the channel of an option; raise `BadParameter` for anything else."""
    if value in {"mix", "each"}:
        return cast("Selection", value)
    if not value.isdecimal():
        raise click.BadParameter(f"'{value}' was given; allowed: a number from 0, mix, or each", context, parameter)
    return int(value)


def read_track(context: click.Context, parameter: click.Parameter, value: str) -> Track:
    """Return the audio track of an option; raise `BadParameter` for anything else."""
    if value in {"default", "all"}:
        return cast("Track", value)
    if not value.isdecimal():
        raise click.BadParameter(f"'{value}' was given; allowed: a number from 0, default, or all", context, parameter)
    return int(value)
