"""What the corpus doctor finds: one function for each sort of thing that can be wrong with a copy.

    problems       what scanning could not take
    compare        counts, speakers and minutes, against what was published
    parts          utterances outside their recording, too short, given twice, or over one another
    duplicates     different files with the same sound
    levels         silent and clipped recordings
    unrecognised   recordings that are no clip of the corpus

A finding is a *problem* if results would change or a recording can't be used, else a *note*.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from emotone.corpora.base import Corpus
    from emotone.corpora.measure import SoundStatistics
    from emotone.corpora.scan import Scan
    from emotone.types import Seconds, Utterance

SILENT_PEAK = 1e-3  # -60 dB of full scale: below, there is only the noise of the converter
CLIPPED_SHARE = 1e-3  # of the samples; the loudest clips of good corpora stay below half of it
SHORTEST: Seconds = 0.1  # what prediction still takes
END_FORGIVEN: Seconds = 0.1  # the same as `audio.read` forgives
MINUTES_FORGIVEN = 0.05  # of a whole corpus: copies in other formats differ by less, trimmed ones by more

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
]


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it should be.

    Attributes:
        kind: what sort of thing; scripts may test it.
        message: one line.
        severity: a problem makes the copy unfit as it is; a note is good to know.
        files: the recordings concerned.

    """

    kind: Kind
    message: str
    severity: Literal["problem", "note"] = "problem"
    files: tuple[str, ...] = ()


def problems(scan: Scan, *, table: bool) -> Iterator[Finding]:
    """Say what scanning could not take; in a folder, the first line is on repeated clips if there are any."""
    for line, problem in enumerate(scan.problems):
        if table:
            yield Finding("table", problem)
        elif scan.repeated and line == 0:
            yield Finding("repeated", problem, files=_names(scan.repeated))
        else:
            yield Finding("labels", problem)


def compare(
    corpus: Corpus, *, counts: Mapping[str, int], speakers: set[str], seconds: Seconds | None
) -> Iterator[Finding]:
    """Compare clips per emotion, speakers, and all recordings' length (None if not all could be read)."""
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
    # What a copy lacks is said above; its length says something new only where every clip is there.
    whole = all(counts.get(label, 0) == expected for label, expected in corpus.known_counts.items())
    if corpus.minutes is not None and seconds is not None and whole:
        minutes = seconds / 60
        if abs(minutes - corpus.minutes) > MINUTES_FORGIVEN * corpus.minutes:
            message = f"{minutes:.1f} min in all, but {corpus.minutes:.1f} min are known"
            yield Finding("minutes", f"{message}; recordings may have been cut, trimmed or changed in speed")


def parts(scan: Scan, measured: Mapping[Path, SoundStatistics]) -> Iterator[Finding]:
    """Find utterances that are too short, end after their recording does, are given twice, or share sound."""
    for utterance in scan.utterances:
        if utterance.path not in measured:
            continue
        seconds = measured[utterance.path].seconds
        end = seconds if utterance.end is None else utterance.end
        if utterance.start >= seconds or end > seconds + END_FORGIVEN:
            wanted = f"{utterance.start:g} s to {end:g} s"
            message = f"{utterance.id}: {wanted} is outside its recording of {seconds:.2f} s"
            yield Finding("outside", message, files=(str(utterance.path),))
        elif (lasts := round(end - utterance.start, 6)) < SHORTEST:  # 0.5 - 0.4 is less than 0.1 in binary
            message = f"{utterance.id}: lasts {lasts:.3f} s; at least {SHORTEST} s are needed"
            yield Finding("short", message, files=(str(utterance.path),))
    yield from _twice(scan)
    yield from _overlaps(scan, measured)


