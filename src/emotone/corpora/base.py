"""What every corpus file says about itself: licence, citation, access, layout, expected counts, and a path parser.

To add a corpus, add one file that defines `CORPUS`; it is found by its name. A parser is a pure function of the
path below the corpus folder, so it is tested without a recording, and it accepts only what the corpus holds:
a strict parser is what lets a folder's corpus be recognised and a foreign file be pointed out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from emotone.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import PurePosixPath

SUFFIXES = (".wav", ".flac", ".ogg")
"""The original format first; copies are often converted to the others."""


@dataclass(frozen=True, slots=True)
class Licence:
    """What may be done with a corpus, and with weights trained on it.

    Attributes:
        name: SPDX identifier, or `LicenseRef-...` where the terms have none.
        weights_shippable: whether weights trained on it may be published.
        note: under which condition, in one sentence.

    """

    name: str
    weights_shippable: bool
    note: str


@dataclass(frozen=True, slots=True)
class Parsed:
    """What one path says.

    Attributes:
        id: unique within the corpus; the same for a converted copy and in every layout.
        speaker: unique within the corpus.
        label: the corpus's own word for the emotion.
        session: recording session shared by speakers; "" where the corpus has none (the speaker then stands for it).
        extras: what else the path tells: sentence, intensity, repetition, version, gender.

    """

    id: str
    speaker: str
    label: str
    session: str = ""
    extras: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Corpus:
    """One corpus: what it is, how to get it, what it should hold, and how to read its paths.

    Attributes:
        name: registry name.
        title: full name.
        languages: BCP 47 tags.
        speakers: every speaker's id, as `Parsed.speaker` gives it.
        counts: clips per canonical emotion in the complete corpus.
        emotions: the corpus's own words, each with its canonical emotion.
        licence: terms.
        citation: the publication to cite.
        access: how to get it.
        layout: how its folders and names are made.
        examples: paths below the corpus folder as found in downloads, at least one per label.
        parser: path below the corpus folder, without regard to its suffix -> what it says, None if it is not
            this corpus's.
        suffixes: accepted, in lower case.
        known_duplicates: ids of clips that are byte-identical in the published corpus itself.

    """

    name: str
    title: str
    languages: tuple[str, ...]
    speakers: tuple[str, ...]
    counts: Mapping[str, int]
    emotions: Mapping[str, str]
    licence: Licence
    citation: str
    access: str
    layout: str
    examples: tuple[str, ...]
    parser: Callable[[PurePosixPath], Parsed | None]
    suffixes: tuple[str, ...] = SUFFIXES
    known_duplicates: tuple[tuple[str, ...], ...] = ()

    @property
    def clips(self) -> int:
        """Number of clips in the complete corpus."""
        return sum(self.counts.values())

    def parse(self, relative: PurePosixPath) -> Parsed | None:
        """Return what a path below the corpus folder says, or None if it is not a clip of this corpus.

        Nothing on disk is touched. The suffix is compared without regard to case.

        Example:
            >>> from pathlib import PurePosixPath
            >>> CORPORA.get("emodb").parse(PurePosixPath("wav/03a01Fa.wav")).label
            'Freude'

        """
        if relative.suffix.lower() not in self.suffixes:
            return None
        return self.parser(relative)


HELPERS = frozenset({"base", "labels", "scan", "table", "resolve", "check", "measure"})
CORPORA: Registry[Corpus] = Registry("corpus", "emotone.corpora", "CORPUS", HELPERS)
