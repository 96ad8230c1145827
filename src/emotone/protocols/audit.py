"""The audit of folds: what their test parts share with their train and dev parts, and what they lack.

Test clips that are nearly equal to a training clip (the same recording, cut, changed in level or coded again) count as
shared. The dev part counts as training data, because it selects the epoch and fits the calibration.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from emotone.corpora.findings import is_absent, normalised_speaker
from emotone.errors import RunError
from emotone.protocols.spec import (
    NEAR_DUPLICATES,
    SPELLINGS,
    Leakage,
    MissingLabels,
    ScalingStatistics,
    SharedItems,
)
from emotone.types import Fold, Utterance

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from emotone.protocols.spec import Scaling

BLOCK = 1024  # rows of a product, which then needs 4 MiB of float32 for any size of corpus
UNIT_TOLERANCE = 1e-3  # of a fingerprint's length; float16 on disk rounds to half of that

NEAR_DUPLICATE = 0.99  # cosine from which two fingerprints count as one recording; it depends on the fingerprint

Parts: TypeAlias = "Sequence[tuple[Sequence[Utterance], Sequence[Utterance]]]"
"""Training and test utterances of each fold."""


@dataclass(frozen=True, slots=True)
class NearDuplicate:
    """A test clip, the nearest training clip, and the cosine between their fingerprints."""

    test: str
    train: str
    cosine: float

    def __str__(self) -> str:
        """Return e.g. `toy/b ~ toy/a (0.998)`."""
        return f"{self.test} ~ {self.train} ({self.cosine:.3f})"


def near_pairs(
    parts: Iterable[tuple[Sequence[str], Sequence[str]]],
    fingerprints: Mapping[str, NDArray[np.floating]],
    *,
    threshold: float,
    block: int = BLOCK,
) -> tuple[bool, tuple[NearDuplicate, ...]]:
    """Return whether any clips could be compared, and the nearest training clip of each test clip, if near enough.

    Args:
        parts: keys of the training and of the test clips of each fold; only these are compared.
        fingerprints: vectors of length 1 and of one dimension, by key; a clip without one is not compared.
        threshold: cosine from which two clips are near-duplicates.
        block: rows and columns of the matrices that are multiplied at a time; it does not change the result.

    """
    known = False
    nearest: dict[str, NearDuplicate] = {}
    for train, test in parts:
        trained = [key for key in train if key in fingerprints]
        tested = [key for key in test if key in fingerprints]
        known = known or bool(trained and tested)
        for pair in _nearest(trained, tested, fingerprints, block=block):
            best = nearest.get(pair.test)
            if pair.cosine >= threshold and (best is None or pair.cosine > best.cosine):
                nearest[pair.test] = pair
    return known, tuple(nearest[key] for key in sorted(nearest))


def _nearest(
    trained: Sequence[str],
    tested: Sequence[str],
    fingerprints: Mapping[str, NDArray[np.floating]],
    *,
    block: int,
) -> Iterable[NearDuplicate]:
    """Yield the nearest training clip of each test clip within each block of training clips."""
    for column in range(0, len(trained), block):
        names = trained[column : column + block]
        against = _matrix(names, fingerprints)
        for row in range(0, len(tested), block):
            keys = tested[row : row + block]
            cosines = _matrix(keys, fingerprints) @ against.T
            best = cosines.argmax(axis=1)
            for place, (key, winner) in enumerate(zip(keys, best, strict=True)):
                yield NearDuplicate(key, names[winner], float(cosines[place, winner]))


def _matrix(names: Sequence[str], fingerprints: Mapping[str, NDArray[np.floating]]) -> NDArray[np.float32]:
    """Return fingerprints [clip, dimension], after checking that their lengths are 1."""
    vectors = [fingerprints[name] for name in names]
    shapes = {vector.shape for vector in vectors}
    if len(shapes) > 1 or len(vectors[0].shape) != 1:
        raise RunError(f"fingerprints must be vectors of one length; given shapes: {sorted(shapes)}")
    matrix = np.asarray(vectors, dtype=np.float32)
    lengths = np.linalg.norm(matrix, axis=1)
    wrong = np.flatnonzero(~(np.abs(lengths - 1.0) <= UNIT_TOLERANCE))  # NaN is wrong too
    if len(wrong):
        raise RunError(f"the fingerprint of {names[wrong[0]]} has length {lengths[wrong[0]]:.4g}; it must be 1")
    return matrix


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
        folds: one fold or several.
        utterances: those that the protocol was given, at least those in the folds; the others are left out by it.
        scaling: of the protocol.
        hashes: content hash (of file or samples) by `Utterance.key`; finds copies with other names.
        fingerprints: vectors of length 1 by `Utterance.key`, whose cosine is high for similar recordings; finds copies
            that were cut, changed in level or coded again. Without them near-duplicates are not known.
        near_duplicate: cosine from which two fingerprints count as one recording, in (0, 1].

    Raises:
        RunError: a fold names an unknown utterance, a fingerprint's length is not 1, or the threshold is out of range.

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
            SharedItems(NEAR_DUPLICATES, known, tuple(map(str, pairs)), len(pairs)),
            _spellings(parts),
        ),
        single_emotion_speakers=_single_emotion(utterance for train, test in parts for utterance in (*train, *test)),
        statistics=_statistics(scaling, tested.values()),
        missing_labels=_missing_labels(several, by_key, labels={by_key[key].label for key in used}),
        given=len(by_key),
        left_out=tuple(sorted(by_key.keys() - used)),
    )


def _pick(names: Sequence[str], by_key: Mapping[str, Utterance], *, fold: Fold) -> list[Utterance]:
    missing = [name for name in names if name not in by_key]
    if missing:
        raise RunError(f"fold {fold.name} names {len(missing)} utterances that are not given (first: {missing[0]})")
    return [by_key[name] for name in names]


def _shared(kind: str, value: Callable[[Utterance], str | None], parts: Parts) -> SharedItems:
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
    return SharedItems(kind, known, tuple(sorted(items)), len(clips))


def _spellings(parts: Parts) -> SharedItems:
    """Return test speakers who may be training speakers with another spelling, and names that may be anybody's."""
    items: set[str] = set()
    clips: set[str] = set()
    known = False
    for train, test in parts:
        trained: dict[str, set[str]] = defaultdict(set)
        unnamed = {utterance.corpus: utterance.speaker_key for utterance in train if is_absent(utterance.speaker)}
        for utterance in train:
            trained[_normalised(utterance)].add(utterance.speaker_key)
        for utterance in test:
            known = known or bool(utterance.speaker)
            others = trained[_normalised(utterance)] - {utterance.speaker_key} if utterance.speaker else set()
            found = {f"{utterance.speaker_key} ~ {other}" for other in others}
            if is_absent(utterance.speaker):
                found.add(f"{utterance.speaker_key} (no name)")
            elif utterance.corpus in unnamed:
                found.add(f"{unnamed[utterance.corpus]} (no name)")
            items |= found
            if found:
                clips.add(utterance.key)
    return SharedItems(SPELLINGS, known, tuple(sorted(items)), len(clips))


