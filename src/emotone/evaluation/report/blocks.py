"""What a report is made of, whatever the format: plain text and numbers, with nothing escaped or marked up yet."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

NUMBER = re.compile(r"[-+<]?\s?[\d.]")  # how a cell starts that belongs on the right
NOTHING = frozenset({"-", "", "not known", "not recorded"})
PROSE = 36  # characters; a column with longer cells is text, and may be broken into lines
LONG, SHOWN = 30, 20  # rows: of a longer table the first are shown, and the others can be opened where that is possible

Kind: TypeAlias = Literal["plain", "headline", "warning", "note"]


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph."""

    text: str
    kind: Kind = "plain"


@dataclass(frozen=True, slots=True)
class Code:
    """Lines to be copied as they are: a command or a file."""

    text: str
    language: Literal["text", "toml"] = "text"


@dataclass(frozen=True)
class Table:
    """A table; its first column names the rows.

    Attributes:
        caption: what it shows, as a sentence.
        header: names of the columns.
        rows: cells, as many as there are columns.
        shares: where the table is a heat map: numbers in [0, 1] of all cells, or None for a cell without colour.

    """

    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    shares: tuple[tuple[float | None, ...], ...] = ()

    @property
    def numeric(self) -> tuple[bool, ...]:
        """Whether each column holds numbers."""
        return tuple(
            index > 0 and all(row[index] in NOTHING or NUMBER.match(row[index]) for row in self.rows)
            for index in range(len(self.header))
        )

    @property
    def prose(self) -> tuple[bool, ...]:
        """Whether each column holds text that may be broken into lines."""
        return tuple(any(len(row[index]) > PROSE for row in self.rows) for index in range(len(self.header)))

    @property
    def shown(self) -> int:
        """How many rows are shown at once."""
        return SHOWN if len(self.rows) > LONG else len(self.rows)

    def share(self, row: int, column: int) -> float | None:
        """Return the number behind a cell's colour."""
        return self.shares[row][column] if self.shares else None


@dataclass(frozen=True, slots=True)
class Figure:
    """One or several pictures of one kind; what they show stands in a table too.

    Attributes:
        pictures: what each is, in words for those who can't see it, and its SVG.
        caption: how to read them.
        size: "small" pictures stand beside each other, the others alone on their lines.
        names: what stands above each picture, where there are several.

    """

    pictures: tuple[tuple[str, str], ...]
    caption: str
    size: Literal["small", "medium", "wide"] = "medium"
    names: tuple[str, ...] = ()


Block: TypeAlias = Text | Code | Table | Figure


@dataclass(frozen=True)
class Section:
    """A heading and what stands below it.

    Attributes:
        title: of the section.
        anchor: letters, digits and hyphens; unique in the document.
        blocks: in order.
        sections: below this one.

    """

    title: str
    anchor: str
    blocks: tuple[Block, ...] = ()
    sections: tuple[Section, ...] = field(default=())


@dataclass(frozen=True)
class Document:
    """A whole report."""

    title: str
    sections: tuple[Section, ...]
