"""The stored layer tables are current, also those of the shipped recipes."""

from __future__ import annotations

from scripts.network_tables import tables

from emotone.nets.layers import STORED_TABLES


def test_the_stored_tables_are_current() -> None:
    assert STORED_TABLES.read_text(encoding="utf-8") == tables(), "run: python -m scripts.network_tables"
