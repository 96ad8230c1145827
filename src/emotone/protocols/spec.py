"""The specification of a protocol, and the record of what a score under it depends on.

A protocol is specified by a base, a target corpus, a number of training clips, and the scaling of features.

A specification has a short spelling, which commands accept and results store:

    [onto-TARGET-]BASE[@TRAIN_CLIPS][+speaker-scaled]

BASE is a name of one of the families in `emotone.protocols.families`, e.g. "speaker-folds-5" or "fixed:FILE.toml".

`Leakage` accompanies every score: what training and test parts share, and what else the score depends on.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from emotone.errors import UsageError, unknown_name
from emotone.protocols.base import base_forms, is_base

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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


SHOWN = 3  # names in a one-line summary
SPELLINGS = "speaker-spellings"
NEAR_DUPLICATES = "near-duplicates"
LATER_KINDS = (NEAR_DUPLICATES, SPELLINGS)  # records of older runs do not have them


@dataclass(frozen=True, slots=True)
class SharedItems:
    """One kind of item in both the training and the test part of a fold.

    Attributes:
        kind: "speakers", "sessions", "sentences", "files", "contents", "near-duplicates" or "speaker-spellings".
        known: whether the utterances have this information; without it, nothing is known to be shared.
        items: shared in at least one fold, sorted, e.g. `("emodb/03",)`; near-duplicates and spellings are pairs of the
            test and the training item, e.g. `("toy/b ~ toy/a (0.998)",)`.
        clips: number of test utterances concerned.

    """

    kind: str
    known: bool
    items: tuple[str, ...]
    clips: int

    def line(self, *, tested: int) -> str:
        """Return one line, e.g. `speakers: none shared`."""
        if not self.known:
            return f"{self.kind}: not known"
        if not self.items:
            return f"{self.kind}: none shared"
        what = "doubtful" if self.kind == SPELLINGS else "shared"
        return f"{self.kind}: {len(self.items)} {what}, by {self.clips} of {tested} test clips: {shortened(self.items)}"


@dataclass(frozen=True, slots=True)
class ScalingStatistics:
    """The origin of the statistics that scale features.

    Attributes:
        scaling: "train" or "speaker", see `emotone.protocols.ProtocolSpec`.
        speakers: test speakers whose own unlabelled clips are used.
        clips: number of their test clips.

    """

    scaling: Scaling
    speakers: tuple[str, ...] = ()
    clips: int = 0

    @property
    def fitted_on_test(self) -> bool:
        """Whether statistics of test clips are used; labels never are."""
        return self.scaling == "speaker"

    def line(self, *, tested: int) -> str:
        """Return one line."""
        if not self.fitted_on_test:
            return "statistics: of the training parts only"
        return (
            f"statistics: {len(self.speakers)} test speakers are scaled with their own unlabelled clips, "
            f"{self.clips} of {tested} test clips: {shortened(self.speakers)}"
        )


@dataclass(frozen=True, slots=True)
class MissingLabels:
    """Labels that one fold lacks.

    Attributes:
        fold: name.
        untrained: labels of its test part that its training part does not have; no model can predict them.
        untested: labels of the other parts or folds that its test part does not have.

    """

    fold: str
    untrained: tuple[str, ...]
    untested: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Leakage:
    """The result of `audit`.

    Attributes:
        folds: number of folds.
        tested: number of utterances in at least one test part.
        shared: one record per kind, see `SharedItems`.
        single_emotion_speakers: speakers with one label only, which their voices therefore predict.
        statistics: origin of the statistics that scale features.
        missing_labels: of the folds that lack some.
        given: number of utterances that the protocol was given.
        left_out: keys of those in no part of any fold, sorted.

    """

    folds: int
    tested: int
    shared: tuple[SharedItems, ...]
    single_emotion_speakers: tuple[str, ...]
    statistics: ScalingStatistics = ScalingStatistics("train")
    missing_labels: tuple[MissingLabels, ...] = ()
    given: int = 0
    left_out: tuple[str, ...] = ()

    def __getitem__(self, kind: str) -> SharedItems:
        """Return the record of one kind, e.g. `leakage["speakers"]`."""
        return {record.kind: record for record in self.shared}[kind]

    @property
    def clean(self) -> bool:
        """Whether no speaker, file, content or near-duplicate is known to be shared, and no speaker is doubtful.

        Sentences may be shared, because acted corpora repeat them. Statistics have a record of their own.
        """
        return not any(self[kind].items for kind in ("speakers", "files", "contents", NEAR_DUPLICATES, SPELLINGS))

    @property
    def speaker_independent(self) -> bool | None:
        """Whether no test speaker is in a train or dev part, under any spelling; None where speakers are not known."""
        if self["speakers"].items or self[SPELLINGS].items:
            return False
        return True if self["speakers"].known else None

    def lines(self) -> list[str]:
        """Return a summary, one line per kind; spellings of speakers only if some are doubtful."""
        shown = [record for record in self.shared if record.kind != SPELLINGS or record.items]
        lines = [record.line(tested=self.tested) for record in shown]
        lines.append(self.statistics.line(tested=self.tested))
        for what, labels_of in (
            ("labels tested but not trained on", {record.fold: record.untrained for record in self.missing_labels}),
            ("labels absent from test parts", {record.fold: record.untested for record in self.missing_labels}),
        ):
            lacking = [f"{fold} ({', '.join(labels)})" for fold, labels in labels_of.items() if labels]
            if lacking:
                lines.append(f"{what}: in {len(lacking)} of {self.folds} folds: {shortened(lacking)}")
        if self.left_out:
            lines.append(f"left out by the protocol: {len(self.left_out)} of {self.given}: {shortened(self.left_out)}")
        if self.single_emotion_speakers:
            speakers = self.single_emotion_speakers
            lines.append(f"speakers with a single emotion: {len(speakers)}: {shortened(speakers)}")
        return lines

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; `items` is None where a kind is not known."""
        return {
            "folds": self.folds,
            "tested": self.tested,
            "clean": self.clean,
            "speaker_independent": self.speaker_independent,
            "shared": {
                record.kind: {"items": list(record.items) if record.known else None, "clips": record.clips}
                for record in self.shared
            },
            "single_emotion_speakers": list(self.single_emotion_speakers),
            "statistics": {
                "normalisation": self.statistics.scaling,
                "fitted_on_test": self.statistics.fitted_on_test,
                "speakers": list(self.statistics.speakers),
                "clips": self.statistics.clips,
            },
            "absent_labels": {
                record.fold: {"untrained": list(record.untrained), "untested": list(record.untested)}
                for record in self.missing_labels
            },
            "left_out": list(self.left_out),
            "given": self.given,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Leakage:
        """Return the record that `to_dict` described; what older ones lack is not known, or empty."""
        shared = [
            SharedItems(kind, found["items"] is not None, tuple(found["items"] or ()), found["clips"])
            for kind, found in values["shared"].items()
        ]
        shared += [SharedItems(kind, False, (), 0) for kind in LATER_KINDS if kind not in values["shared"]]
        statistics = values.get("statistics", {"normalisation": "train", "speakers": (), "clips": 0})
        missing = values.get("absent_labels", {})
        return cls(
            folds=values["folds"],
            tested=values["tested"],
            shared=tuple(shared),
            single_emotion_speakers=tuple(values["single_emotion_speakers"]),
            statistics=ScalingStatistics(
                statistics["normalisation"], tuple(statistics["speakers"]), statistics["clips"]
            ),
            missing_labels=tuple(
                MissingLabels(fold, tuple(labels["untrained"]), tuple(labels["untested"]))
                for fold, labels in missing.items()
            ),
            given=values.get("given", values["tested"]),
            left_out=tuple(values.get("left_out", ())),
        )


def shortened(items: Sequence[str]) -> str:
    """Return the first items in one line, and how many more there are."""
    rest = len(items) - SHOWN
    return ", ".join(items[:SHOWN]) + (f" and {rest} more" if rest > 0 else "")
