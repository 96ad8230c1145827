"""Tables on standard output: on a terminal, in a pipe, and with names that are longer than a column."""

from __future__ import annotations

import pytest
from rich.table import Table

from emotone.cli import console

NAME = "LicenseRef-" + 10 * "word-" + "end"


@pytest.fixture
def table() -> Table:
    table = Table("licence", "description")
    table.add_row(NAME, "[any] text")
    return table


def test_names_are_wrapped_and_never_cut(
    table: Table, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    console.print_table(table)
    text = capsys.readouterr().out
    assert "\N{HORIZONTAL ELLIPSIS}" not in text
    first = [line.split("\N{BOX DRAWINGS LIGHT VERTICAL}")[1].strip() for line in text.splitlines()[3:-1]]
    assert "".join(first) == NAME
    assert max(map(len, text.splitlines())) <= 40


def test_nothing_is_wrapped_in_a_pipe(
    table: Table, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    console.print_table(table)
    assert any(NAME in line and "[any] text" in line for line in capsys.readouterr().out.splitlines())
