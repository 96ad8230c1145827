"""Published tables as data: cells, each with the published number and the evaluation that reproduces it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from emotone.errors import unknown_name
from emotone.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Mapping, Sequence

    from emotone.scoring.predictions import PredictionsTable
    from emotone.scoring.scores import Score
    from emotone.types import Utterance

Changes: TypeAlias = tuple[tuple[str, Any], ...]
"""Settings of a recipe with their values; dots separate tables and keys, as in `net.hidden`."""
CellKey: TypeAlias = tuple[str, str, str, str]
"""Row id, column id, corpus and metric: unique in a table, and the key of stored results."""
Status: TypeAlias = Literal["reproduced", "differs", "other data", "data absent", "not run"]


@dataclass(frozen=True)
class Heading:
    """The heading of a row or a column.

    Attributes:
        id: key of stored results; it never changes.
        title: text on pages and in the terminal.

    """

    id: str
    title: str

    def __str__(self) -> str:
        return self.title


@dataclass(frozen=True)
class Combination:
    """A system that is computed from the predictions of others (see `emotone.reproductions.cells`).

    Attributes:
        name: as that of a recipe.
        recipes: names of shipped recipes; they are evaluated with the changes of the cell.
        compute: returns the predictions of the combination, from those of the recipes in their order.
        version: changes whenever `compute` gives other numbers.

    """

    name: str
    recipes: tuple[str, ...]
    compute: Callable[[Sequence[PredictionsTable]], PredictionsTable]
    version: int = 1


@dataclass(frozen=True)
class Cell:
    """One number of a table.

    Attributes:
        row: heading of the row, e.g. "IS10".
        column: heading of the column, e.g. "random folds".
        corpus: registry name of the tested corpus.
        metric: name in `emotone.scoring.scores`, e.g. "uar-fold-mean".
        published: value in [0, 1]; None if none is published.
        recipe: name of a shipped recipe, or the path of a recipe's file; of a combination, its first recipe.
        labels: name of the label set.
        protocol: name of the protocol.
        quick: whether `--quick` runs the cell.
        train_corpus: training corpus, if it is not the tested corpus. Cells that share it, the recipe and the protocol
            are one run, trained once and tested on every given corpus.
        changes: settings that differ from the recipe, e.g. `(("net.hidden", 100),)`.
        other_corpora: further corpora that the run requires.
        optional_corpora: further corpora that the run uses if they are given; if there are any, one is required.
        combination: what is computed from the recipe's predictions and those of others; None if nothing is.

    """

    row: Heading
    column: Heading
    corpus: str
    metric: str
    published: float | None
    recipe: str
    labels: str
    protocol: str
    quick: bool = False
    train_corpus: str = ""
    changes: Changes = ()
    other_corpora: tuple[str, ...] = ()
    optional_corpora: tuple[str, ...] = ()
    combination: Combination | None = None

    @property
    def title(self) -> str:
        """Titles of the row and the column."""
        return f"{self.row}, {self.column}"

    @property
    def key(self) -> CellKey:
        """Key of the cell in stored results."""
        return self.row.id, self.column.id, self.corpus, self.metric

    def matches(self, words: Iterable[str]) -> bool:
        """Return whether each of the words occurs in the cell's corpus, row or column, as tables print them."""
        shown = f"{self.corpus}, {self.title}"
        return all(word in shown for word in words)

    @property
    def required_corpora(self) -> tuple[str, ...]:
        """All corpora that the run requires."""
        return tuple(dict.fromkeys(name for name in (self.train_corpus, self.corpus, *self.other_corpora) if name))

    def is_runnable(self, given: Container[str]) -> bool:
        """Return whether the given corpora are sufficient."""
        optional = self.optional_corpora
        return all(name in given for name in self.required_corpora) and (
            not optional or any(name in given for name in optional)
        )


@dataclass(frozen=True)
class PublishedTable:
    """A table of a publication.

    Attributes:
        name: argument of `emotone reproduce KEY NAME`, e.g. "table2".
        title: one sentence.
        source: place of the published numbers.
        note: how the experiment relates to the publication, for pages.
        tolerance: largest difference from a published number that counts as reproduced, in [0, 1].
        cells: in the order of the page.

    """

    name: str
    title: str
    source: str
    note: str
    tolerance: float
    cells: tuple[Cell, ...]

    def corpora(self) -> tuple[str, ...]:
        """Return the corpora that the cells require or can use, in the order of the cells."""
        names = (name for cell in self.cells for name in (*cell.required_corpora, *cell.optional_corpora))
        return tuple(dict.fromkeys(names))

    def run_corpora(self, cell: Cell, *, given: Container[str]) -> tuple[str, ...]:
        """Return the corpora of a cell's run: its own, or those of all cells with the same training."""
        if not cell.train_corpus:
            return (*cell.required_corpora, *(name for name in cell.optional_corpora if name in given))
        same_run = (each for each in self.cells if _training(each) == _training(cell))
        names = (name for each in same_run for name in each.required_corpora if name in given)
        return tuple(dict.fromkeys(names))


