"""A user's own lists of speakers, in a file: `fixed:FILE.toml`.

    train = ["03", "08", "09"]
    dev = ["10"]                 # optional
    test = ["emodb/11", "12"]    # corpus/speaker, or plain where one corpus is given

The stored name of the protocol is a hash of the lists (fixed-lists-1a2b3c4d), independent of the file's path.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from emotone.config import from_mapping, read_toml, signature
from emotone.protocols.base import Family, StoredSplitter
from emotone.protocols.clip_lists import ListSplitter, PartLists, check_lists

if TYPE_CHECKING:
    from emotone.protocols.base import Splitter

STORED = "fixed-lists"
FORM = "fixed:FILE.toml"
NAME_DIGITS = 8  # of the content's hash; a run's signature has all of it
_FILE = "fixed:"


def read(path: Path) -> ListSplitter:
    """Return the splitter of a file of lists.

    Raises:
        ConfigError: a file that can't be read, an unknown key, an empty list, or a speaker who is listed twice.

    """
    lists = from_mapping(PartLists, read_toml(path), where=str(path))
    check_lists(lists, where=str(path))
    content = signature({part: sorted(names) for part, names in lists.parts.items()})
    return ListSplitter(name=f"{STORED}-{content[:NAME_DIGITS]}", content=content, lists=lists, where=str(path))


def make(name: str) -> Splitter:
    """Return the splitter of a file, or the record of a name in a predictions table."""
    if name.startswith(_FILE):
        return read(Path(name.removeprefix(_FILE)).expanduser())
    return StoredSplitter(name=name, independent=True, form=FORM)


FAMILY = Family(
    lines={FORM: "your own lists of speakers: train = [...], dev = [...], test = [...]"},
    pattern=re.compile(rf"{_FILE}.+|{STORED}-[0-9a-f]{{{NAME_DIGITS}}}"),
    make=make,
)
