"""Checks a copy of a corpus: what is missing or additional, and which of its recordings can't be used.

    recognise   finds out which corpus a folder contains
    check       compares a scanned corpus or table with what was published, and reads every recording

`emotone.corpora.findings` lists what it looks for.
"""

from __future__ import annotations

import math
import statistics
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from emotone.audio.identify import message_for_many
from emotone.corpora.base import CORPORA
from emotone.corpora.content import measure
from emotone.corpora.findings import (
    Finding,
    compare,
    duplicates,
    left_out,
    levels,
    parts,
    speakers,
    unrecognised,
    words,
)
from emotone.corpora.scan import media_files
from emotone.errors import AudioError, CorpusError, MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from emotone.corpora.base import Corpus
    from emotone.corpora.content import SoundStatistics
    from emotone.corpora.scan import Scan
    from emotone.types import Seconds

MIN_SHARE = 0.1  # of a folder's recordings that must be clips of a corpus, for it to be recognised


@dataclass(frozen=True)
class CheckReport:
    """The result of a check.

    Attributes:
        corpus: name.
        root: the folder or table.
        clips: number of utterances, usable or not.
        speakers: number of speakers; utterances without a speaker do not count.
        clips_of: clips per speaker.
        counts: clips per canonical emotion.
        expected: published clips per canonical emotion, where that is known; None for a table.
        expected_speakers: published number of speakers; None for a table, and where it is not known.
        expected_minutes: of all recordings; None for a table, and where they are not known.
        seconds: total, median, shortest and longest duration of the readable clips; empty where there are none.
        rates: number of recordings per sampling rate in hertz.
        findings: problems first.

    """

    corpus: str
    root: str
    clips: int
    speakers: int
    clips_of: Mapping[str, int]
    counts: Mapping[str, int]
    expected: Mapping[str, int] | None
    expected_speakers: int | None
    expected_minutes: float | None
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
    """Return the corpus to which most of a folder's recordings belong, by their names.

    Raises:
        CorpusError: no folder, no recordings, none that belong to a known corpus, or those of several corpora.

    """
    relatives = list(media_files(directory))
    if not relatives:
        raise CorpusError(f"{directory} contains no recordings")
    found = {name: [path for path in relatives if corpus.parse(path)] for name, corpus in CORPORA.all().items()}
    ranked = sorted((name for name in found if found[name]), key=lambda name: -len(found[name]))
    enough = [name for name in ranked if len(found[name]) >= MIN_SHARE * len(relatives)]
    if len(enough) > 1:
        places = ", ".join(f"{name} ({len(found[name])} files, e.g. {found[name][0]})" for name in ranked)
        raise CorpusError(f"{directory} contains several corpora: {places}; give the folder of one")
    if enough:
        return CORPORA.get(enough[0])
    near = f"; the nearest is {ranked[0]} with {len(found[ranked[0]])} of {len(relatives)} files" if ranked else ""
    known = ", ".join(CORPORA.names)
    raise CorpusError(f"{directory} contains none of the known corpora ({known}){near}; give any other as a table")


def check(
    scan: Scan, *, corpus: Corpus | None = None, progress: Callable[[int, int], None] = lambda _done, _total: None
) -> CheckReport:
    """Return the findings about a copy of a corpus. Every recording is read to its end, in pieces.

    A recording that can't be read is one finding; the others are read all the same.

    Args:
        scan: contents of the folder or table.
        corpus: what is expected; None for a table.
        progress: called with (recordings read, number of recordings) after each.

    Example:
        >>> from emotone.corpora.scan import scan
        >>> corpus = CORPORA.get("emodb")
        >>> check(scan(corpus, Path("emodb")), corpus=corpus).ok  # doctest: +SKIP
        True

    """
    measured, findings = _measure(scan, progress)
    counts = Counter(utterance.label for utterance in scan.utterances)
    clips_of = Counter(utterance.speaker for utterance in scan.utterances if utterance.speaker)
    lengths = [
        min(measured[item.path].seconds, math.inf if item.end is None else item.end) - item.start
        for item in scan.utterances
        if item.path in measured and item.start < measured[item.path].seconds
    ]
    findings += left_out(scan, table=corpus is None)
    if corpus is not None:
        total = sum(lengths) if len(lengths) == len(scan.utterances) else None
        findings += compare(corpus, counts=counts, speakers=set(clips_of), seconds=total)
    findings += parts(scan, measured)
    findings += duplicates(scan, measured, corpus.known_duplicates if corpus else ())
    findings += levels(measured)
    findings += unrecognised(scan)
    findings += speakers(scan)
    findings += words(scan)
    rates = Counter(sound.rate for sound in measured.values())
    if len(rates) > 1:
        listed = ", ".join(f"{rate} Hz {count}" for rate, count in sorted(rates.items()))
        findings.append(Finding("rates", f"sampling rates differ between recordings: {listed}", "note"))
    return CheckReport(
        corpus=scan.name,
        root=str(scan.root),
        clips=len(scan.utterances),
        speakers=len(clips_of),
        clips_of=dict(sorted(clips_of.items())),
        counts=dict(sorted(counts.items())),
        expected=None if corpus is None else corpus.known_counts,
        expected_speakers=None if corpus is None else corpus.speaker_count,
        expected_minutes=None if corpus is None else corpus.minutes,
        seconds=_summary(lengths),
        rates=dict(sorted(rates.items())),
        findings=tuple(sorted(findings, key=lambda finding: finding.severity == "note")),
    )


def _measure(scan: Scan, progress: Callable[[int, int], None]) -> tuple[dict[Path, SoundStatistics], list[Finding]]:
    """Read every recording once, however many utterances it contains."""
    paths = sorted({utterance.path for utterance in scan.utterances})
    measured = {}
    failed: dict[str, list[tuple[str, str]]] = {}
    for done, path in enumerate(paths, start=1):
        try:
            measured[path] = measure(path)
        except (AudioError, MissingExtraError) as error:
            failed.setdefault(error.code, []).append((str(path), str(error)))
        progress(done, len(paths))
    return measured, [finding for code, alike in failed.items() for finding in _unreadable(code, alike)]


def _unreadable(code: str, failed: Sequence[tuple[str, str]]) -> Iterator[Finding]:
    """Yield the findings about recordings with errors of one code, each a name and a message."""
    names = tuple(name for name, _ in failed)
    together = message_for_many(code, names)
    if together:
        yield Finding("unreadable", together, files=names)
    else:
        yield from (Finding("unreadable", message, files=(name,)) for name, message in failed)


def _summary(lengths: Sequence[Seconds]) -> dict[str, Seconds]:
    if not lengths:
        return {}
    return {
        "total": round(sum(lengths), 3),
        "median": round(statistics.median(lengths), 3),
        "shortest": round(min(lengths), 3),
        "longest": round(max(lengths), 3),
    }