def _twice(scan: Scan) -> Iterator[Finding]:
    """Find stretches that are given under several ids: one recording would be trained on, or tested, twice."""
    same: dict[tuple[Path, Seconds, Seconds | None], list[Utterance]] = defaultdict(list)
    for utterance in scan.utterances:
        same[utterance.path, utterance.start, utterance.end].append(utterance)
    for (path, *_), given in same.items():
        if len(given) > 1:
            labels = sorted({utterance.label for utterance in given})
            differ = f"; their labels differ: {', '.join(labels)}" if len(labels) > 1 else ""
            ids = ", ".join(utterance.id for utterance in given)
            message = f"the same part of one recording under {len(given)} ids: {ids}{differ}"
            yield Finding("twice", message, files=(str(path),))


def _overlaps(scan: Scan, measured: Mapping[Path, SoundStatistics]) -> Iterator[Finding]:
    """Find stretches of one recording that share sound, one note per recording: two people may speak at once."""
    recordings: dict[Path, list[Utterance]] = defaultdict(list)
    for utterance in scan.utterances:
        recordings[utterance.path].append(utterance)
    for path, given in recordings.items():
        seconds = measured[path].seconds if path in measured else float("inf")
        ends = {item.id: seconds if item.end is None else item.end for item in given}
        ordered = sorted(given, key=lambda item: (item.start, ends[item.id]))
        pairs = []
        latest = ordered[0]  # of those before, the one that ends last
        for item in ordered[1:]:
            if item.start < ends[latest.id] and (item.start, item.end) != (latest.start, latest.end):
                pairs.append((latest, item))
            latest = max(latest, item, key=lambda item: ends[item.id])
        if pairs:
            first = " and ".join(f"{item.id} ({item.label})" for item in pairs[0])
            more = f"; {len(pairs) - 1} more in this recording" if len(pairs) > 1 else ""
            yield Finding("overlap", f"two utterances share sound: {first}{more}", "note", (str(path),))


def duplicates(
    scan: Scan, measured: Mapping[Path, SoundStatistics], known: Sequence[tuple[str, ...]]
) -> Iterator[Finding]:
    """Find different files with the same samples; for a published flaw that is a note."""
    utterances: dict[Path, Utterance] = {utterance.path: utterance for utterance in scan.utterances}
    same: dict[str, list[Path]] = defaultdict(list)
    for path, sound in measured.items():
        same[sound.sha256].append(path)
    for paths in same.values():
        if len(paths) == 1:
            continue
        ids = tuple(sorted(utterances[path].id for path in paths))
        message = f"the same recording under {len(ids)} names: {', '.join(ids)}"
        if ids in known:
            yield Finding("duplicate", f"{message}; also in the published corpus", "note", _names(paths))
        else:
            labels = sorted({utterances[path].label for path in paths})
            differ = f"; their labels differ: {', '.join(labels)}" if len(labels) > 1 else ""
            yield Finding("duplicate", message + differ, files=_names(paths))


def levels(measured: Mapping[Path, SoundStatistics]) -> Iterator[Finding]:
    """Find recordings with nothing to hear, and those that were too loud for their file."""
    for path, sound in measured.items():
        if sound.peak < SILENT_PEAK:
            yield Finding("silent", f"{path}: is silent (peak {sound.peak:.1e} of full scale)", files=(str(path),))
        elif sound.clipped >= CLIPPED_SHARE:
            message = f"{path}: is clipped ({sound.clipped:.1%} of its samples)"
            yield Finding("clipped", message, "note", (str(path),))


def unrecognised(scan: Scan) -> Iterator[Finding]:
    """Say how many recordings are there that the corpus does not account for."""
    if scan.unrecognised:
        what = "recording is" if len(scan.unrecognised) == 1 else "recordings are"
        message = f"{len(scan.unrecognised)} other {what} there; the first: {scan.unrecognised[0]}"
        yield Finding("unrecognised", message, "note", _names(scan.unrecognised))


def _names(paths: Sequence[Path]) -> tuple[str, ...]:
    return tuple(str(path) for path in paths)
