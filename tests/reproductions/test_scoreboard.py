"""Verdicts on claims, their counts, and the tables that pages show."""

from __future__ import annotations

from tests.reproductions.stored import results_of

from emotone.reproductions.papers.segment_vggish.tables import PAPER
from emotone.reproductions.scoreboard import Claim, Coverage, Scoreboard, coverage_of, overview

CLAIM = Claim("id", "more is better", "1 to 2", "Table 1")


def board(**settings: str) -> Scoreboard:
    findings = (CLAIM.finding(True, "1 to 3"), CLAIM.finding(False, "3 to 1"), CLAIM.untested("no data"))
    return Scoreboard("key", "Title", "Citation", findings, Coverage(10, 2, 5), (("a", "b"),), **settings)


def test_a_scoreboard_counts_verdicts_and_shows_the_evidence() -> None:
    found = board()
    assert found.summary == "1 held, 1 failed, 1 untested"
    lines = found.lines()
    assert lines[0] == "## What the paper claims, and what we find: 1 held, 1 failed, 1 untested"
    assert "| more is better | 1 to 2 | Table 1 | **held** | 1 to 3 |" in lines
    assert "| more is better | 1 to 2 | Table 1 | **untested** | no data |" in lines
    assert any(line.startswith("2 of 10 published numbers are measured") for line in lines)
    assert "| a | b |" in lines


def test_the_overview_has_a_row_and_a_section_for_each_publication() -> None:
    other = Scoreboard("other", "Other", "Citation", (CLAIM.untested("no data"),), Coverage(3, 0, 0))
    lines = overview([board(page="key.md"), other])
    assert "| [Title](key.md) | 1 | 1 | 1 | 2 of 10 | 5 |" in lines
    assert "| Other | 0 | 0 | 1 | 0 of 3 | 0 |" in lines
    assert "| all | 1 | 1 | 2 |  |  |" in lines
    assert "[All tables](key.md)" in lines
    assert [line for line in lines if line.startswith("## ")] == ["## Title", "## Other"]


def test_coverage_counts_published_numbers_and_counterparts() -> None:
    nothing = [each for of_table in results_of(PAPER, {}).values() for each in of_table]
    assert coverage_of(nothing) == Coverage(28, 0, 0)
    values = {
        ("table5", "iemocap", "baseline-2-200", "random"): 0.5,
        ("table5", "savee", "baseline-2-200", "random"): 0.5,
    }
    found = [each for of_table in results_of(PAPER, values).values() for each in of_table]
    assert coverage_of(found, also_published=4) == Coverage(32, 1, 1)
