"""Description of a corpus: licence, citation, access, layout, expected counts, and a path parser.

To add a corpus, add one file to `emotone.corpora.datasets` that defines `CORPUS`; it is found by its name. A parser is
a pure function of the path below the corpus folder, so it is tested without recordings. It accepts only paths of the
corpus: a strict parser allows `corpora check` to recognise the corpus of a folder and to list other files.
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
"""Of a corpus of videos: as downloaded, converted, or audio only."""

TWO_LETTERS = {
    "an": "anger",
    "di": "disgust",
    "fe": "fear",
    "ha": "happiness",
    "sa": "sadness",
    "su": "surprise",
}
"""The six emotions in the names of the videos of eNTERFACE'05 and RML."""


@dataclass(frozen=True, slots=True)
class Licence:
    """Terms of use of a corpus, and of weights trained on it.

    Attributes:
        name: SPDX identifier, or `LicenseRef-...` where the terms have none.
        weights_shippable: whether weights trained on it may be published.
        note: the conditions, in one sentence.

    """

    name: str
    weights_shippable: bool
    note: str


@dataclass(frozen=True, slots=True)
class ParsedPath:
    """The information in one path.

    Attributes:
        id: unique within the corpus; the same for a converted copy and in every layout.
        speaker: unique within the corpus; "" where names do not contain it.
        label: the corpus's own word for the emotion; "" where label files contain it (see `AnnotationFiles`).
        session: recording session shared by speakers; "" where the corpus has none (the speaker is used instead).
        extras: other information: sentence, intensity, repetition, version, gender.

    """

    id: str
    speaker: str
    label: str
    session: str = ""
    extras: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Annotation:
    """One entry of a label file about one utterance. Entries with the same id are merged.

    Attributes:
        id: of the utterance, unique within the corpus.
        recording: `ParsedPath.id` of the recording that contains it.
        label: the corpus's own word for the emotion; "" if the entry only adds extras, such as the spoken words.
        start: seconds from the start of the recording.
        end: seconds, or None for the end of the recording.
        extras: other information.

    """

    id: str
    recording: str
    label: str = ""
    start: Seconds = 0.0
    end: Seconds | None = None
    extras: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class AnnotationFiles:
    """How the label files of a corpus are read, where file names do not contain the emotion. Both functions are pure.

    Attributes:
        wanted: path below the corpus folder -> whether that file contains labels or texts.
        read: that path and its text -> the entries; a str is a line that can't be read, with the reason.
        examples: path -> text: files that label every one of `Corpus.examples`, as in downloads.

    """

    wanted: Callable[[PurePosixPath], bool]
    read: Callable[[PurePosixPath, str], Iterator[Annotation | str]]
    examples: Mapping[str, str]


@dataclass(frozen=True)
class Corpus:
    """One corpus: title, terms, access, expected contents, and a parser of its paths.

    Attributes:
        name: registry name.
        title: full name.
        languages: BCP 47 tags.
        speakers: ids of all speakers, as in `ParsedPath.speaker`; empty where they are not known.
        counts: clips per canonical emotion in the complete corpus; None where the number is not known, because it was
            not published, or publications differ.
        emotions: the corpus's own words, each with its canonical emotion, or "unknown" where raters disagreed.
        licence: terms.
        citation: the publication to cite.
        access: how to get it.
        layout: of its folders and names.
        examples: paths below the corpus folder as found in downloads, at least one per label.
        parser: path below the corpus folder -> its information, or None if it does not belong to this corpus; it
            ignores the suffix.
        suffixes: accepted, in lower case.
        known_duplicates: ids of clips that are byte-identical in the published corpus itself.
        annotations: how its label files are read; None where file names contain the emotion.
        published_speakers: their number, where it is known but their ids are not.
        minutes: duration of the complete corpus, published or measured; None where that is not known.
        verified: whether the parser was tested on a complete copy; otherwise only on folders made after descriptions of
            the layout.

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
        """Clips per canonical emotion, where the number is known."""
        return {label: count for label, count in self.counts.items() if count is not None}

    @property
    def clips(self) -> int | None:
        """Number of clips in the complete corpus, or None where it is not known."""
        known = self.known_counts
        return sum(known.values()) if len(known) == len(self.counts) else None

    @property
    def evidence(self) -> str:
        """What the parser was tested on, for reports."""
        if self.verified:
            return "tested on a complete copy"
        return "written from descriptions of the layout and tested on folders made after them, not on a copy"

    @property
    def speaker_count(self) -> int | None:
        """Number of speakers, or None where it is not known."""
        return len(self.speakers) or self.published_speakers

    def parse(self, relative: PurePosixPath) -> ParsedPath | None:
        """Return the information in a path below the corpus folder, or None if it is not a clip of this corpus.

        Nothing is read from disk. The suffix is compared without regard to case.

        Example:
            >>> from pathlib import PurePosixPath
            >>> CORPORA.get("emodb").parse(PurePosixPath("wav/03a01Fa.wav")).label
            'Freude'

        """
        if relative.suffix.lower() not in self.suffixes:
            return None
        return self.parser(relative)


CORPORA: Registry[Corpus] = Registry("corpus", "emotone.corpora.datasets", "CORPUS")