@dataclass(frozen=True)
class PublishedFigure:
    """A figure of a publication that is computed from recordings.

    Attributes:
        name: argument of `emotone reproduce KEY NAME`, e.g. "figure4".
        title: what it shows.
        corpora: that it requires.
        compute: returns its data, which can be stored as JSON, from the utterances of each corpus.
        draw: returns the data as SVG.
        any_of: further corpora that it uses if they are given; if there are any, one is required.
        compute_with: does the same with further encoders of the user's; None where it can't have any.

    """

    name: str
    title: str
    corpora: tuple[str, ...]
    compute: Callable[[Mapping[str, Sequence[Utterance]]], dict[str, Any]]
    draw: Callable[[Mapping[str, Any]], str]
    any_of: tuple[str, ...] = ()
    compute_with: Callable[[Mapping[str, Sequence[Utterance]], Sequence[str]], dict[str, Any]] | None = None


@dataclass(frozen=True)
class Paper:
    """A publication, or a collection of published numbers.

    Attributes:
        key: argument of `emotone reproduce KEY`.
        title: title of the publication.
        citation: complete citation.
        tables: in the order of the publication.
        figures: those that are computed from recordings.

    """

    key: str
    title: str
    citation: str
    tables: tuple[PublishedTable, ...]
    figures: tuple[PublishedFigure, ...] = ()

    def table(self, name: str) -> PublishedTable:
        """Return the table called `name`, or raise `UnknownNameError` with the nearest name."""
        by_name = {table.name: table for table in self.tables}
        if name not in by_name:
            raise unknown_name(f"table of {self.key}", name, (*by_name, *(figure.name for figure in self.figures)))
        return by_name[name]

    def figure(self, name: str) -> PublishedFigure | None:
        """Return the figure called `name`, or None if there is none."""
        return next((figure for figure in self.figures if figure.name == name), None)


@dataclass(frozen=True)
class CellResult:
    """A cell with its measured score.

    Attributes:
        cell: the published number and how to reproduce it.
        score: measured score, or None.
        status: "reproduced" within the table's tolerance of the published number, "differs" outside; "other data" if
            nothing is published for this corpus; "data absent" if a corpus or weights were not given; "not run" if
            the cell was not selected.
        run: name of the run's folder; "" without a run.

    """

    cell: Cell
    score: Score | None
    status: Status
    run: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the row of `emotone reproduce --json`."""
        ours = None if self.score is None else self.score.to_dict()
        return {
            "row": self.cell.row.id,
            "column": self.cell.column.id,
            "setting": self.cell.title,
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


def key_of(stored: Mapping[str, Any]) -> CellKey:
    """Return the cell's key in a stored row (see `CellResult.to_dict`)."""
    return stored["row"], stored["column"], stored["corpus"], stored["metric"]


def score_of(cell: Cell, scores: Iterable[Score]) -> Score | None:
    """Return the system's score for a cell, or None if it is not among them."""
    wanted = (cell.corpus, "system", cell.metric)
    return next((score for score in scores if (score.corpus, score.setting, score.metric) == wanted), None)


def status_of(score: Score, cell: Cell, *, tolerance: float) -> Status:
    """Return "reproduced" if a score is within `tolerance` of the published number, else "differs".

    The status is "other data" if nothing is published, or if the score is undefined on the recordings. Both numbers
    are rounded to a tenth of a percentage point first, as published numbers are.
    """
    if cell.published is None or score.value is None:
        return "other data"
    distance = abs(round(score.value, 3) - round(cell.published, 3))
    return "reproduced" if distance <= tolerance + 1e-9 else "differs"


def by_place(results: Iterable[CellResult]) -> dict[tuple[str, str, str], CellResult]:
    """Return results by corpus, row id and column id."""
    return {(each.cell.corpus, each.cell.row.id, each.cell.column.id): each for each in results}


def _training(cell: Cell) -> tuple[object, ...]:
    return cell.train_corpus, cell.recipe, cell.changes, cell.labels, cell.protocol
