"""Find a protocol by its name, and list what names there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emotone.errors import RunError, unknown_name
from emotone.protocols.base import FAMILIES, SPEAKER_SCALED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emotone.protocols.base import Protocol
    from emotone.types import Utterance

ANY_SCALED = f"NAME{SPEAKER_SCALED}"
FROM_FILES = ("fixed:", "emobox:")  # the rest of these names is a path, which may hold anything


def protocol(name: str) -> Protocol:
    """Return the protocol called `name`: one of `descriptions`, with numbers and paths filled in.

    Raises:
        UnknownNameError: no such protocol, or no such way to scale; the message has the nearest name.
        UsageError: numbers that leave nothing to do, or no such folder.
        ConfigError: a file of lists that can't be read.

    Example:
        >>> protocol("random-5").twin
        'speaker-folds-5'
        >>> protocol("random-5+speaker-scaled").twin
        'speaker-folds-5+speaker-scaled'

    """
    plain = name.removesuffix(SPEAKER_SCALED)
    scaled = plain != name
    if "+" in plain and not any(form in plain for form in FROM_FILES):
        suffix = name[name.index("+") :]
        raise unknown_name("scaling", suffix, [SPEAKER_SCALED])
    for family in FAMILIES.all().values():
        found = family.find(plain)
        if found is not None:
            return found.speaker_scaled() if scaled else found
    raise unknown_name("protocol", name, [form for form in descriptions() if form != ANY_SCALED])


def twin_for(division: Protocol, utterances: Sequence[Utterance]) -> str | None:
    """Return the speaker-independent protocol to run beside one that is not; None where there is none to run.

    That is the twin, or a fold per speaker where there are fewer speakers than the twin has folds.
    """
    if division.twin is None:
        return None
    suffix = SPEAKER_SCALED if division.normalisation == "speaker" else ""
    for name in (division.twin, f"{division.smallest}{suffix}"):
        try:
            protocol(name).folds(utterances, seed=0)
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
    lines = {form: line for family in FAMILIES.all().values() for form, line in family.lines.items()}
    return {
        **dict(sorted(lines.items())),
        ANY_SCALED: "the same folds, with features scaled by each speaker's own statistics, the tested ones' too",
    }
