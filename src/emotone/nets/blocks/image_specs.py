"""What the specs of nets on spectrograms share, without torch: patch, classifier, and how both are checked."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from emotone.errors import ConfigError
from emotone.nets.base import Layer, modules

if TYPE_CHECKING:
    from types import ModuleType

ROWS = 96  # of a patch: 0.96 s


def parts() -> ModuleType:
    """Return the building blocks on patches, or raise the error that names the extra which brings torch."""
    modules()
    import emotone.nets.blocks.image as made

    return made


def check(net: str, *, width: float, offset: float, hidden: int, dropout: float) -> None:
    """Check the settings that nets on patches share.

    Raises:
        ConfigError: one is out of range.

    """
    if not offset > 0:
        raise ConfigError(f"{net} needs offset > 0, the front end's; given {offset}")
    check_common(net, width=width, hidden=hidden, dropout=dropout)


def check_common(net: str, *, width: float, hidden: int, dropout: float) -> None:
    """Check the settings of every net to be taken over.

    Raises:
        ConfigError: one is out of range.

    """
    if not (width > 0 and math.isfinite(width)):
        raise ConfigError(f"{net} needs width > 0; given {width}")
    if hidden < 0:
        raise ConfigError(f"{net} needs hidden >= 0, where 0 is no hidden layer; given {hidden}")
    check_dropout(net, dropout)


def check_dropout(net: str, dropout: float) -> None:
    """Check a share of values that are dropped.

    Raises:
        ConfigError: it is out of range.

    """
    if not 0 <= dropout < 1:
        raise ConfigError(f"{net} needs 0 <= dropout < 1; given {dropout}")


def patch_layer(dimension: int) -> Layer:
    """Return the row of the layer table for the patch: all that the net sees of time."""
    return Layer("patch", f"the first {ROWS} rows", f"1 x {ROWS} x {dimension}", 0, ROWS)


def classifier_layer(inputs: int, *, hidden: int, classes: int) -> Layer:
    """Return the row of the layer table for the classifier."""
    if not hidden:
        return Layer("classifier", "dropout, linear", f"{classes}", (inputs + 1) * classes)
    count = (inputs + 1) * hidden + (hidden + 1) * classes
    return Layer("classifier", f"dropout, linear {hidden}, ReLU, dropout, linear", f"{classes}", count)


def widened(channels: int, width: float) -> int:
    """Return a number of channels times the width of a net, at least 1."""
    return max(1, round(channels * width))
