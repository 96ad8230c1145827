"""The stored layer tables are current, also those of the shipped recipes."""

from __future__ import annotations

import pytest
from scripts.network_tables import tables

from emotone.nets.layers import STORED_TABLES


@pytest.mark.no_cover  # twice as fast; the networks' lines are covered by the conformance tests
def test_the_stored_tables_are_current() -> None:
    assert STORED_TABLES.read_text(encoding="utf-8") == tables(), "run: python -m scripts.network_tables"
