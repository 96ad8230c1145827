"""What training and test parts share, and what else a score depends on: the audit that stands beside every score.

Sharing is counted between a fold's test part and everything that chose or fitted the system: its train and dev parts.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from emotone.errors import RunError
from emotone.protocols.near_duplicates import near_pairs
from emotone.types import Fold

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from emotone.protocols.spec import Scaling
    from emotone.types import Utterance

SHOWN = 3  # names in a one-line summary
NEAR_DUPLICATE = 0.99  # cosine from which two fingerprints count as one sound; what is right depends on the fingerprint


@dataclass(frozen=True, slots=True)
class Shared:
    """One kind of thing on both sides of a fold.

    Attributes:
        kind: "speakers", "sessions", "sentences", "files", "contents" or "near-duplicates".
        known: whether the utterances tell; nothing is shared as far as known where they do not.
        items: what is shared in at least one fold, sorted, e.g. `("emodb/03",)`; of near-duplicates the pairs, each
            tested clip with the nearest one that was learned from, e.g. `("toy/b ~ toy/a (0.998)",)`.
        clips: test utterances concerned, each counted once.

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
        return f"{self.kind}: {len(self.items)} shared, by {self.clips} of {tested} test clips: {_some(self.items)}"


@dataclass(frozen=True, slots=True)
class Statistics:
    """What the features are scaled with.

    Attributes:
        scaling: "train" or "speaker", see `emotone.protocols.ProtocolSpec`.
        speakers: tested speakers whose own unlabelled clips set their scaling.
        clips: tested clips of theirs.

    """

    scaling: Scaling
    speakers: tuple[str, ...] = ()
    clips: int = 0

    @property
    def fitted_on_test(self) -> bool:
        """Whether statistics of tested clips were used; labels never are."""
        return self.scaling == "speaker"

    def line(self, *, tested: int) -> str:
        """Return one line."""
        if not self.fitted_on_test:
            return "statistics: of the training parts only"
        return (
            f"statistics: {len(self.speakers)} tested speakers are scaled with their own unlabelled clips, "
            f"{self.clips} of {tested} test clips: {_some(self.speakers)}"
        )


