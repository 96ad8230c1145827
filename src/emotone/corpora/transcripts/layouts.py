"""Corpora of transcribed speech: LibriSpeech, TED-LIUM 2, VoxForge, and own recordings with a `manifest.jsonl`."""

from __future__ import annotations

import json
import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from emotone.corpora.transcribed import TranscribedCorpus, Transcript, matched_lines

if TYPE_CHECKING:
    from collections.abc import Iterator

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
