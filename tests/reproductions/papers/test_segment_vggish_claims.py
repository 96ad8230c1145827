"""Verdicts on the claims of the segment paper, from given scores."""

from __future__ import annotations

import pytest
from tests.reproductions.stored import results_of

from emotone.reproductions.papers.segment_vggish.claims import scoreboard
from emotone.reproductions.papers.segment_vggish.tables import PAPER, UNITS, segmentation_row, units_row


def verdicts(values: dict[tuple[str, str, str, str], float], **recalls: list[tuple[float, float]]) -> dict[str, str]:
    board = scoreboard(results_of(PAPER, values), recalls)
    return {finding.claim.id: finding.verdict for finding in board.findings}


def test_without_runs_every_claim_is_untested() -> None:
    assert set(verdicts({}).values()) == {"untested"}


@pytest.mark.parametrize(("second", "expected"), [(0.7, "held"), (0.5, "failed")])
def test_overlap_is_compared_on_the_same_corpus(second: float, expected: str) -> None:
    rows = [segmentation_row("yamnet", name, "four", "random").id for name in ("non-overlapping", "overlapping")]
    values = {("table3", "savee", rows[0], column): 0.6 for column in ("alca", "sca", "bca")}
    values |= {("table3", "savee", rows[1], column): second for column in ("alca", "sca")}
    values["table3", "savee", rows[1], "bca"] = 0.6
    found = verdicts(values, savee=[(60.0, 100 * second), (60.0, 61.0)])
    assert (found["alca"], found["sca"], found["recalls"]) == (expected, expected, expected)
    assert found["ties"] == expected  # the gap of 0 becomes -0.1 or 0.1
    assert found["sa"] == "untested"


def test_units_and_systems() -> None:
    values = {
        ("table4", "emodb", units_row("yamnet", units, "random").id, "alca"): value
        for units, value in zip(UNITS, (0.5, 0.6, 0.5), strict=True)
    }
    for depth in (2, 3, 4):
        for units in (100, 200):
            values["table5", "emodb", f"baseline-{depth}-{units}", "random"] = 0.5 + (depth == 2) * units / 1000
    values["table5", "emodb", "yamnet-non-overlapping", "random"] = 0.8
    values["table5", "emodb", "yamnet-overlapping", "random"] = 0.8
    values["table5", "emodb", "yamnet-fine-tuned-1e-4", "random"] = 0.9
    found = verdicts(values)
    assert (found["units"], found["baseline"], found["transfer"]) == ("held", "held", "held")
    values["table5", "savee", "baseline-2-200", "random"] = 0.9
    values["table5", "savee", "yamnet-non-overlapping", "random"] = 0.8
    values["table5", "emodb", "baseline-4-200", "random"] = 0.75
    found = verdicts(values)
    assert (found["baseline"], found["transfer"]) == ("failed", "failed")
