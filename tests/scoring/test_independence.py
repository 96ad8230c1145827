"""Whether tested people were trained on: from the protocol's name, else from what the run noted."""

from __future__ import annotations

from typing import Any

import pytest

from emotone.scoring.finished_run import is_speaker_independent, protocol_is_independent


@pytest.mark.parametrize(
    ("name", "known"), [("leave-one-speaker-out", True), ("random-5", False), ("held-out", None), ("lists", None)]
)
def test_a_protocol_tells_by_its_name(name: str, known: bool | None) -> None:
    assert protocol_is_independent(name) is known
    assert is_speaker_independent(name, {}) is known


@pytest.mark.parametrize(
    ("rows", "said"), [([True, True], True), ([False], False), ([True, False], None), (["x"], None), ([], None)]
)
def test_a_finished_model_is_what_its_run_noted(rows: list[Any], said: bool | None) -> None:
    told = {"protocol": {"trained_on": []}, "scores": [{"speaker_independent": row} for row in rows]}
    assert is_speaker_independent("held-out", told) is said


def test_a_corpus_that_the_model_has_seen_settles_it() -> None:
    told = {"protocol": {"trained_on": ["toy"]}, "scores": [{"speaker_independent": True}]}
    assert is_speaker_independent("held-out", told) is False


@pytest.mark.parametrize("value", [None, [], [3], 3, "text", {}])
def test_values_of_another_kind_stop_nothing(value: Any) -> None:
    assert is_speaker_independent("held-out", {"protocol": value, "scores": value}) is None
