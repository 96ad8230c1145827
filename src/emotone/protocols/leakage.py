"""What training and test parts share: the audit that stands beside every score.

Sharing is counted between a fold's test part and everything that chose or fitted the system: its train and dev parts.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from emotone.errors import RunError
from emotone.types import Fold

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from emotone.types import Utterance

SHOWN = 3  # names in a one-line summary


@dataclass(frozen=True, slots=True)
class Shared:
    """One kind of thing on both sides of a fold.

    Attributes:
        kind: "speakers", "sessions", "sentences", "files" or "contents".
        known: whether the utterances tell; nothing is shared as far as known where they do not.
        items: what is shared in at least one fold, sorted, e.g. `("emodb/03",)`.
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
class Leakage:
    """What `audit` found.

    Attributes:
        folds: how many were looked at.
        tested: utterances in at least one test part.
        shared: one record per kind: speakers, sessions, sentences, files, contents.
        single_emotion_speakers: speakers heard with one label only, so that knowing the voice is knowing the answer.

    """

    folds: int
    tested: int
    shared: tuple[Shared, ...]
    single_emotion_speakers: tuple[str, ...]

    def __getitem__(self, kind: str) -> Shared:
        """Return the record of one kind, e.g. `leakage["speakers"]`."""
        return {record.kind: record for record in self.shared}[kind]

    @property
    def clean(self) -> bool:
        """Whether no speaker, file or content is known to be shared. Sentences may be: acted corpora repeat them."""
        return not any(self[kind].items for kind in ("speakers", "files", "contents"))

    def lines(self) -> list[str]:
        """Return a summary, one line per kind."""
        lines = [record.line(tested=self.tested) for record in self.shared]
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
        }


def audit(
    folds: Fold | Sequence[Fold], utterances: Sequence[Utterance], *, hashes: Mapping[str, str] | None = None
) -> Leakage:
    """Return what the test parts of folds share with their train and dev parts.

    Args:
        folds: one fold or all of them.
        utterances: at least those that the folds name.
        hashes: content hash (of file or samples) by `Utterance.key`; finds copies under other names.

    Raises:
        RunError: a fold names an utterance that is not there.

    Example:
        >>> from pathlib import Path
        >>> from emotone.types import Utterance
        >>> def clip(name, speaker):
        ...     return Utterance(name, "toy", Path(name), 0.0, None, speaker, speaker, "anger")
        >>> fold = Fold("fold-1", train=("toy/a",), dev=(), test=("toy/b",))
        >>> audit(fold, [clip("a", "s1"), clip("b", "s1")]).lines()[0]
        'speakers: 1 shared, by 1 of 1 test clips: toy/s1'

    """
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
    return Leakage(
        folds=len(several),
        tested=len(tested),
        shared=tuple(_shared(kind, value, parts) for kind, value in kinds.items()),
        single_emotion_speakers=_single_emotion(utterance for train, test in parts for utterance in (*train, *test)),
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


def _single_emotion(utterances: Iterable[Utterance]) -> tuple[str, ...]:
    labels: dict[str, set[str]] = defaultdict(set)
    for utterance in utterances:
        if utterance.speaker:
            labels[utterance.speaker_key].add(utterance.label)
    return tuple(sorted(speaker for speaker, of in labels.items() if len(of) == 1))


def _some(items: Sequence[str]) -> str:
    rest = len(items) - SHOWN
    return ", ".join(items[:SHOWN]) + (f" and {rest} more" if rest > 0 else "")