def _normalised(utterance: Utterance) -> str:
    return f"{utterance.corpus}/{normalised_speaker(utterance.speaker)}"


def _sentence(utterance: Utterance) -> str | None:
    sentence = utterance.extras.get("sentence")
    return f"{utterance.corpus}/{sentence}" if sentence else None


def _statistics(scaling: Scaling, tested: Iterable[Utterance]) -> ScalingStatistics:
    if scaling == "train":
        return ScalingStatistics("train")
    scaled = [utterance for utterance in tested if utterance.speaker]
    return ScalingStatistics("speaker", tuple(sorted({utterance.speaker_key for utterance in scaled})), len(scaled))


def _missing_labels(
    folds: Sequence[Fold], by_key: Mapping[str, Utterance], *, labels: set[str]
) -> tuple[MissingLabels, ...]:
    """Return the folds that lack labels. Labels of a dev part do not count: no weights are trained on them."""
    found = []
    for fold in folds:
        trained = {by_key[key].label for key in fold.train}
        tested = {by_key[key].label for key in fold.test}
        if tested - trained or labels - tested:
            found.append(MissingLabels(fold.name, tuple(sorted(tested - trained)), tuple(sorted(labels - tested))))
    return tuple(found)


def _single_emotion(utterances: Iterable[Utterance]) -> tuple[str, ...]:
    labels: dict[str, set[str]] = defaultdict(set)
    for utterance in utterances:
        if utterance.speaker:
            labels[utterance.speaker_key].add(utterance.label)
    return tuple(sorted(speaker for speaker, of_speaker in labels.items() if len(of_speaker) == 1))
