"""How a protocol is specified: a base, a target corpus, a number of training clips, and the scaling of features.

A specification has a short spelling, which commands accept and results store:

    [onto-TARGET-]BASE[@TRAIN_CLIPS][+speaker-scaled]

BASE is a name of one of the families in `emotone.protocols.families`, e.g. "speaker-folds-5" or "fixed:FILE.toml".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

from emotone.errors import UsageError, unknown_name
from emotone.protocols.base import base_forms, is_base

Scaling: TypeAlias = Literal["train", "speaker"]
SPEAKER_SCALED = "+speaker-scaled"
SCALING: dict[Scaling, str] = {
    "train": "features scaled with statistics of the training part",
    "speaker": "features scaled with each speaker's own statistics, which needs the test speakers' unlabelled clips",
}
"""What each scaling means, for reports."""

MIN_TRAIN_CLIPS = 2
FORMS = {
    "onto-CORPUS-PROTOCOL": "PROTOCOL on the target CORPUS, e.g. onto-emodb-random-5; other given corpora only train",
    "PROTOCOL@N": "PROTOCOL with N training clips of each corpus, e.g. speaker-folds-5@50; tests the same clips",
    f"NAME{SPEAKER_SCALED}": "the same folds; features are scaled with each speaker's own statistics, also in tests",
}
"""The spellings that modify a base, each with one line for `--help`."""

_TARGET = "onto-"
_LIMITED = re.compile(r"(?P<body>.+)@(?P<clips>\d+)")


@dataclass(frozen=True)
class ProtocolSpec:
    """A protocol as a record; `str` returns its short spelling, and `parse` reads it.

    Attributes:
        base: name of a base protocol, e.g. "random-5", "emodb-audeering" or "fixed:FILE.toml".
        target: the only corpus that the base divides; all clips of the other given corpora join the training parts.
            None where the base divides all given corpora.
        train_clips: how many clips of each divided corpus the train and dev parts of a fold contain together; None for
            all of them.
        scaling: "train" scales features with statistics of the training part; "speaker" scales each speaker's features
            with their own statistics. That is transductive: it needs the test speakers' clips, without their labels.

    Example:
        >>> spec = ProtocolSpec("random-5", target="emodb", train_clips=50, scaling="speaker")
        >>> str(spec)
        'onto-emodb-random-5@50+speaker-scaled'
        >>> ProtocolSpec.parse(str(spec)) == spec
        True

    """

    base: str
    target: str | None = None
    train_clips: int | None = None
    scaling: Scaling = "train"

    def __post_init__(self) -> None:
        """Raise `UsageError` for values outside their range."""
        if self.scaling not in SCALING:
            raise unknown_name("scaling", self.scaling, SCALING)
        if self.target == "":
            raise UsageError("the target of a protocol is empty; name a corpus, or leave it out")
        if self.train_clips is not None and self.train_clips < MIN_TRAIN_CLIPS:
            raise UsageError(
                f"protocol '{self}' leaves {self.train_clips} clips to train on; give {MIN_TRAIN_CLIPS} or more. To "
                "evaluate a model without any clip of a corpus, use plan A1 and give other corpora (onto-CORPUS-"
                "PROTOCOL)"
            )

    def __str__(self) -> str:
        """Return the short spelling."""
        target = "" if self.target is None else f"{_TARGET}{self.target}-"
        clips = "" if self.train_clips is None else f"@{self.train_clips}"
        return f"{target}{self.base}{clips}{SPEAKER_SCALED if self.scaling == 'speaker' else ''}"

    @classmethod
    def parse(cls, name: str) -> ProtocolSpec:
        """Return the specification that `name` spells.

        Raises:
            UnknownNameError: no such base, or no such scaling; the message has the nearest name.
            UsageError: too few training clips.

        """
        body = name.removesuffix(SPEAKER_SCALED)
        scaling: Scaling = "train" if body == name else "speaker"
        limited = _LIMITED.fullmatch(body)
        clips = int(limited["clips"]) if limited else None
        target, base = _split_target(limited["body"] if limited else body)
        if is_base(base):
            return cls(base, target=target, train_clips=clips, scaling=scaling)
        if "+" in body:
            raise unknown_name("scaling", name[name.index("+") :], [SPEAKER_SCALED])
        raise unknown_name("protocol", name, [*base_forms(), *list(FORMS)[:-1]])


def _split_target(body: str) -> tuple[str | None, str]:
    """Return the target corpus and the base: the target is what precedes the first name of a base."""
    if not body.startswith(_TARGET):
        return None, body
    parts = body.removeprefix(_TARGET).split("-")
    for end in range(1, len(parts)):
        target, base = "-".join(parts[:end]), "-".join(parts[end:])
        if target and is_base(base):
            return target, base
    return None, body
