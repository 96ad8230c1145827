"""The option `--channel`: a number from 0, `mix` or `each`."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import click

if TYPE_CHECKING:
    from emotone.inference.result import Selection


def read_channel(context: click.Context, parameter: click.Parameter, value: str) -> Selection:
    """Return the channel of an option; raise `BadParameter` for anything else."""
    if value in {"mix", "each"}:
        return cast("Selection", value)
    if not value.isdecimal():
        raise click.BadParameter(f"'{value}' was given; allowed: a number from 0, mix, or each", context, parameter)
    return int(value)
