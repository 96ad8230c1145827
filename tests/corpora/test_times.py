"""Times as tables of people and programs write them."""

from __future__ import annotations

import pytest

from emotone.corpora.times import is_number, parse_seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("1.25", 1.25),
        ("1e1", 10.0),
        ("0 days 00:00:00", 0.0),
        ("0 days 00:00:01.500000", 1.5),
        ("0 days 00:00:02.380000000", 2.38),
        ("1 days 01:00:00", 90000.0),
        ("1 day, 1:00:00", 90000.0),
        ("2 days", 172800.0),
        ("1:02:03.5", 3723.5),
        ("00:01:01", 61.0),
        ("1:05", 65.0),
        ("", None),
        ("NaT", None),
        ("nan", None),
        ("<NA>", None),
    ],
)
def test_times_are_read(text: str, seconds: float | None) -> None:
    assert parse_seconds(text) == seconds


@pytest.mark.parametrize(
    "text", ["one", "-1", "inf", "-1 days +23:59:58", "1:2:3:4", "1:", ":5", "1 hour", "1.5s", "days"]
)
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_seconds(text)


@pytest.mark.parametrize(("text", "number"), [("1.5", True), ("1:05", False), ("NaT", False)])
def test_plain_numbers_are_not_clock_times(text: str, number: bool) -> None:
    assert is_number(text) is number
