"""TED-LIUM, release 2: transcribed talks in English, about 200 hours."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from emotone.corpora.transcribed import TranscribedCorpus, Transcript

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import PurePosixPath

FIELDS = 6  # talk, channel, speaker, start, end, conditions; then the words
IGNORED = "ignore_time_segment_in_scoring"  # stands for the words of a part that is not transcribed
NOISE = re.compile(r"<[^>]*>|\{[^}]*\}|\[[^\]]*\]")  # <unk>, {SMACK}, [NOISE]
VARIANT = re.compile(r"\(\d+\)")  # of a pronunciation: and(2)
JOINED = re.compile(r"\s+'(?=[a-z])")  # that 's


def wanted(relative: PurePosixPath) -> bool:
    """Return whether a file is the transcript of a talk, e.g. `train/stm/AlGore_2009.stm`."""
    return relative.suffix == ".stm" and relative.parent.name == "stm"


def read(relative: PurePosixPath, text: str) -> Iterator[Transcript | str]:
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


CORPUS = TranscribedCorpus(
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
    wanted=wanted,
    read=read,
    examples={
        "TEDLIUM_release2/dev/stm/AlGore_2009.stm": (
            "AlGore_2009 1 inter_segment_gap 0 17.82 <o,,unknown> ignore_time_segment_in_scoring\n"
            "AlGore_2009 1 AlGore 17.82 28.81 <o,f0,male> last year i showed these two slides so that <unk> "
            "demonstrate that the(2) arctic ice cap {BREATH} it 's\n"
        )
    },
)
