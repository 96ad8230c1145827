"""A protocol: a specification and the splitter of its base, which together give folds; protocols by name.

Limited training data: clips are chosen from the train and the dev part in proportion to their sizes, and stay in their
part. The choice is stratified by label: one clip of each label first, then labels in proportion. Choices are nested:
with the same seed, the clips of a smaller number are among those of a larger one.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from emotone.errors import RunError, UsageError
from emotone.protocols.base import FoldUtterances, base_forms, grouped, keys, shuffled, splitter_of
from emotone.protocols.spec import FORMS, SCALING, ProtocolSpec
from emotone.types import Fold

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from emotone.protocols.base import Splitter
    from emotone.protocols.spec import Scaling
    from emotone.types import Utterance

TARGET_VERSION = 1  # changes whenever a target corpus would give other folds
LIMIT_VERSION = 1  # changes whenever limited training data would give other folds
TRAINING_ONLY_VERSION = 1  # changes whenever corpora that are never tested would give other folds

FEWEST_SPEAKERS = "leave-one-speaker-out"  # the speaker-independent base that needs the fewest speakers: two


def limit_training(fold: FoldUtterances, *, clips: int, seed: int) -> FoldUtterances:
    """Return a fold whose train and dev parts contain `clips` clips of each corpus; the test part does not change.

    Raises:
        RunError: the fold has fewer clips of a corpus.

    """
    kept: tuple[list[Utterance], list[Utterance]] = ([], [])
    for corpus in sorted({utterance.corpus for utterance in (*fold.train, *fold.dev)}):
        parts = [[each for each in part if each.corpus == corpus] for part in (fold.train, fold.dev)]
        available = sum(map(len, parts))
        if available < clips:
            raise RunError(
                f"@{clips} needs {clips} training clips of each corpus, but fold {fold.name} has {available} of "
                f"{corpus}; give a smaller number, or omit @{clips}"
            )
        dev = round(clips * len(parts[1]) / available)
        for chosen, part, count in zip(kept, parts, (clips - dev, dev), strict=True):
            by_key = {utterance.key: utterance for utterance in part}
            chosen.extend(by_key[key] for key in stratified_order(part, seed=seed)[:count])
    return FoldUtterances(fold.name, train=kept[0], dev=kept[1], test=fold.test)


def stratified_order(utterances: Sequence[Utterance], *, seed: int) -> list[str]:
    """Return the keys of utterances in an order whose first N keys are a stratified sample by label, for every N.

    Sorting is by rank / count within each label, which is in [0, 1): one clip of each label comes first, then labels
    alternate in proportion to their counts.
    """
    strata = grouped(utterances, lambda utterance: utterance.label)
    ranks = {
        key: rank / len(stratum)
        for stratum in strata.values()
        for rank, key in enumerate(shuffled(keys(stratum), seed=seed, purpose="few"))
    }
    # The sort is stable, so equal ranks keep the order of the second shuffle.
    return sorted(shuffled(ranks, seed=seed, purpose="turn"), key=lambda key: ranks[key])


@dataclass(frozen=True)
class Protocol:
    """One exact division into folds. Get one with `emotone.protocols.protocol(name)`.

    Attributes:
        spec: the specification, whose base is `splitter.name`.
        splitter: divides the target corpus, or all corpora where there is no target.
        training_only: names of corpora that join every training part and are never tested.

    """

    spec: ProtocolSpec
    splitter: Splitter
    training_only: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The short spelling, which the predictions table contains; file-based lists are named by their content."""
        return str(self.spec)

    @property
    def version(self) -> int:
        """Version of the base."""
        return self.splitter.version

    @property
    def scaling(self) -> Scaling:
        """Which statistics scale features: "train" or "speaker"."""
        return self.spec.scaling

    @property
    def signature(self) -> tuple[str | int, ...]:
        """What identifies the folds in the name of a run: name, versions, and the hash of lists that were read."""
        versions = (
            *((TARGET_VERSION,) if self.spec.target is not None else ()),
            *((LIMIT_VERSION,) if self.spec.train_clips is not None else ()),
            *((TRAINING_ONLY_VERSION, *self.training_only) if self.training_only else ()),
            self.splitter.version,
        )
        return (self.name, *versions, *((self.splitter.content,) if self.splitter.content else ()))

    @property
    def speaker_independent(self) -> bool:
        """Whether no speaker of a test part is ever in the same fold's train or dev part."""
        return self.splitter.speaker_independent

    @property
    def covering(self) -> bool:
        """Whether every utterance is in exactly one test part; otherwise the score is of some utterances only."""
        return self.splitter.covering and self.spec.target is None and not self.training_only

    @property
    def description(self) -> str:
        """The division, in one clause for reports, without a full stop."""
        text = self.splitter.description
        if self.spec.train_clips is not None:
            text = f"{text}; training data limited to {self.spec.train_clips} clips of each divided corpus"
        if self.spec.target is not None:
            text = f"{self.spec.target}: {text}; all other corpora are training data and never tested"
        elif self.training_only:
            text = f"{text}; {', '.join(self.training_only)}: training data, never tested"
        return text

    @property
    def title(self) -> str:
        """The description and the scaling, e.g. for the line below a table of scores."""
        return f"{self.description}; {SCALING[self.scaling]}"

    @property
    def twin(self) -> str | None:
        """The speaker-independent protocol to report next to this one, or None where this one is."""
        return None if self.splitter.twin is None else str(replace(self.spec, base=self.splitter.twin))

    def notes(self, utterances: Sequence[Utterance]) -> tuple[str, ...]:
        """Return what users need to know about this protocol on these utterances, one sentence each."""
        target, others = self._target_and_others(utterances)
        notes = list(self.splitter.notes(target))
        if self.spec.train_clips is not None:
            used = {key for fold in self.folds(utterances, seed=0) for key in (*fold.train, *fold.dev, *fold.test)}
            if not keys(utterances) <= used and not any("left out" in note for note in notes):
                notes.append(
                    f"left out: all clips that are not tested, except for {self.spec.train_clips} of each corpus"
                )
        if others:
            counts = grouped(others, lambda utterance: utterance.corpus)
            listed = ", ".join(f"{corpus} {len(of_corpus)}" for corpus, of_corpus in counts.items())
            notes.insert(0, f"trained on and never tested: {listed}")
        return tuple(notes)

    def folds(self, utterances: Sequence[Utterance], *, seed: int) -> list[Fold]:
        """Return the folds. Where `covering`, their test parts contain every utterance exactly once.

        Other protocols may leave utterances out of all parts: `audit(...).left_out` names them.

        Args:
            utterances: at least two, with different keys.
            seed: 0 or more; decides which speakers or clips are in which part.

        Returns:
            Folds whose parts contain `Utterance.key`, sorted. `dev` may be empty; `train` and `test` never are.

        Raises:
            RunError: too few utterances, speakers or sessions, a missing speaker, a duplicate key, or a corpus that
                this protocol does not divide.
            UsageError: a negative seed.

        Example:
            >>> from pathlib import Path
            >>> from emotone.protocols import protocol
            >>> from emotone.types import Utterance
            >>> def clip(name, speaker):
            ...     return Utterance(name, "toy", Path(name), 0.0, None, speaker, speaker, "anger")
            >>> first, _ = protocol("leave-one-speaker-out").folds([clip("a", "s1"), clip("b", "s2")], seed=0)
            >>> first.name, first.train, first.test
            ('toy.s1', ('toy/b',), ('toy/a',))

        """
        if seed < 0:
            raise UsageError(f"seed {seed} is negative; give 0 or more")
        ordered = sorted(utterances, key=lambda utterance: utterance.key)
        self._check(ordered)
        return [self._fold(parts) for parts in self._split(ordered, seed=seed)]

    def _split(self, utterances: Sequence[Utterance], *, seed: int) -> Iterator[FoldUtterances]:
        target, others = self._target_and_others(utterances)
        for fold in self.splitter.split(target, seed=seed):
            clips = self.spec.train_clips
            limited = fold if clips is None else limit_training(fold, clips=clips, seed=seed)
            yield replace(limited, train=[*limited.train, *others])

    def _target_and_others(self, utterances: Sequence[Utterance]) -> tuple[list[Utterance], list[Utterance]]:
        """Return the utterances that the base divides, and those that join the training parts."""
        target: list[Utterance] = []
        others: list[Utterance] = []
        for each in utterances:
            is_divided = self.spec.target in {None, each.corpus} and each.corpus not in self.training_only
            (target if is_divided else others).append(each)
        return target, others

    def _fold(self, parts: FoldUtterances) -> Fold:
        """Return a fold as keys, after checking what every fold promises."""
        by_part = {"train": parts.train, "dev": parts.dev, "test": parts.test}
        sorted_keys = {part: tuple(sorted(keys(of))) for part, of in by_part.items()}
        for part in ("train", "test"):
            if not sorted_keys[part]:
                raise RunError(f"{self.name} leaves the {part} part of fold {parts.name} empty for these utterances")
        counts = Counter(key for of in sorted_keys.values() for key in of)
        repeated = sorted(key for key, count in counts.items() if count > 1)
        if repeated:
            raise RunError(f"{self.name} has {len(repeated)} clips in two parts of {parts.name} (first: {repeated[0]})")
        if self.speaker_independent:
            tested = {utterance.speaker_key for utterance in parts.test}
            shared = sorted(tested & {utterance.speaker_key for utterance in (*parts.train, *parts.dev)})
            if shared:
                raise RunError(
                    f"{self.name} is speaker-independent, but {len(shared)} test speakers of fold {parts.name} are in "
                    f"its train or dev part too (first: {shared[0]})"
                )
        return Fold(parts.name, train=sorted_keys["train"], dev=sorted_keys["dev"], test=sorted_keys["test"])

    def _check(self, utterances: Sequence[Utterance]) -> None:
        """Raise `RunError` for utterances that this protocol can't divide."""
        counts = Counter(utterance.key for utterance in utterances)
        repeated = [key for key, count in counts.items() if count > 1]
        if repeated:
            raise RunError(f"{len(repeated)} keys of utterances are not unique (first: {repeated[0]}); ids must differ")
        target, others = self._target_and_others(utterances)
        if self.training_only and not target:
            raise RunError(
                f"this recipe only trains on {', '.join(self.training_only)} and never tests them, and nothing else is "
                f"left for {self.name} to test; give a corpus with emotions"
            )
        if self.spec.target is not None and not (target and others):
            given = ", ".join(sorted({utterance.corpus for utterance in utterances})) or "nothing"
            raise RunError(
                f"{self.name} tests the corpus {self.spec.target} and trains on others too; given: {given}. "
                f"Give both, or choose {replace(self.spec, target=None)}"
            )
        if len(target) < 2:
            raise RunError(f"{self.splitter.name} divides at least 2 utterances; given: {len(target)}")
        self.splitter.check(target)
        unnamed = [each for each in utterances if not each.speaker and each.corpus not in self.training_only]
        if unnamed and (self.speaker_independent or self.scaling == "speaker"):
            corpora = ", ".join(sorted({f"'{utterance.corpus}'" for utterance in unnamed}))
            why = "is speaker-independent" if self.speaker_independent else "scales features per speaker"
            raise RunError(
                f"{len(unnamed)} utterances in the table of corpus {corpora} have no speaker (first: {unnamed[0].key}),"
                f" and {self.name} {why}; fill the column 'speaker', or choose a protocol that does not need it, such "
                "as random-5"
            )


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
