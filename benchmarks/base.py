"""What a benchmark is: a module with `BENCHMARK`, whose outcome is bounds that must hold and rows for a table."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from emotone.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Check:
    """One number and the bound that it must keep.

    Attributes:
        name: what was measured.
        value: the number.
        relation: which side of the limit is good.
        limit: the bound.
        unit: of both.

    """

    name: str
    value: float
    relation: Literal["<", "<=", ">="]
    limit: float
    unit: str

    @property
    def holds(self) -> bool:
        """Whether the bound is kept; a number that is not a number keeps none."""
        if self.relation == "<":
            return self.value < self.limit
        return self.value <= self.limit if self.relation == "<=" else self.value >= self.limit


@dataclass(frozen=True)
class Outcome:
    """What one benchmark found.

    Attributes:
        title: one line.
        method: how it was measured, in a sentence or two.
        checks: bounds.
        header: of the table.
        rows: of the table.
        skipped: why nothing was measured; "" where it was.

    """

    title: str
    method: str
    checks: tuple[Check, ...] = ()
    header: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = field(default=())
    skipped: str = ""


@dataclass(frozen=True)
class Setting:
    """What every benchmark is told.

    Attributes:
        model: a shipped name or a bundle's folder.
        quick: fewer clips and repeats, for a first look; the bounds stay.
        folder: for temporary files.

    """

    model: str
    quick: bool
    folder: Path

    @property
    def shared(self) -> Path | None:
        """The folder of real recordings: `$EMOTONE_SHARED`, or `../shared` beside the repository."""
        given = Path(os.environ.get("EMOTONE_SHARED", ROOT.parent / "shared"))
        return given if (given / "corpora").is_dir() else None


@dataclass(frozen=True)
class Benchmark:
    """A benchmark. `run` measures; it raises only for our own mistakes, a bound that fails is in its outcome."""

    run: Callable[[Setting], Outcome]


BENCHMARKS: Registry[Benchmark] = Registry("benchmark", "benchmarks.members", "BENCHMARK")
