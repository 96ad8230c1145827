"""Get a protocol by its name, and list all forms of names."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from emotone.errors import RunError
from emotone.protocols.base import base_forms, splitter_of
from emotone.protocols.protocol import Protocol
from emotone.protocols.spec import FORMS, ProtocolSpec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emotone.types import Utterance

FEWEST_SPEAKERS = "leave-one-speaker-out"  # the speaker-independent base that needs the fewest speakers: two


def protocol(name: str | ProtocolSpec, *, training_only: tuple[str, ...] = ()) -> Protocol:
    """Return the protocol of a specification, or of its short spelling: one of `descriptions`, filled in.

    Args:
        name: the specification.
        training_only: names of given corpora that join every training part and are never tested.

    Raises:
        UnknownNameError: no such protocol, or no such scaling; the message has the nearest name.
        UsageError: numbers that leave nothing to do, or no such folder.
        ConfigError: a file of lists that can't be read.

    Example:
        >>> protocol("random-5").twin
        'speaker-folds-5'
        >>> protocol(ProtocolSpec("random-5", scaling="speaker")).twin
        'speaker-folds-5+speaker-scaled'

    """
    spec = name if isinstance(name, ProtocolSpec) else ProtocolSpec.parse(name)
    splitter = splitter_of(spec.base)
    return Protocol(replace(spec, base=splitter.name), splitter, training_only)


def twin_for(given: Protocol, utterances: Sequence[Utterance]) -> str | None:
    """Return the speaker-independent protocol to run next to one that is not; None where none can be run.

    That is the twin, or leave-one-speaker-out where there are fewer speakers than the twin has folds.
    """
    if given.twin is None:
        return None
    for name in (given.twin, str(replace(given.spec, base=FEWEST_SPEAKERS))):
        try:
            protocol(name, training_only=given.training_only).folds(utterances, seed=0)
        except RunError:
            continue
        return name
    return None


def descriptions() -> dict[str, str]:
    """Return every form of a protocol's name with one line about it, for `--help` and for pages.

    Example:
        >>> descriptions()["leave-one-session-out"]
        'a fold per recording session'

    """
    return {**base_forms(), **FORMS}
