"""Whether a run tested people that it was not trained on: from its protocol, or else from what the run itself noted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emotone.errors import UsageError
from emotone.protocols import protocol

if TYPE_CHECKING:
    from collections.abc import Mapping


def by_protocol(name: str) -> bool | None:
    """Return whether a protocol keeps speakers apart; None where the name alone does not tell.

    It does not for finished models, for protocols that were read from files, and for somebody else's.
    """
    try:
        return protocol(name).speaker_independent
    except UsageError:
        return None


def of_run(name: str, told: Mapping[str, Any]) -> bool | None:
    """Return whether no tested speaker was trained on; None where neither protocol nor run tells.

    Args:
        name: of the protocol, as the predictions table has it.
        told: the run's `run.json`, or what somebody else wrote there: anything may be missing.

    """
    about = told.get("protocol")
    if isinstance(about, dict) and about.get("trained_on"):  # a finished model that has seen these corpora
        return False
    found = by_protocol(name)
    return _noted(told.get("scores")) if found is None else found


def _noted(rows: object) -> bool | None:
    """Return what all scores of a run say, or None where they say nothing or different things."""
    said = [row.get("speaker_independent") for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    first = said[0] if said else None
    return first if isinstance(first, bool) and said.count(first) == len(said) else None
