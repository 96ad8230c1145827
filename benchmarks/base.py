"""Benchmarks: modules with a `BENCHMARK`, which returns bounds and the rows of a table."""

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
    """A measured number with its bound.

    Attributes:
        name: what was measured.
        value: the number.
        relation: of the number to the limit.
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
        """Whether the number satisfies its bound; NaN does not."""
        if self.relation == "<":
            return self.value < self.limit
        return self.value <= self.limit if self.relation == "<=" else self.value >= self.limit


@dataclass(frozen=True)
class Outcome:
    """Result of a benchmark.

    Attributes:
        title: one line.
        method: description of the measurement, in a few sentences.
        checks: bounds.
        header: of the table.
        rows: of the table.
        skipped: reason why nothing was measured; "" if it was.

    """

    title: str
    method: str
    checks: tuple[Check, ...] = ()
    header: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = field(default=())
    skipped: str = ""


@dataclass(frozen=True)
class Setting:
    """Arguments of every benchmark.

    Attributes:
        model: name of a shipped model, or folder of a bundle.
        quick: fewer clips and repetitions, with the same bounds.
        folder: for temporary files.

    """

    model: str
    quick: bool
    folder: Path

    @property
    def shared(self) -> Path | None:
        """The folder of real recordings: `$EMOTONE_SHARED`, or `../shared` next to the repository."""
        given = Path(os.environ.get("EMOTONE_SHARED", ROOT.parent / "shared"))
        return given if (given / "corpora").is_dir() else None


@dataclass(frozen=True)
class Benchmark:
    """A benchmark. `run` measures; a violated bound is part of its outcome, not an exception."""

    run: Callable[[Setting], Outcome]


BENCHMARKS: Registry[Benchmark] = Registry("benchmark", "benchmarks.members", "BENCHMARK")
