"""Corpora of transcribed speech, without emotions: what a speech recogniser is trained on.

LibriSpeech, TED-LIUM 2, VoxForge, and own recordings with a `manifest.jsonl`. A parser is a pure function of the path
and the text of a transcript file, so it is tested without recordings.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from emotone.errors import CorpusError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from emotone.types import Seconds

_APOSTROPHES = re.compile("[\u2018\u2019\u02bc`]")
_PUNCTUATION = re.compile(r"[.,;:!?()\[\]\"\u201c\u201d\u2013\u2014\u2026/_-]")


@dataclass(frozen=True, slots=True)
class Transcript:
    """The words of one utterance.

    Attributes:
        id: unique within the corpus.
        recording: path below the corpus folder without its suffix, which differs between copies.
        text: as the corpus has it.
        speaker: unique within the corpus.
        start: seconds from the start of the recording.
        end: seconds, or None for the end of the recording.

    """

    id: str
    recording: PurePosixPath
    text: str
    speaker: str
    start: Seconds = 0.0
    end: Seconds | None = None


@dataclass(frozen=True)
class TranscribedCorpus:
    """One corpus of transcribed speech: terms, access, and a parser of its transcript files.

    Attributes:
        title: full name.
        licence: SPDX identifier, or `LicenseRef-...`.
        citation: the publication to cite.
        access: how to get it.
        layout: of its folders and files.
        suffixes: of recordings, the original format first.
        wanted: path below the corpus folder -> whether that file has transcripts.
        read: that path and its text -> transcripts; a str is a line that can't be read, with the reason.
        examples: path -> text: transcript files as in downloads.

    """

    title: str
    licence: str
    citation: str
    access: str
    layout: str
    suffixes: tuple[str, ...]
    wanted: Callable[[PurePosixPath], bool]
    read: Callable[[PurePosixPath, str], Iterator[Transcript | str]]
    examples: Mapping[str, str]


@dataclass(frozen=True)
class TranscribedClip:
    """A transcript with its recording.

    Attributes:
        path: of the recording.
        transcript: its words and its place in the recording.

    """

    path: Path
    transcript: Transcript


def read_transcripts(corpus: TranscribedCorpus, folder: Path) -> tuple[tuple[TranscribedClip, ...], tuple[str, ...]]:
    """Return the transcripts below a folder whose recordings exist, in order of their ids, and what was left out.

    Args:
        corpus: whose layout the folder has.
        folder: searched with all its folders.

    Returns:
        Clips, and one sentence for each line or recording that is missing or can't be read.

    Raises:
        CorpusError: there is no such folder, no transcript file, or no transcript with a recording.

    """
    if not folder.is_dir():
        raise CorpusError(f"{folder} is not a folder")
    clips: dict[str, TranscribedClip] = {}
    problems: list[str] = []
    files = [path for path in sorted(folder.rglob("*")) if corpus.wanted(_below(path, folder)) and path.is_file()]
    if not files:
        raise CorpusError(f"{folder} has no transcripts of {corpus.title}; its layout is: {corpus.layout}")
    for file in files:
        text = file.read_text(encoding="utf-8", errors="replace")
        for found in corpus.read(_below(file, folder), text):
            if isinstance(found, str):
                problems.append(f"{file}: {found}")
                continue
            recording = _recording(folder, found.recording, corpus.suffixes)
            if recording is None:
                problems.append(f"{file}: {found.id} has no recording {found.recording}{corpus.suffixes[0]}")
            elif found.id in clips:
                problems.append(f"{file}: {found.id} has another transcript; the first one is used")
            else:
                clips[found.id] = TranscribedClip(recording, found)
    if not clips:
        raise CorpusError(
            f"{folder} has no transcript with a recording: {problems[0] if problems else 'files are empty'}"
        )
    return tuple(clips[name] for name in sorted(clips)), tuple(problems)


def matched_lines(text: str, pattern: re.Pattern[str], *, what: str) -> Iterator[re.Match[str] | str]:
    """Yield the match of each line, or a sentence that it is not `what` is expected; empty lines are skipped."""
    for number, line in enumerate(text.splitlines(), start=1):
        match = pattern.fullmatch(line.strip())
        if match is not None:
            yield match
        elif line.strip():
            yield f"line {number} is not {what}: '{line}'"


def text_of_characters(text: str, characters: str) -> str:
    """Return a transcript in the characters of a recogniser: its case, single spaces, no punctuation.

    Args:
        text: of a corpus. Punctuation and hyphens become spaces; typographic apostrophes become `'`.
        characters: all that may remain.

    Raises:
        CorpusError: nothing remains, or another character does, e.g. a digit.

    Example:
        >>> text_of_characters("Well\u2014it\u2019s  late, isn't it?", "'ABCDEFGHIJKLMNOPQRSTUVWXYZ ")
        "WELL IT'S LATE ISN'T IT"

    """
    plain = _PUNCTUATION.sub(" ", _APOSTROPHES.sub("'", text))
    plain = plain.upper() if characters.upper() == characters else plain.lower()
    plain = " ".join(plain.split())
    if not plain:
        raise CorpusError(f"the transcript '{text}' is empty; remove it")
    unknown = sorted(set(plain) - set(characters))
    if unknown:
        raise CorpusError(
            f"the transcript '{text}' has the characters {' '.join(unknown)}; the recogniser has '{characters}': write "
            "numbers and abbreviations out, or train it with these characters"
        )
    return plain


def _below(path: Path, folder: Path) -> PurePosixPath:
    return PurePosixPath(path.relative_to(folder).as_posix())


def _recording(folder: Path, recording: PurePosixPath, suffixes: tuple[str, ...]) -> Path | None:
    """Return the recording with the first suffix that exists; a path that has a suffix already is taken as it is."""
    whole = folder / recording
    candidates = [whole.with_name(whole.name + suffix) for suffix in suffixes]
    return next((path for path in (*candidates, whole) if path.is_file()), None)


CHAPTER_FILE = re.compile(r"(?P<speaker>\d+)-(?P<chapter>\d+)\.trans\.txt")
CHAPTER_LINE = re.compile(r"(?P<id>\d+-\d+-\d{4})\s+(?P<text>\S.*)")

FIELDS = 6  # talk, channel, speaker, start, end, conditions; then the words
IGNORED = "ignore_time_segment_in_scoring"  # stands for the words of a part that is not transcribed
NOISE = re.compile(r"<[^>]*>|\{[^}]*\}|\[[^\]]*\]")  # <unk>, {SMACK}, [NOISE]
VARIANT = re.compile(r"\(\d+\)")  # of a pronunciation: and(2)
JOINED = re.compile(r"\s+'(?=[a-z])")  # that 's

PROMPT_LINE = re.compile(r"(?:\S*/)?(?P<sentence>[\w.-]+)\s+(?P<text>\S.*)")
ANONYMOUS = "anonymous"  # name of many speakers, whom their folders distinguish

MANIFEST_NAME = "manifest.jsonl"


def is_chapter(relative: PurePosixPath) -> bool:
    """Return whether a file is the transcripts of a chapter, e.g. `dev-clean/84/121123/84-121123.trans.txt`."""
    return CHAPTER_FILE.fullmatch(relative.name) is not None


def read_chapter(relative: PurePosixPath, text: str) -> Iterator[Transcript | str]:
    """Yield the transcripts of a chapter; recordings are next to the file."""
    for match in matched_lines(text, CHAPTER_LINE, what="an id and its words"):
        if isinstance(match, str):
            yield match
        else:
            speaker = match["id"].split("-")[0]
            yield Transcript(match["id"], relative.parent / match["id"], match["text"], speaker)


LIBRISPEECH = TranscribedCorpus(
    title="LibriSpeech",
    licence="CC-BY-4.0",
    citation=(
        "V. Panayotov, G. Chen, D. Povey, S. Khudanpur: Librispeech: an ASR corpus based on public domain audio books. "
        "ICASSP 2015, pp. 5206-5210"
    ),
    access="https://www.openslr.org/12",
    layout="dev-clean/84/121123/84-121123.trans.txt with lines of an id and its words, next to 84-121123-0000.flac",
    suffixes=(".flac", ".wav", ".ogg"),
    wanted=is_chapter,
    read=read_chapter,
    examples={
        "LibriSpeech/dev-clean/84/121123/84-121123.trans.txt": (
            "84-121123-0000 GO DO YOU HEAR\n84-121123-0001 BUT IN LESS THAN FIVE MINUTES THE STAIRCASE GROANED\n"
        )
    },
)


def is_talk(relative: PurePosixPath) -> bool:
    """Return whether a file is the transcript of a talk, e.g. `train/stm/AlGore_2009.stm`."""
    return relative.suffix == ".stm" and relative.parent.name == "stm"


def read_talk(relative: PurePosixPath, text: str) -> Iterator[Transcript | str]:
    """Yield the parts of a talk, whose recording is in the folder `sph` next to `stm`.

    Parts without a transcript are skipped; marks of noise and of pronunciations are removed.
    """
    recording = relative.parent.parent / "sph" / relative.stem
    for number, line in enumerate(text.splitlines(), start=1):
        parts = line.split(None, FIELDS)
        if not parts or parts[0].startswith(";;") or IGNORED in line:
            continue
        try:
            start, end = float(parts[3]), float(parts[4])
            words = parts[FIELDS]
        except (IndexError, ValueError):
            yield f"line {number} is not talk, channel, speaker, start, end, conditions and words: '{line}'"
            continue
        if not 0 <= start < end:
            yield f"line {number} is from {start:g} to {end:g} s: the end must be after the start"
            continue
        spoken = JOINED.sub("'", " ".join(VARIANT.sub("", NOISE.sub(" ", words)).split()))
        if spoken:
            yield Transcript(f"{relative.stem}-{number:04d}", recording, spoken, parts[2], start, end)


TED_LIUM = TranscribedCorpus(
    title="TED-LIUM, release 2",
    licence="CC-BY-NC-ND-3.0",
    citation=(
        "A. Rousseau, P. Deleglise, Y. Esteve: Enhancing the TED-LIUM corpus with selected data for language modeling "
        "and more TED talks. LREC 2014, pp. 3935-3939"
    ),
    access="https://www.openslr.org/19",
    layout="train/stm/AlGore_2009.stm with lines of talk, channel, speaker, start, end, conditions and words, and "
    "train/sph/AlGore_2009.sph",
    suffixes=(".sph", ".wav", ".flac"),
    wanted=is_talk,
    read=read_talk,
    examples={
        "TEDLIUM_release2/dev/stm/AlGore_2009.stm": (
            "AlGore_2009 1 inter_segment_gap 0 17.82 <o,,unknown> ignore_time_segment_in_scoring\n"
            "AlGore_2009 1 AlGore 17.82 28.81 <o,f0,male> last year i showed these two slides so that <unk> "
            "demonstrate that the(2) arctic ice cap {BREATH} it 's\n"
        )
    },
)


def is_prompts(relative: PurePosixPath) -> bool:
    """Return whether a file is the prompts of a folder of recordings, e.g. `Aaron-20080318-kdl/etc/PROMPTS`."""
    return relative.name == "PROMPTS" and relative.parent.name == "etc"


def read_prompts(relative: PurePosixPath, text: str) -> Iterator[Transcript | str]:
    """Yield the sentences of one folder of recordings, which are in its folder `wav`."""
    folder = relative.parent.parent
    name = folder.name.split("-")[0].lower()
    speaker = folder.name if name == ANONYMOUS else name
    for match in matched_lines(text, PROMPT_LINE, what="a recording and its words"):
        if isinstance(match, str):
            yield match
        else:
            sentence = match["sentence"]
            yield Transcript(f"{folder.name}/{sentence}", folder / "wav" / sentence, match["text"], speaker)


VOXFORGE = TranscribedCorpus(
    title="VoxForge, English",
    licence="GPL-3.0-only",
    citation="VoxForge: free speech recognition corpus, http://www.voxforge.org",
    access="http://www.repository.voxforge1.org/downloads/SpeechCorpus/Trunk/Audio/Original/48kHz_16bit",
    layout="Aaron-20080318-kdl/etc/PROMPTS with lines of a recording and its words, and ../wav/b0019.wav next to etc",
    suffixes=(".wav", ".flac", ".ogg"),
    wanted=is_prompts,
    read=read_prompts,
    examples={
        "Aaron-20080318-kdl/etc/PROMPTS": (
            "Aaron-20080318-kdl/mfc/b0019 HIS SLIM HANDS GRIPPED THE EDGES OF THE TABLE\n"
            "Aaron-20080318-kdl/mfc/b0020 AND YOU ALWAYS WANT TO SEE IT IN THE SUPERLATIVE DEGREE\n"
        )
    },
)


def is_manifest(relative: PurePosixPath) -> bool:
    """Return whether a file is a manifest."""
    return relative.name == MANIFEST_NAME


def read_manifest(relative: PurePosixPath, text: str) -> Iterator[Transcript | str]:
    """Yield the transcripts of a manifest; files are relative to it, and without a speaker each is a speaker."""
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
            file, words = str(entry["file"]), str(entry["text"])
            speaker = str(entry.get("speaker") or file)
        except (ValueError, KeyError, TypeError, AttributeError):
            yield f'line {number} is not a table with "file" and "text": \'{line}\''
            continue
        yield Transcript(file, relative.parent / PurePosixPath(file), words, speaker)


MANIFEST = TranscribedCorpus(
    title="a manifest of own recordings",
    licence="unstated",
    citation="own recordings",
    access="your own",
    layout='manifest.jsonl with lines such as {"file": "a/1.wav", "text": "good morning", "speaker": "ann"}',
    suffixes=("",),
    wanted=is_manifest,
    read=read_manifest,
    examples={MANIFEST_NAME: '{"file": "a/1.wav", "text": "good morning", "speaker": "ann"}\n'},
)

TRANSCRIBED: Mapping[str, TranscribedCorpus] = {
    "librispeech": LIBRISPEECH,
    "manifest": MANIFEST,
    "ted-lium": TED_LIUM,
    "voxforge": VOXFORGE,
}
