"""What training and test parts share, and what else a score depends on: the record that accompanies every score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from emotone.protocols.spec import Scaling

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
