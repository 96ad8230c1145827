"""Parts of generated pages: reproduced tables, a scoreboard of claims, and what training and test share.

Terminals print the tables, too.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from emotone.protocols import Leakage
from emotone.scoring.finished_run import read_run
from emotone.scoring.result_table import INDEPENDENT, ResultTable, format_estimate, percent

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from emotone.reproductions.base import CellResult, Paper, PublishedTable

NOTE = "<!-- Written by `make docs`; do not edit. -->"
ENGINE = (
    "The stored predictions were made by version 0.1.0, whose windows were on the recording's grid. The present engine",
    "places windows inside utterances only.",
)
"""Lines for pages with predictions of windows."""


def rows_table(results: Sequence[CellResult]) -> ResultTable:
    """Return a row for every cell with its score, times 100."""
    columns = (
        *("corpus", "setting", "published", "ours x 100 [95 %]", "n", "speakers"),
        *("protocol", "speaker-independent", "status"),
    )
    return ResultTable(columns, tuple(_row_cells(result) for result in results))


def _row_cells(result: CellResult) -> tuple[str, ...]:
    cell, score = result.cell, result.score
    return (
        cell.corpus,
        cell.title,
        percent(cell.published),
        format_estimate(score),
        "-" if score is None else str(score.n),
        "-" if score is None else str(score.speakers or "unknown"),
        cell.protocol,
        "-" if score is None else INDEPENDENT[score.speaker_independent],
        result.status,
    )


def grid_table(results: Sequence[CellResult]) -> ResultTable:
    """Return results in the columns of the published table: score with interval / published number.

    Scores that differ from the published ones are marked with an asterisk. Rows without a published number and without
    a run are counted in a note.
    """
    columns = tuple(dict.fromkeys(result.cell.column for result in results))
    by_place = {(result.cell.corpus, result.cell.row, result.cell.column): result for result in results}
    lines = []
    pending: Counter[str] = Counter()
    for corpus, row in dict.fromkeys((result.cell.corpus, result.cell.row) for result in results):
        found = [by_place.get((corpus, row, column)) for column in columns]
        if all(result is None or (result.score is None and result.cell.published is None) for result in found):
            pending[corpus] += 1
        else:
            lines.append((corpus, row.title, *map(_grid_cell, found)))
    counts = ", ".join(f"{corpus} {count}" for corpus, count in pending.items())
    notes = (f"Further rows without a run: {counts}.",) if pending else ()
    return ResultTable(("corpus", "system", *(column.title for column in columns)), tuple(lines), notes=notes)


def _grid_cell(result: CellResult | None) -> str:
    if result is None:
        return "-"
    ours = result.status if result.score is None else result.score.text
    published = "" if result.cell.published is None else f" / {100 * result.cell.published:.1f}"
    return f"{ours}{published}{' *' if result.status == 'differs' else ''}"


def markdown_table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    """Return the lines of a Markdown table, whose cells may contain Markdown."""
    return ResultTable(header, tuple(rows)).markdown(escape=False).splitlines()


def document(lines: Iterable[str]) -> str:
    """Return a page: the note that it is generated, and the lines without trailing spaces."""
    text = "\n".join([NOTE, "", *lines])
    return "\n".join(line.rstrip() for line in text.splitlines()) + "\n"


def command(paper: Paper, table: PublishedTable, *, options: str = "") -> str:
    """Return the line with the command that reproduces a table."""
    return f"Command: `emotone reproduce {paper.key} {table.name} --corpus NAME=DIR...{options}`"


def first_of_runs(results: Iterable[CellResult]) -> dict[str, CellResult]:
    """Return the first result of each run, by the run's folder."""
    found: dict[str, CellResult] = {}
    for result in results:
        if result.run:
            found.setdefault(result.run, result)
    return found


def leakage_section(results: Sequence[CellResult], runs: Path, *, level: int = 2) -> list[str]:
    """Return a section on what training and test parts share, by tested corpora and protocol; none without runs."""
    shared: dict[tuple[str, str], str] = {}
    for run in first_of_runs(results):
        finished = read_run(runs / run)
        leakage = finished.about.get("leakage")
        if leakage is not None:
            place = ", ".join(finished.predictions.corpora), finished.about["protocol"]["name"]
            shared.setdefault(place, "; ".join(Leakage.from_dict(leakage).lines()))
    if not shared:
        return []
    lines = (f"- {corpora}, `{protocol}`: {text}" for (corpora, protocol), text in shared.items())
    return ["", f"{'#' * level} Leakage audit: what training and test parts share", "", *lines]


Verdict: TypeAlias = Literal["held", "failed", "untested"]
VERDICTS: tuple[Verdict, ...] = ("held", "failed", "untested")
LEGEND = (
    "*Held*: our figures have the direction that the paper states; *failed*: they do not; *untested*: no stored run",
    "answers it. A direction is no proof: the evidence says how many comparisons there are and whether they are",
    "significant. All figures are x 100.",
)


