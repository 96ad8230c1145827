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
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import PurePosixPath

    from emotone.types import Seconds

SUFFIXES = (".wav", ".flac", ".ogg")
"""The original format first; copies are often converted to the others."""
VIDEO_SUFFIXES = (".avi", ".mp4", *SUFFIXES)
"""Of a corpus of videos: as downloaded, converted, or its sound alone."""

TWO_LETTERS = {
    "an": "anger",
    "di": "disgust",
    "fe": "fear",
    "ha": "happiness",
    "sa": "sadness",
    "su": "surprise",
}
"""The six emotions as eNTERFACE'05 and, after it, RML name their videos."""


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
class ParsedPath:
    """What one path says.

    Attributes:
        id: unique within the corpus; the same for a converted copy and in every layout.
        speaker: unique within the corpus; "" where names do not tell who speaks.
        label: the corpus's own word for the emotion; "" where it stands in a file (see `AnnotationFiles`).
        session: recording session shared by speakers; "" where the corpus has none (the speaker then stands for it).
        extras: what else the path tells: sentence, intensity, repetition, version, gender.

    """

    id: str
    speaker: str
    label: str
    session: str = ""
    extras: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Annotation:
    """What a label file says about one utterance. Several of one id are put together.

    Attributes:
        id: of the utterance, unique within the corpus.
        recording: `ParsedPath.id` of the recording that it is in.
        label: the corpus's own word for the emotion; "" if this one only adds extras, such as the words spoken.
        start: seconds from the start of the recording.
        end: seconds, or None for the end of the recording.
        extras: what else it says.

    """

    id: str
    recording: str
    label: str = ""
    start: Seconds = 0.0
    end: Seconds | None = None
    extras: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class AnnotationFiles:
    """How a corpus's label files are read, where its names do not tell the emotion. Both functions are pure.

    Attributes:
        wanted: path below the corpus folder -> whether that file holds labels or texts.
        read: that path and its text -> what it says; a str in between is a line that can't be read, with the reason.
        examples: path -> text: files that label every one of `Corpus.examples`, as in downloads.

    """

    wanted: Callable[[PurePosixPath], bool]
    read: Callable[[PurePosixPath, str], Iterator[Annotation | str]]
    examples: Mapping[str, str]


@dataclass(frozen=True)
class Corpus:
    """One corpus: what it is, how to get it, what it should hold, and how to read its paths.

    Attributes:
        name: registry name.
        title: full name.
        languages: BCP 47 tags.
        speakers: every speaker's id, as `ParsedPath.speaker` gives it; empty where they are not known.
        counts: clips per canonical emotion in the complete corpus, every emotion of it; None where the number is not
            known, because it was not published, or differently in different places.
        emotions: the corpus's own words, each with its canonical emotion, or "unknown" where its raters disagreed.
        licence: terms.
        citation: the publication to cite.
        access: how to get it.
        layout: how its folders and names are made.
        examples: paths below the corpus folder as found in downloads, at least one per label.
        parser: path below the corpus folder, without regard to its suffix -> what it says, None if it is not
            this corpus's.
        suffixes: accepted, in lower case.
        known_duplicates: ids of clips that are byte-identical in the published corpus itself.
        annotations: how its label files are read; None where names tell everything.
        published_speakers: their number, where it is known but their ids are not.
        minutes: of sound in the complete corpus, published or measured; None where that is not known.
        verified: whether a complete copy was read; otherwise only trees made after descriptions of its layout.

    """

    name: str
    title: str
    languages: tuple[str, ...]
    speakers: tuple[str, ...]
    counts: Mapping[str, int | None]
    emotions: Mapping[str, str]
    licence: Licence
    citation: str
    access: str
    layout: str
    examples: tuple[str, ...]
    parser: Callable[[PurePosixPath], ParsedPath | None]
    suffixes: tuple[str, ...] = SUFFIXES
    known_duplicates: tuple[tuple[str, ...], ...] = ()
    annotations: AnnotationFiles | None = None
    published_speakers: int | None = None
    minutes: float | None = None
    verified: bool = False

    @property
    def known_counts(self) -> dict[str, int]:
        """Clips per canonical emotion, of those emotions where the number is known."""
        return {label: count for label, count in self.counts.items() if count is not None}

    @property
    def clips(self) -> int | None:
        """Number of clips in the complete corpus, or None where it is not known."""
        known = self.known_counts
        return sum(known.values()) if len(known) == len(self.counts) else None

    @property
    def evidence(self) -> str:
        """What the parser was tried on, in words."""
        if self.verified:
            return "read from a complete copy"
        return "made after descriptions of the layout and tried on trees like them; no copy was read"

    @property
    def speaker_count(self) -> int | None:
        """Number of speakers, or None where it is not known."""
        return len(self.speakers) or self.published_speakers

    def parse(self, relative: PurePosixPath) -> ParsedPath | None:
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


CORPORA: Registry[Corpus] = Registry("corpus", "emotone.corpora.datasets", "CORPUS")
