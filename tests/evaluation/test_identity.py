"""What makes an evaluation another one: rows of a table count with speakers and parts, published clips by name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from emotone.evaluation.identity import identities
from emotone.types import Utterance

ROW = Utterance("a.wav", "calls", Path("a.wav"), 0.0, None, "3", "3", "anger")
PUBLISHED = Utterance("03a01Wa", "emodb", Path("03a01Wa.wav"), 0.0, None, "03", "03", "anger")
CHANGES: list[dict[str, Any]] = [
    {"speaker": "03"},
    {"session": "monday"},
    {"start": 0.5},
    {"end": 2.0},
    {"channel": 1},
    {"label": "neutral"},
    {"id": "b.wav"},
]


@pytest.mark.parametrize("changes", CHANGES)
@pytest.mark.parametrize("utterance", [ROW, replace(PUBLISHED, speaker="3")])
def test_a_corrected_row_is_another_evaluation(utterance: Utterance, changes: dict[str, Any]) -> None:
    assert identities([replace(utterance, **changes)]) != identities([utterance])


def test_folders_and_order_do_not_count() -> None:
    moved = [replace(each, path=Path("elsewhere") / each.path) for each in (ROW, PUBLISHED)]
    assert identities(moved) == identities([PUBLISHED, ROW])


def test_a_published_clip_counts_by_key_and_label() -> None:
    assert identities([PUBLISHED]) == [("emodb/03a01Wa", "anger")]


def test_a_table_with_the_name_of_a_published_corpus_counts_with_its_rows() -> None:
    assert len(identities([replace(PUBLISHED, end=1.0)])[0]) > 2
    assert len(identities([replace(PUBLISHED, speaker="somebody")])[0]) > 2
