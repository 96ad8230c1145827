"""What a published table is: cells that each name what was measured, what was published, and how to measure it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from emotone.errors import unknown_name
from emotone.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

    from emotone.scoring.scores import Score

Changes: TypeAlias = tuple[tuple[str, Any], ...]
"""Settings of a recipe and their values; dots lead into tables, as in `net.hidden`."""

Status: TypeAlias = Literal["reproduced", "differs", "other data", "data absent", "not run"]


@dataclass(frozen=True)
class Cell:
    """One number of a table.

    Attributes:
        setting: the row's words, e.g. "IS10".
        column: the column's words, e.g. "each speaker scaled".
        corpus: registry name of the tested corpus.
        metric: of `emotone.scoring.scores`, e.g. "uar-fold-mean".
        published: in [0, 1]; None where nothing is.
        recipe: name of a shipped recipe.
        labels: label set.
        protocol: name of the protocol.
        quick: whether it is among the cells that `--quick` runs.
        home: the corpus that is trained on, where it is another one than the tested corpus; its cells of one recipe
            and protocol are one run over all given corpora, trained once.
        changes: settings in which it differs from the shipped recipe, e.g. `(("net.hidden", 100),)`.
        beside: further corpora of its run, without which it can't be measured.
        pool: further corpora of its run, as far as they are given; where there are any, one of them must be.

    """

    setting: str
    column: str
    corpus: str
    metric: str
    published: float | None
    recipe: str
    labels: str
    protocol: str
    quick: bool = False
    home: str = ""
    changes: Changes = ()
    beside: tuple[str, ...] = ()
    pool: tuple[str, ...] = ()

    def has(self, words: Iterable[str]) -> bool:
        """Return whether each of the words occurs in the cell's corpus, setting or column, as tables show them."""
        shown = f"{self.corpus}, {self.setting}, {self.column}"
        return all(word in shown for word in words)

    @property
    def needs(self) -> tuple[str, ...]:
        """The corpora without which it can't be measured."""
        return tuple(dict.fromkeys(name for name in (self.home, self.corpus, *self.beside) if name))

    def can_be_run(self, given: Container[str]) -> bool:
        """Return whether the corpora that are given are enough to measure it."""
        return all(name in given for name in self.needs) and (not self.pool or any(name in given for name in self.pool))


@dataclass(frozen=True)
class Table:
    """A table that can be made again.

    Attributes:
        name: as `emotone reproduce KEY NAME` calls it, e.g. "table2".
        title: one sentence.
        source: where the published numbers stand.
        note: what is like the publication and what is not, for the page.
        tolerance: largest distance from a published number that counts as reproduced, in [0, 1].
        cells: in the order of the page.
        runs: name of a folder of runs that several tables of the paper share; "" where this one has its own.

    """

    name: str
    title: str
    source: str
    note: str
    tolerance: float
    cells: tuple[Cell, ...]
    runs: str = ""

    def corpora(self) -> tuple[str, ...]:
        """Return the corpora that the cells need or can use, in their order."""
        return tuple(dict.fromkeys(name for cell in self.cells for name in (*cell.needs, *cell.pool)))

    def run_of(self, cell: Cell, *, given: Container[str]) -> tuple[str, ...]:
        """Return the corpora of the run that a cell is measured in: its own, or all given ones that share a home."""
        if not cell.home:
            return (*cell.needs, *(name for name in cell.pool if name in given))
        alike = (
            each
            for each in self.cells
            if (each.home, each.recipe, each.changes, each.labels, each.protocol)
            == (cell.home, cell.recipe, cell.changes, cell.labels, cell.protocol)
        )
        return tuple(dict.fromkeys(name for each in alike for name in each.needs if name in given))


@dataclass(frozen=True)
class Paper:
    """A publication, or a collection of published numbers.

    Attributes:
        key: as `emotone reproduce KEY` calls it.
        title: of the publication.
        citation: whole.
        tables: by name.

    """

    key: str
    title: str
    citation: str
    tables: tuple[Table, ...]

    def table(self, name: str) -> Table:
        """Return the table called `name`, or raise `UnknownNameError` with the nearest one."""
        by_name = {table.name: table for table in self.tables}
        if name not in by_name:
            raise unknown_name(f"table of {self.key}", name, by_name)
        return by_name[name]


@dataclass(frozen=True)
class Row:
    """A cell beside what was measured.

    Attributes:
        cell: what was asked.
        score: what was measured, or None.
        status: "reproduced" within the table's tolerance of what was published, "differs" otherwise; "other data"
            where the corpus at hand is another one, "data absent" where none was given, or no weights to take over,
            "not run" where `--quick` left it out.
        run: name of the run's folder; "" where there is none.

    """

    cell: Cell
    score: Score | None
    status: Status
    run: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the row that `emotone reproduce --json` promises."""
        ours = None if self.score is None else self.score.to_dict()
        return {
            "setting": f"{self.cell.setting}, {self.cell.column}",
            "corpus": self.cell.corpus,
            "metric": self.cell.metric,
            "published": self.cell.published,
            "ours": None if ours is None else ours["ours"],
            "protocol": self.cell.protocol,
            "speaker_independent": None if self.score is None else self.score.speaker_independent,
            "status": self.status,
            "run": self.run,
        }


PAPERS: Registry[Paper] = Registry("paper", "emotone.reproductions.papers", "PAPER")


def score_of(cell: Cell, scores: Iterable[Score]) -> Score | None:
    """Return the system's score that a cell asks for, or None where it is not among them."""
    wanted = (cell.corpus, "system", cell.metric)
    return next((score for score in scores if (score.corpus, score.setting, score.metric) == wanted), None)


def compared(score: Score, cell: Cell, *, tolerance: float) -> Status:
    """Return whether a score lies within `tolerance` of what was published.

    With nothing published it is "other data", and so it is where the recordings leave the score undefined: they are not
    those of the publication. Rounding of the published number is forgiven: both are compared to a tenth of a point.
    """
    if cell.published is None or score.value is None:
        return "other data"
    distance = abs(round(score.value, 3) - round(cell.published, 3))
    return "reproduced" if distance <= tolerance + 1e-9 else "differs"
