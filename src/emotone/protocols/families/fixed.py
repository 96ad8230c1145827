"""A user's own lists of speakers, in a file: `fixed:FILE.toml`.

    train = ["03", "08", "09"]
    dev = ["10"]                 # may be left out
    test = ["emodb/11", "12"]    # corpus/speaker, or plain where one corpus is given

The protocol is named by what the lists say (fixed-lists-1a2b3c4d), not by where the file lies.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from emotone.config import from_mapping, read_toml, signature
from emotone.protocols.base import Family, Remembered
from emotone.protocols.clip_lists import Listed, Lists, check_lists

if TYPE_CHECKING:
    from emotone.protocols.base import Protocol

VERSION = 1
KIND = "fixed-lists"
FORM = "fixed:FILE.toml"
NAME_DIGITS = 8  # of the content's hash; a run's signature has all of it
_STORED = re.compile(rf"{KIND}-[0-9a-f]{{{NAME_DIGITS}}}")


@dataclass(frozen=True)
class FixedLists(Listed):
    """Lists that a user wrote."""


def read(path: Path) -> FixedLists:
    """Return the protocol that a file of lists describes.

    Raises:
        ConfigError: a file that can't be read, an unknown key, an empty list, or a speaker who is listed twice.

    """
    lists = from_mapping(Lists, read_toml(path), where=str(path))
    check_lists(lists, where=str(path))
    content = signature({part: sorted(names) for part, names in lists.parts.items()})
    name = f"{KIND}-{content[:NAME_DIGITS]}"
    return FixedLists(name, VERSION, kind=KIND, content=content, lists=lists, where=str(path))


def find(name: str) -> Protocol | None:
    """Return the protocol of a file, or what the name in a predictions table tells of one."""
    if name.startswith("fixed:"):
        return read(Path(name.removeprefix("fixed:")).expanduser())
    if _STORED.fullmatch(name):
        return Remembered(name, VERSION, kind=KIND, independent=True, given=FORM)
    return None


FAMILY = Family(
    lines={FORM: "your own lists of speakers: train = [...], dev = [...], test = [...]"},
    find=find,
)
