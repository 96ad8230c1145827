"""Findings about a copy of a corpus, one function for each kind, and doubtful names of speakers.

An evaluation is not speaker-independent if one speaker has two names: `3` and `03`, `Anna` and `anna`, `7` and `7.0`,
or two Unicode forms of `José`. Nor is it known to be where the name is `nan`, which may be any speaker.

    left_out       files and rows that scanning could not use
    compare        counts, speakers and minutes that differ from what was published
    parts          utterances outside their recording, too short, listed twice, or overlapping
    duplicates     different files with the same samples
    levels         silent and clipped recordings
    unrecognised   recordings that are not clips of the corpus
    speakers       names that may be two spellings of one speaker, or no name
    words          labels that were mapped to canonical emotions

A finding is a *problem* if results would change or a recording can't be used, else a *note*.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from emotone.corpora.labels import mapped_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from emotone.corpora.base import Corpus
    from emotone.corpora.content import SoundStatistics
    from emotone.corpora.scan import Scan
    from emotone.types import Seconds, Utterance

ABSENT_NAMES = frozenset({"nan", "none", "null", "na", "n/a", "<na>", "nat"})
"""What programs write for a missing value, in lower case."""

_WHOLE_NUMBER = re.compile(r"\d+\.0+")
_LEADING_ZEROS = re.compile(r"(?<!\d)0+(?=\d)")


def is_absent(speaker: str) -> bool:
    """Return whether the name of a speaker is a program's word for a missing value.

    Example:
        >>> is_absent("NaN"), is_absent("Nan Smith"), is_absent("")
        (True, False, False)

    """
    return speaker.strip().casefold() in ABSENT_NAMES


def normalised_speaker(speaker: str) -> str:
    """Return the form that all spellings of a name share: without case, leading zeros, `.0` and Unicode differences.

    Example:
        >>> normalised_speaker("03"), normalised_speaker("3.0"), normalised_speaker("Spk_007"), normalised_speaker("0")
        ('3', '3', 'spk_7', '0')

    """
    plain = " ".join(unicodedata.normalize("NFKC", speaker).casefold().split())
    if _WHOLE_NUMBER.fullmatch(plain):
        plain = plain.partition(".")[0]
    return _LEADING_ZEROS.sub("", plain)


def speaker_spellings(utterances: Iterable[Utterance]) -> dict[str, dict[str, int]]:
    """Return the speakers with several spellings: `corpus/normalised name` -> spelling -> number of utterances."""
    counts: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for utterance in utterances:
        if utterance.speaker:
            counts[f"{utterance.corpus}/{normalised_speaker(utterance.speaker)}"][utterance.speaker] += 1
    return {key: dict(sorted(spelled.items())) for key, spelled in sorted(counts.items()) if len(spelled) > 1}


def absent_speakers(utterances: Iterable[Utterance]) -> dict[str, int]:
    """Return the names of speakers that stand for a missing value, each with its number of utterances."""
    counts: dict[str, int] = defaultdict(int)
    for utterance in utterances:
        if is_absent(utterance.speaker):
            counts[utterance.speaker] += 1
    return dict(sorted(counts.items()))


SILENT_PEAK = 1e-3  # -60 dB of full scale: below is only the noise of the converter
CLIPPED_SHARE = 1e-3  # of the samples; the loudest clips of good corpora stay below half of it
MIN_DURATION: Seconds = 0.1  # of an utterance, as prediction requires
END_TOLERANCE: Seconds = 0.1  # as in `audio.read`
MINUTES_TOLERANCE = 0.05  # of a whole corpus: copies in other formats differ by less, trimmed ones by more
WORDS_SHOWN = 8  # mapped labels in a note

Kind = Literal[
    "table",
    "labels",
    "missing",
    "surplus",
    "unreadable",
    "silent",
    "short",
    "outside",
    "duplicate",
    "twice",
    "overlap",
    "minutes",
    "repeated",
    "clipped",
    "unrecognised",
    "rates",
    "speakers",
    "words",
]


@dataclass(frozen=True)
class Finding:
    """One thing that differs from what is expected.

    Attributes:
        kind: scripts may test it.
        message: one line.
        severity: results of a copy with a problem are wrong or incomplete; a note is for information.
        files: the recordings concerned.

    """

    kind: Kind
    message: str
    severity: Literal["problem", "note"] = "problem"
    files: tuple[str, ...] = ()


def left_out(scan: Scan, *, table: bool) -> Iterator[Finding]:
    """Report what scanning could not use; in a folder, the first line is about repeated clips if there are any."""
    for line, problem in enumerate(scan.problems):
        if table:
            yield Finding("table", problem)
        elif problem in scan.unreadable:
            yield Finding("unreadable", problem)
        elif scan.repeated and line == 0:
            yield Finding("repeated", problem, files=_names(scan.repeated))
        else:
            yield Finding("labels", problem)


def compare(
    corpus: Corpus, *, counts: Mapping[str, int], speakers: set[str], seconds: Seconds | None
) -> Iterator[Finding]:
    """Compare clips per emotion, speakers, and the total duration (None if not all recordings could be read)."""
    for label, expected in corpus.known_counts.items():
        found = counts.get(label, 0)
        if found < expected:
            yield Finding("missing", f"{label}: {expected - found} of {expected} clips are missing")
        elif found > expected:
            yield Finding("surplus", f"{label}: {found} clips, but {expected} were published")
    absent = [speaker for speaker in corpus.speakers if speaker not in speakers]
    if absent:
        yield Finding("missing", f"speakers without any clip: {', '.join(absent)}")
    if corpus.published_speakers is not None and len(speakers) != corpus.published_speakers:
        kind: Kind = "missing" if len(speakers) < corpus.published_speakers else "surplus"
        yield Finding(kind, f"{len(speakers)} speakers, but {corpus.published_speakers} were published")
    # Missing clips are reported above; the duration is informative only where every clip is present.
    complete = all(counts.get(label, 0) == expected for label, expected in corpus.known_counts.items())
    if corpus.minutes is not None and seconds is not None and complete:
        minutes = seconds / 60
        if abs(minutes - corpus.minutes) > MINUTES_TOLERANCE * corpus.minutes:
            message = f"{minutes:.1f} min in total, but {corpus.minutes:.1f} min were published"
            yield Finding("minutes", f"{message}; recordings may have been cut, trimmed or changed in speed")


def parts(scan: Scan, measured: Mapping[Path, SoundStatistics]) -> Iterator[Finding]:
    """Find utterances that are too short, outside their recording, listed twice, or overlapping."""
    for utterance in scan.utterances:
        if utterance.path not in measured:
            continue
        seconds = measured[utterance.path].seconds
        end = seconds if utterance.end is None else utterance.end
        if utterance.start >= seconds or end > seconds + END_TOLERANCE:
            part = f"{utterance.start:g} s to {end:g} s"
            message = f"{utterance.id}: {part} is outside its recording of {seconds:.2f} s"
            yield Finding("outside", message, files=(str(utterance.path),))
        elif (duration := round(end - utterance.start, 6)) < MIN_DURATION:  # 0.5 - 0.4 is less than 0.1 in binary
            message = f"{utterance.id}: lasts {duration:.3f} s; at least {MIN_DURATION} s are needed"
            yield Finding("short", message, files=(str(utterance.path),))
        channels = measured[utterance.path].channels
        if utterance.channel is not None and utterance.channel >= channels:
            message = f"{utterance.id}: there is no channel {utterance.channel}; the recording has {channels}, from 0"
            yield Finding("outside", message, files=(str(utterance.path),))
    yield from _listed_twice(scan)
    yield from _overlaps(scan, measured)


def _listed_twice(scan: Scan) -> Iterator[Finding]:
    """Find parts of recordings with several ids: they would be trained on, or tested, several times."""
    same: dict[tuple[Path, Seconds, Seconds | None, int | None], list[Utterance]] = defaultdict(list)
    for utterance in scan.utterances:
        same[utterance.path, utterance.start, utterance.end, utterance.channel].append(utterance)
    for (path, *_), utterances in same.items():
        if len(utterances) > 1:
            ids = ", ".join(utterance.id for utterance in utterances)
            message = f"the same part of one recording has {len(utterances)} ids: {ids}{_differing(utterances)}"
            yield Finding("twice", message, files=(str(path),))


def _overlaps(scan: Scan, measured: Mapping[Path, SoundStatistics]) -> Iterator[Finding]:
    """Find overlapping parts, one note per recording and channel, because two people may speak at once."""
    recordings: dict[tuple[Path, int | None], list[Utterance]] = defaultdict(list)
    for utterance in scan.utterances:
        recordings[utterance.path, utterance.channel].append(utterance)
    for (path, _), utterances in recordings.items():
        seconds = measured[path].seconds if path in measured else float("inf")
        ends = {item.id: seconds if item.end is None else item.end for item in utterances}
        ordered = sorted(utterances, key=lambda item: (item.start, ends[item.id]))
        pairs = []
        latest = ordered[0]  # the preceding utterance that ends last
        for item in ordered[1:]:
            if item.start < ends[latest.id] and (item.start, item.end) != (latest.start, latest.end):
                pairs.append((latest, item))
            latest = max(latest, item, key=lambda item: ends[item.id])
        if pairs:
            first = " and ".join(f"{item.id} ({item.label})" for item in pairs[0])
            more = f"; {len(pairs) - 1} more in this recording" if len(pairs) > 1 else ""
            yield Finding("overlap", f"two utterances overlap: {first}{more}", "note", (str(path),))


def duplicates(
    scan: Scan, measured: Mapping[Path, SoundStatistics], known: Sequence[tuple[str, ...]]
) -> Iterator[Finding]:
    """Find different files with the same samples; those of the published corpus are a note."""
    utterances: dict[Path, Utterance] = {utterance.path: utterance for utterance in scan.utterances}
    same: dict[str, list[Path]] = defaultdict(list)
    for path, sound in measured.items():
        same[sound.sha256].append(path)
    for paths in same.values():
        if len(paths) == 1:
            continue
        ids = tuple(sorted(utterances[path].id for path in paths))
        message = f"the same recording has {len(ids)} names: {', '.join(ids)}"
        if ids in known:
            yield Finding("duplicate", f"{message}; also in the published corpus", "note", _names(paths))
        else:
            labels = _differing([utterances[path] for path in paths])
            yield Finding("duplicate", message + labels, files=_names(paths))


def levels(measured: Mapping[Path, SoundStatistics]) -> Iterator[Finding]:
    """Find silent and clipped recordings."""
    for path, sound in measured.items():
        if sound.peak < SILENT_PEAK:
            yield Finding("silent", f"{path}: is silent (peak {sound.peak:.1e} of full scale)", files=(str(path),))
        elif sound.clipped >= CLIPPED_SHARE:
            message = f"{path}: is clipped ({sound.clipped:.1%} of its samples)"
            yield Finding("clipped", message, "note", (str(path),))


def unrecognised(scan: Scan) -> Iterator[Finding]:
    """Count the recordings that are not clips of the corpus."""
    if scan.unrecognised:
        count = len(scan.unrecognised)
        what = "1 recording is not a clip" if count == 1 else f"{count} recordings are not clips"
        message = f"{what} of this corpus; the first: {scan.unrecognised[0]}"
        yield Finding("unrecognised", message, "note", _names(scan.unrecognised))


def speakers(scan: Scan) -> Iterator[Finding]:
    """Find names that may be two spellings of one speaker, or that stand for a missing value."""
    for spellings in speaker_spellings(scan.utterances).values():
        listed = ", ".join(f"'{name}' ({count})" for name, count in spellings.items())
        yield Finding("speakers", f"these names may be one speaker: {listed}; use one spelling, or distinct names")
    for name, count in absent_speakers(scan.utterances).items():
        what = "1 utterance has" if count == 1 else f"{count} utterances have"
        yield Finding("speakers", f"{what} the speaker '{name}', which is no name; give names, or leave it empty")


def words(scan: Scan) -> Iterator[Finding]:
    """List the labels of a table that were mapped to canonical emotions."""
    if scan.from_table and (mapped := mapped_words(scan.utterances)):
        listed = [f"{word} to {label} ({count})" for word, (label, count) in mapped.items()]
        more = f" and {len(listed) - WORDS_SHOWN} more" if len(listed) > WORDS_SHOWN else ""
        yield Finding("words", f"labels were mapped: {', '.join(listed[:WORDS_SHOWN])}{more}", "note")


def _differing(utterances: Sequence[Utterance]) -> str:
    """Return the end of a message about several utterances, "" where they have one label."""
    labels = sorted({utterance.label for utterance in utterances})
    return f"; their labels differ: {', '.join(labels)}" if len(labels) > 1 else ""


def _names(paths: Sequence[Path]) -> tuple[str, ...]:
    return tuple(str(path) for path in paths)
