"""One fold by lists of speakers or sessions: common to published splits and users' own lists."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from emotone.errors import ConfigError, unknown_name
from emotone.protocols.base import FoldUtterances, Splitter
from emotone.protocols.sampling import grouped, session_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from emotone.types import Utterance

FOLD = "split"


@dataclass(frozen=True)
class PartLists:
    """The speakers or sessions of each part.

    Attributes:
        train: names, as `corpus/name`, or plain where one corpus is divided.
        test: like train.
        dev: like train; may be empty.

    """

    train: tuple[str, ...]
    test: tuple[str, ...]
    dev: tuple[str, ...] = ()

    @property
    def parts(self) -> dict[str, tuple[str, ...]]:
        """The names by part."""
        return {"train": self.train, "dev": self.dev, "test": self.test}


@dataclass(frozen=True, kw_only=True)
class ListSplitter(Splitter):
    """A train, a dev and a test part by lists. Clips of unlisted speakers are left out, and counted in `notes`.

    Attributes:
        lists: the names of each part.
        by: what the lists name.
        where: what messages call the lists.

    """

    lists: PartLists
    where: str
    by: Literal["speaker", "session"] = "speaker"

    @property
    def speaker_independent(self) -> bool:
        """Always: a speaker in two parts is an error."""
        return True

    @property
    def description(self) -> str:
        """The sizes of the lists."""
        parts = ", ".join(f"{len(names)} {part}" for part, names in self.lists.parts.items() if names)
        return f"one split by a list of {self.by}s ({parts})"

    @property
    def covering(self) -> bool:
        """Never: training clips are not tested."""
        return False

    def notes(self, utterances: Sequence[Utterance]) -> tuple[str, ...]:
        """Count the utterances that are left out, and name the first of their speakers."""
        listed = set(self._part_of(utterances))
        left = [utterance for utterance in utterances if self._group(utterance) not in listed]
        if not left:
            return ()
        groups = sorted({self._group(utterance) for utterance in left})
        note = f"{len(left)} of {len(utterances)} utterances are left out: {len(groups)} {self.by}s are in no list"
        return (f"{note} (first: {groups[0]})",)

    def split(self, utterances: Sequence[Utterance], *, seed: int) -> Iterator[FoldUtterances]:  # noqa: ARG002 - listed
        """Yield the one fold."""
        part_of = self._part_of(utterances)
        parts: dict[str, list[Utterance]] = defaultdict(list)
        for utterance in utterances:
            parts[part_of.get(self._group(utterance), "left out")].append(utterance)
        yield FoldUtterances(FOLD, train=parts["train"], dev=parts["dev"], test=parts["test"])

    def _group(self, utterance: Utterance) -> str:
        return utterance.speaker_key if self.by == "speaker" else session_key(utterance)

    def _part_of(self, utterances: Sequence[Utterance]) -> dict[str, str]:
        """Return the part of every listed group, each of which must be among the utterances."""
        known = grouped(utterances, self._group)
        corpora = sorted({utterance.corpus for utterance in utterances})
        part_of: dict[str, str] = {}
        for part, names in self.lists.parts.items():
            for name in names:
                full = f"{corpora[0]}/{name}" if len(corpora) == 1 and name not in known else name
                if full not in known:
                    plain = {key.partition("/")[2] if len(corpora) == 1 else key for key in known}
                    raise ConfigError(f"{self.where}: {part}: {unknown_name(self.by, name, plain)}")
                if part_of.setdefault(full, part) != part:
                    raise ConfigError(f"{self.where}: {full} is in {part_of[full]} and in {part}; one list each")
        return part_of


def check_lists(lists: PartLists, *, where: str) -> None:
    """Raise `ConfigError` for an empty train or test list, and for a name that is listed twice."""
    seen: Mapping[str, str] = {}
    for part, names in lists.parts.items():
        if not names and part != "dev":
            raise ConfigError(f"{where}: {part} is empty; list at least one speaker")
        for name in names:
            if name in seen:
                both = f"twice in {part}" if seen[name] == part else f"in {seen[name]} and in {part}"
                raise ConfigError(f"{where}: '{name}' is {both}; list a speaker once")
            seen = {**seen, name: part}