@dataclass(frozen=True)
class Claim:
    """A statement of a publication that experiments can confirm or contradict.

    Attributes:
        id: short name, unique in the publication.
        text: the statement, in our words.
        published: its figures, as printed.
        source: table, figure or section.

    """

    id: str
    text: str
    published: str
    source: str

    def finding(self, is_confirmed: bool | None, evidence: str) -> Finding:
        """Return the claim with its verdict; None is "untested"."""
        verdict: Verdict = "untested" if is_confirmed is None else "held" if is_confirmed else "failed"
        return Finding(self, verdict, evidence)

    def untested(self, reason: str) -> Finding:
        """Return the claim without an answer."""
        return self.finding(None, reason)


@dataclass(frozen=True)
class Finding:
    """A claim with its verdict.

    Attributes:
        claim: the statement.
        verdict: "held", "failed" or "untested"; see `LEGEND`.
        evidence: our figures, or why there are none.

    """

    claim: Claim
    verdict: Verdict
    evidence: str


@dataclass(frozen=True)
class Coverage:
    """How many published numbers are measured.

    Attributes:
        published: numbers that the publication prints.
        measured: of these, those measured on the same corpora.
        counterparts: numbers measured in the same tables on other corpora or with other weights.

    """

    published: int
    measured: int
    counterparts: int

    @property
    def text(self) -> str:
        """One sentence."""
        return (
            f"{self.measured} of {self.published} published numbers are measured on the paper's own corpora; "
            f"{self.counterparts} numbers of the same tables are measured on other corpora or with other weights."
        )


@dataclass(frozen=True)
class Scoreboard:
    """The claims of a publication with their verdicts.

    Attributes:
        key: of the publication.
        title: of the publication.
        citation: complete citation.
        findings: in the order of the publication.
        coverage: of its tables.
        substitutes: what the publication uses and what replaces it here, in pairs.
        page: name of its page in `docs/results`; "" if it is not implemented.

    """

    key: str
    title: str
    citation: str
    findings: tuple[Finding, ...]
    coverage: Coverage
    substitutes: tuple[tuple[str, str], ...] = ()
    page: str = ""

    def count(self, verdict: Verdict) -> int:
        """Return the number of claims with a verdict."""
        return Counter(finding.verdict for finding in self.findings)[verdict]

    @property
    def summary(self) -> str:
        """The number of claims by verdict, e.g. "3 held, 2 failed, 1 untested"."""
        return ", ".join(f"{self.count(verdict)} {verdict}" for verdict in VERDICTS)

    def lines(self, *, level: int = 2) -> list[str]:
        """Return the lines of the section for a page; the legend belongs to a section of its own (level 2)."""
        rows = (
            (
                finding.claim.text,
                finding.claim.published,
                finding.claim.source,
                f"**{finding.verdict}**",
                finding.evidence,
            )
            for finding in self.findings
        )
        found = [
            f"{'#' * level} What the paper claims, and what we find: {self.summary}",
            "",
            *((*LEGEND, "") if level == 2 else ()),
            *markdown_table(("claim", "published", "from", "verdict", "our evidence"), rows),
            "",
            self.coverage.text,
        ]
        if self.substitutes:
            found += ["", *markdown_table(("the paper uses", "replaced here by"), self.substitutes)]
        return found


def coverage_of(results: Iterable[CellResult], *, also_published: int = 0) -> Coverage:
    """Return the coverage of a publication's tables.

    Args:
        results: of all its tables; a cell that several tables share counts in each.
        also_published: printed numbers that no cell has.

    """
    listed = list(results)
    published = [result for result in listed if result.cell.published is not None]
    measured = sum(result.score is not None for result in published)
    others = sum(result.score is not None and result.cell.published is None for result in listed)
    return Coverage(len(published) + also_published, measured, others)


def overview(scoreboards: Sequence[Scoreboard]) -> list[str]:
    """Return the lines of the page on all publications, without its heading."""
    rows = [
        (
            f"[{board.title}]({board.page})" if board.page else board.title,
            *(str(board.count(verdict)) for verdict in VERDICTS),
            f"{board.coverage.measured} of {board.coverage.published}",
            str(board.coverage.counterparts),
        )
        for board in scoreboards
    ]
    totals = [str(sum(board.count(verdict) for board in scoreboards)) for verdict in VERDICTS]
    header = ("publication", "claims held", "failed", "untested", "published numbers measured", "counterparts measured")
    lines = [*LEGEND, "", *markdown_table(header, [*rows, ("all", *totals, "", "")])]
    for board in scoreboards:
        lines += ["", f"## {board.title}", "", f"{board.citation}.", "", *board.lines(level=3)]
        if board.page:
            lines += ["", f"[All tables]({board.page})"]
    return lines