@dataclass(frozen=True, slots=True)
class Absent:
    """Labels that one fold lacks.

    Attributes:
        fold: name.
        untrained: labels of its test part that its training part does not have: nobody could answer them.
        untested: labels of the other parts or folds that its test part does not have.

    """

    fold: str
    untrained: tuple[str, ...]
    untested: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Leakage:
    """What `audit` found.

    Attributes:
        folds: how many were looked at.
        tested: utterances in at least one test part.
        shared: one record per kind: speakers, sessions, sentences, files, contents, near-duplicates.
        single_emotion_speakers: speakers heard with one label only, so that knowing the voice is knowing the answer.
        statistics: what the features are scaled with.
        absent: the folds that lack labels.
        given: utterances that the protocol was given.
        left_out: keys of those that are in no part of any fold, sorted.

    """

    folds: int
    tested: int
    shared: tuple[Shared, ...]
    single_emotion_speakers: tuple[str, ...]
    statistics: Statistics = Statistics("train")
    absent: tuple[Absent, ...] = ()
    given: int = 0
    left_out: tuple[str, ...] = ()

    def __getitem__(self, kind: str) -> Shared:
        """Return the record of one kind, e.g. `leakage["speakers"]`."""
        return {record.kind: record for record in self.shared}[kind]

    @property
    def clean(self) -> bool:
        """Whether no speaker, file, content or near-duplicate is known to be shared.

        Sentences may be: acted corpora repeat them. Statistics are no matter of folds, and have their own record.
        """
        return not any(self[kind].items for kind in ("speakers", "files", "contents", "near-duplicates"))

    def lines(self) -> list[str]:
        """Return a summary, one line per kind."""
        lines = [record.line(tested=self.tested) for record in self.shared]
        lines.append(self.statistics.line(tested=self.tested))
        for what, labels_of in (
            ("labels tested but not trained on", {record.fold: record.untrained for record in self.absent}),
            ("labels absent from test parts", {record.fold: record.untested for record in self.absent}),
        ):
            lacking = [f"{fold} ({', '.join(labels)})" for fold, labels in labels_of.items() if labels]
            if lacking:
                lines.append(f"{what}: in {len(lacking)} of {self.folds} folds: {_some(lacking)}")
        if self.left_out:
            lines.append(f"left out by the protocol: {len(self.left_out)} of {self.given}: {_some(self.left_out)}")
        if self.single_emotion_speakers:
            speakers = self.single_emotion_speakers
            lines.append(f"speakers with a single emotion: {len(speakers)}: {_some(speakers)}")
        return lines

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; `items` is None where a kind is not known."""
        return {
            "folds": self.folds,
            "tested": self.tested,
            "clean": self.clean,
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
                for record in self.absent
            },
            "left_out": list(self.left_out),
            "given": self.given,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Leakage:
        """Return what `to_dict` told; what older records lack is not known, or empty."""
        shared = tuple(
            Shared(kind, found["items"] is not None, tuple(found["items"] or ()), found["clips"])
            for kind, found in values["shared"].items()
        )
        if "near-duplicates" not in values["shared"]:
            shared = (*shared, Shared("near-duplicates", False, (), 0))
        scaled = values.get("statistics", {"normalisation": "train", "speakers": (), "clips": 0})
        absent = values.get("absent_labels", {})
        return cls(
            folds=values["folds"],
            tested=values["tested"],
            shared=shared,
            single_emotion_speakers=tuple(values["single_emotion_speakers"]),
            statistics=Statistics(scaled["normalisation"], tuple(scaled["speakers"]), scaled["clips"]),
            absent=tuple(Absent(fold, tuple(of["untrained"]), tuple(of["untested"])) for fold, of in absent.items()),
            given=values.get("given", values["tested"]),
            left_out=tuple(values.get("left_out", ())),
        )


def audit(
    folds: Fold | Sequence[Fold],
    utterances: Sequence[Utterance],
    *,
    scaling: Scaling = "train",
    hashes: Mapping[str, str] | None = None,
    fingerprints: Mapping[str, NDArray[np.floating]] | None = None,
    near_duplicate: float = NEAR_DUPLICATE,
) -> Leakage:
    """Return what the test parts of folds share with their train and dev parts, and what they lack.

    Args:
        folds: one fold or all of them.
        utterances: what the protocol was given: at least those that the folds name; the others are left out by it.
        scaling: of the protocol.
        hashes: content hash (of file or samples) by `Utterance.key`; finds copies under other names.
        fingerprints: vectors of length 1 by `Utterance.key`, near each other for clips that sound alike; finds copies
            that were cut, levelled or coded anew. Near-duplicates are not known without them.
        near_duplicate: cosine from which two fingerprints count as one sound, in (0, 1]; it belongs to the fingerprint.

    Raises:
        RunError: a fold names an utterance that is not there, a fingerprint's length is not 1, or the threshold is
            no cosine of alike clips.

    Example:
        >>> from pathlib import Path
        >>> from emotone.types import Utterance
        >>> def clip(name, speaker):
        ...     return Utterance(name, "toy", Path(name), 0.0, None, speaker, speaker, "anger")
        >>> fold = Fold("fold-1", train=("toy/a",), dev=(), test=("toy/b",))
        >>> audit(fold, [clip("a", "s1"), clip("b", "s1")]).lines()[0]
        'speakers: 1 shared, by 1 of 1 test clips: toy/s1'

    """
    if not 0 < near_duplicate <= 1:
        raise RunError(f"near_duplicate is a cosine above 0, up to 1; given {near_duplicate}")
    several = [folds] if isinstance(folds, Fold) else list(folds)
    by_key = {utterance.key: utterance for utterance in utterances}
    parts = [(_pick(fold.train + fold.dev, by_key, fold=fold), _pick(fold.test, by_key, fold=fold)) for fold in several]
    contents = hashes or {}
    kinds: dict[str, Callable[[Utterance], str | None]] = {
        "speakers": lambda utterance: utterance.speaker_key if utterance.speaker else None,
        "sessions": lambda utterance: f"{utterance.corpus}/{utterance.session}" if utterance.session else None,
        "sentences": _sentence,
        "files": lambda utterance: str(utterance.path),
        "contents": lambda utterance: contents.get(utterance.key),
    }
    tested = {utterance.key: utterance for _, test in parts for utterance in test}
    used = {key for fold in several for key in (*fold.train, *fold.dev, *fold.test)}
    known, pairs = near_pairs(
        ((fold.train + fold.dev, fold.test) for fold in several), fingerprints or {}, threshold=near_duplicate
    )
    return Leakage(
        folds=len(several),
        tested=len(tested),
        shared=(
            *(_shared(kind, value, parts) for kind, value in kinds.items()),
            Shared("near-duplicates", known, tuple(map(str, pairs)), len(pairs)),
        ),
        single_emotion_speakers=_single_emotion(utterance for train, test in parts for utterance in (*train, *test)),
        statistics=_statistics(scaling, tested.values()),
        absent=_absent(several, by_key, labels={by_key[key].label for key in used}),
        given=len(by_key),
        left_out=tuple(sorted(by_key.keys() - used)),
    )


def _pick(names: Sequence[str], by_key: Mapping[str, Utterance], *, fold: Fold) -> list[Utterance]:
    missing = [name for name in names if name not in by_key]
    if missing:
        raise RunError(f"fold {fold.name} names {len(missing)} utterances that are not given (first: {missing[0]})")
    return [by_key[name] for name in names]


def _shared(
    kind: str,
    value: Callable[[Utterance], str | None],
    parts: Sequence[tuple[Sequence[Utterance], Sequence[Utterance]]],
) -> Shared:
    items: set[str] = set()
    clips: set[str] = set()
    known = False
    for train, test in parts:
        trained = {found for found in map(value, train) if found is not None}
        for utterance in test:
            found = value(utterance)
            known = known or found is not None
            if found in trained and found is not None:
                items.add(found)
                clips.add(utterance.key)
    return Shared(kind, known, tuple(sorted(items)), len(clips))


def _sentence(utterance: Utterance) -> str | None:
    sentence = utterance.extras.get("sentence")
    return f"{utterance.corpus}/{sentence}" if sentence else None


def _statistics(scaling: Scaling, tested: Iterable[Utterance]) -> Statistics:
    if scaling == "train":
        return Statistics("train")
    scaled = [utterance for utterance in tested if utterance.speaker]
    return Statistics("speaker", tuple(sorted({utterance.speaker_key for utterance in scaled})), len(scaled))


def _absent(folds: Sequence[Fold], by_key: Mapping[str, Utterance], *, labels: set[str]) -> tuple[Absent, ...]:
    """Return the folds that lack labels. A dev part teaches nothing: it only chooses among what was learned."""
    found = []
    for fold in folds:
        trained = {by_key[key].label for key in fold.train}
        tested = {by_key[key].label for key in fold.test}
        if tested - trained or labels - tested:
            found.append(Absent(fold.name, tuple(sorted(tested - trained)), tuple(sorted(labels - tested))))
    return tuple(found)


def _single_emotion(utterances: Iterable[Utterance]) -> tuple[str, ...]:
    labels: dict[str, set[str]] = defaultdict(set)
    for utterance in utterances:
        if utterance.speaker:
            labels[utterance.speaker_key].add(utterance.label)
    return tuple(sorted(speaker for speaker, of in labels.items() if len(of) == 1))


def _some(items: Sequence[str]) -> str:
    rest = len(items) - SHOWN
    return ", ".join(items[:SHOWN]) + (f" and {rest} more" if rest > 0 else "")
