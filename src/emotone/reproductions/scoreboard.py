"""What a publication claims, and whether the stored predictions agree: a scoreboard for the top of its page."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from emotone.reproductions.document import markdown_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from emotone.reproductions.base import CellResult

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
