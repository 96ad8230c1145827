"""The corpus doctor: what a copy of a corpus lacks, has too much of, and which of its recordings are bad.

    recognise   which corpus a folder holds
    check       a scanned corpus or table, compared with what was published, and with every recording listened to

A finding is a *problem* if results would change or a recording can't be used, else a *note*.
"""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from emotone.corpora.base import CORPORA
from emotone.corpora.measure import measure
from emotone.corpora.scan import media_files
from emotone.errors import AudioError, CorpusError, MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from emotone.corpora.base import Corpus
    from emotone.corpora.measure import Measured
    from emotone.corpora.scan import Scan
    from emotone.types import Seconds, Utterance

SILENT_PEAK = 1e-3  # -60 dB of full scale: below, there is only the noise of the converter
CLIPPED_SHARE = 1e-3  # of the samples; the loudest clips of good corpora stay below half of it
SHORTEST: Seconds = 0.1  # what prediction still takes
END_FORGIVEN: Seconds = 0.1  # the same as `audio.read` forgives
LEAST_SHARE = 0.1  # of a folder's recordings that a corpus must account for to be recognised

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


@dataclass(frozen=True)
class Checkup:
    """The doctor's result.

    Attributes:
        corpus: its name.
        root: the folder or table.
        clips: number of utterances, good or bad.
        speakers: their number; utterances without a speaker do not count.
        counts: clips per canonical emotion.
        expected: the same as published, of those emotions where that is known; None for a table.
        expected_speakers: their number; None for a table, and where it is not known.
        seconds: total, median, shortest and longest, of those that can be read; empty where none can.
        rates: number of recordings per sampling rate in hertz.
        findings: problems first.

    """

    corpus: str
    root: str
    clips: int
    speakers: int
    counts: Mapping[str, int]
    expected: Mapping[str, int] | None
    expected_speakers: int | None
    seconds: Mapping[str, Seconds]
    rates: Mapping[int, int]
    findings: tuple[Finding, ...] = field(default=())

    @property
    def ok(self) -> bool:
        """Whether no finding is a problem."""
        return all(finding.severity == "note" for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, with `ok`."""
        return {**asdict(self), "ok": self.ok}


def recognise(directory: Path) -> Corpus:
    """Return the corpus that most of a folder's recordings belong to, by their names.

    Raises:
        CorpusError: no folder, no recordings, or none that any known corpus accounts for.

    """
    relatives = list(media_files(directory))
    if not relatives:
        raise CorpusError(f"{directory} holds no recordings")
    counts = {name: sum(corpus.parse(path) is not None for path in relatives) for name, corpus in CORPORA.all().items()}
    best = max(counts, key=lambda name: counts[name])
    if counts[best] < LEAST_SHARE * len(relatives):
        nearest = f"; the nearest is {best} with {counts[best]} of {len(relatives)} files" if counts[best] else ""
        raise CorpusError(f"{directory} holds none of the known corpora ({', '.join(CORPORA.names)}){nearest}")
    return CORPORA.get(best)


def check(
    scan: Scan, *, corpus: Corpus | None = None, progress: Callable[[int, int], None] = lambda _done, _total: None
) -> Checkup:
    """Return what is wrong with a copy of a corpus. Every recording is read to its end, none at once as a whole.

    Args:
        scan: what the folder or table holds.
        corpus: what it should hold; None for a table.
        progress: called with (recordings read, recordings in all) after each.

    Example:
        >>> from emotone.corpora.scan import scan
        >>> corpus = CORPORA.get("emodb")
        >>> check(scan(corpus, Path("emodb")), corpus=corpus).ok  # doctest: +SKIP
        True

    """
    measured, findings = _listen(scan, progress)
    findings += _problems(scan, table=corpus is None)
    counts = Counter(utterance.label for utterance in scan.utterances)
    speakers = {utterance.speaker for utterance in scan.utterances} - {""}
    if corpus is not None:
        findings += _compare(corpus, counts, speakers)
    findings += _parts(scan, measured)
    findings += _duplicates(scan, measured, corpus.known_duplicates if corpus else ())
    findings += _levels(measured)
    findings += _unrecognised(scan)
    rates = Counter(sound.rate for sound in measured.values())
    if len(rates) > 1:
        listed = ", ".join(f"{rate} Hz {count}" for rate, count in sorted(rates.items()))
        findings.append(Finding("rates", f"sampling rates differ between recordings: {listed}", "note"))
    lengths = [
        (measured[item.path].seconds if item.end is None else item.end) - item.start
        for item in scan.utterances
        if item.path in measured
    ]
    return Checkup(
        corpus=scan.name,
        root=str(scan.root),
        clips=len(scan.utterances),
        speakers=len(speakers),
        counts=dict(sorted(counts.items())),
        expected=None if corpus is None else corpus.known_counts,
        expected_speakers=None if corpus is None else corpus.speaker_count,
        seconds=_summary(lengths),
        rates=dict(sorted(rates.items())),
        findings=tuple(sorted(findings, key=lambda finding: finding.severity == "note")),
    )


def _listen(scan: Scan, progress: Callable[[int, int], None]) -> tuple[dict[Path, Measured], list[Finding]]:
    """Read every recording once, however many utterances it holds."""
    paths = sorted({utterance.path for utterance in scan.utterances})
    measured = {}
    findings = []
    for done, path in enumerate(paths, start=1):
        try:
            measured[path] = measure(path)
        except (AudioError, MissingExtraError) as error:
            findings.append(Finding("unreadable", str(error), files=(str(path),)))
        progress(done, len(paths))
    return measured, findings


def _problems(scan: Scan, *, table: bool) -> Iterator[Finding]:
    """Say what scanning could not take; in a folder, the first line is on repeated clips if there are any."""
    for line, problem in enumerate(scan.problems):
        if table:
            yield Finding("table", problem)
        elif scan.repeated and line == 0:
            yield Finding("repeated", problem, files=_names(scan.repeated))
        else:
            yield Finding("labels", problem)


def _compare(corpus: Corpus, counts: Mapping[str, int], speakers: set[str]) -> Iterator[Finding]:
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


def _parts(scan: Scan, measured: Mapping[Path, Measured]) -> Iterator[Finding]:
    """Find utterances that are too short, or end after their recording does."""
    for utterance in scan.utterances:
        if utterance.path not in measured:
            continue
        seconds = measured[utterance.path].seconds
        end = seconds if utterance.end is None else utterance.end
        if utterance.start >= seconds or end > seconds + END_FORGIVEN:
            wanted = f"{utterance.start:g} s to {end:g} s"
            message = f"{utterance.id}: {wanted} is outside its recording of {seconds:.2f} s"
            yield Finding("outside", message, files=(str(utterance.path),))
        elif end - utterance.start < SHORTEST:
            message = f"{utterance.id}: lasts {end - utterance.start:.3f} s; at least {SHORTEST} s are needed"
            yield Finding("short", message, files=(str(utterance.path),))


def _duplicates(scan: Scan, measured: Mapping[Path, Measured], known: Sequence[tuple[str, ...]]) -> Iterator[Finding]:
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


def _levels(measured: Mapping[Path, Measured]) -> Iterator[Finding]:
    for path, sound in measured.items():
        if sound.peak < SILENT_PEAK:
            yield Finding("silent", f"{path}: is silent (peak {sound.peak:.1e} of full scale)", files=(str(path),))
        elif sound.clipped >= CLIPPED_SHARE:
            message = f"{path}: is clipped ({sound.clipped:.1%} of its samples)"
            yield Finding("clipped", message, "note", (str(path),))


def _unrecognised(scan: Scan) -> Iterator[Finding]:
    if scan.unrecognised:
        what = "recording is" if len(scan.unrecognised) == 1 else "recordings are"
        message = f"{len(scan.unrecognised)} other {what} there; the first: {scan.unrecognised[0]}"
        yield Finding("unrecognised", message, "note", _names(scan.unrecognised))


def _summary(lengths: Sequence[Seconds]) -> dict[str, Seconds]:
    if not lengths:
        return {}
    return {
        "total": round(sum(lengths), 3),
        "median": round(statistics.median(lengths), 3),
        "shortest": round(min(lengths), 3),
        "longest": round(max(lengths), 3),
    }


def _names(paths: Sequence[Path]) -> tuple[str, ...]:
    return tuple(str(path) for path in paths)
