"""Which recordings are used: corpora that options name, and clips of a corpus that publications used.

Corpora are named by the options `--corpus NAME=DIR` or by the folder `$EMOTONE_CORPORA`. Named selections of clips are
for publications whose clips a label set does not define:

* `iemocap-two-raters`: turns of IEMOCAP in four classes on which at least two raters agree.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from emotone.corpora.base import CORPORA
from emotone.corpora.content import shared_recordings
from emotone.corpora.database import HEADER, is_database, read_database
from emotone.corpora.labels import check_label_map, label_set
from emotone.corpora.scan import Scan, scan
from emotone.corpora.table import TABLE_SUFFIXES, read_table
from emotone.errors import CorpusError, UsageError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from emotone.types import Utterance

VARIABLE = "EMOTONE_CORPORA"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")  # part of keys (corpus/id) and of file names


def resolve(
    options: Sequence[str] = (),
    *,
    environment: Mapping[str, str] | None = None,
    label_map: Mapping[str, str] | None = None,
) -> dict[str, Scan]:
    """Return the corpora that the options name, in their order; without options, those in `$EMOTONE_CORPORA`.

    Args:
        options: `emodb=DIR` for a folder of a known corpus, `ANYNAME=FILE.csv` (or .tsv) for a table, `ANYNAME=DIR`
            for a folder with an audformat database, or `emodb` alone for the folder of that name in
            `$EMOTONE_CORPORA`.
        environment: used instead of the process's own.
        label_map: word in lower case -> canonical emotion, for the labels of tables and databases; see
            `emotone.corpora.labels.parse_label_map`.

    Returns:
        Scan by name, each with at least one utterance; empty where there are neither options nor the variable.

    Raises:
        UsageError: an option of another form, an unknown corpus (with the nearest name), a duplicate name, or a word of
            the label map that no label matches.
        CorpusError: a folder or table that does not exist, or that contains no clip of the corpus; or two corpora that
            contain the same recordings.

    Example:
        >>> resolve(["emodb=~/corpora/emodb", "calls=calls.csv"])  # doctest: +SKIP

    """
    home = (os.environ if environment is None else environment).get(VARIABLE)
    scans: dict[str, Scan] = {}
    for name, path in _named(options, home) if options else _all_in(home):
        if name in scans:
            raise UsageError(f"the corpus '{name}' is given twice; give each table its own name")
        scans[name] = load(name, path, label_map=label_map)
    if label_map:
        check_label_map(label_map, [each for scan in scans.values() if scan.from_table for each in scan.utterances])
    for (first, second), paths in shared_recordings(scans).items():
        what = "1 recording" if len(paths) == 1 else f"{len(paths)} recordings"
        raise CorpusError(
            f"{first} and {second} contain the same {what}, so no protocol can be speaker-independent; give each "
            f"recording once; the first: {paths[0][0]} and {paths[0][1]}"
        )
    return scans


def is_table(path: Path) -> bool:
    """Return whether a path names a table rather than a corpus folder; it need not exist."""
    return path.suffix.lower() in TABLE_SUFFIXES and not path.is_dir()


def load(name: str, path: Path, *, label_map: Mapping[str, str] | None = None) -> Scan:
    """Return one corpus from its folder, or from a table or an audformat database with any name.

    With the name of a known corpus, its layout is tried first.

    Raises:
        UsageError: a folder without a database, and a name that is not a known corpus.
        CorpusError: it does not exist, or contains no clip of the corpus.

    """
    if is_table(path):
        return _checked(read_table(path, name=name, label_map=label_map))
    if name not in CORPORA.names and is_database(path):
        return _checked(read_database(path, name=name, label_map=label_map))
    corpus = CORPORA.get(name)
    found = scan(corpus, path)
    if not found.utterances and is_database(path):
        return _checked(read_database(path, name=name, label_map=label_map))
    if not found.utterances and found.problems:
        raise CorpusError(f"{path} has no usable clip of {name}; the first problem: {found.problems[0]}")
    if not found.utterances:
        seen = f"{len(found.unrecognised)} other recordings" if found.unrecognised else "no recordings at all"
        raise CorpusError(
            f"{path} contains no clip of {name}, but {seen}; expected are files such as {corpus.examples[0]}; "
            f"see: emotone corpora show {name}"
        )
    return found


def _checked(found: Scan) -> Scan:
    if not found.utterances:
        reason = f"; the first problem: {found.problems[0]}" if found.problems else ": it has a header only"
        raise CorpusError(f"{found.root} has no usable row{reason}")
    return found


def _named(options: Sequence[str], home: str | None) -> list[tuple[str, Path]]:
    pairs = []
    for option in options:
        name, equals, place = option.partition("=")
        if not equals and home and name in CORPORA.names:
            pairs.append((name, Path(home).expanduser() / name))
            continue
        if not equals and name in CORPORA.names:
            raise UsageError(f"'{option}' was given without a folder; allowed: {name}=DIR, or set {VARIABLE}")
        if not place or not NAME.fullmatch(name):
            raise UsageError(f"'{option}' was given; allowed: NAME=DIR for a known corpus, or NAME=FILE.csv")
        path = Path(place).expanduser()  # shells do not expand the ~ in emodb=~/corpora
        if name not in CORPORA.names and not is_table(path) and not is_database(path):
            others = f"any other as a table: {name}=FILE.csv, or as an audformat database: a folder with {HEADER}"
            raise UsageError(f"{unknown_name('corpus', name, CORPORA.names)}; {others}")
        pairs.append((name, path))
    return pairs


def _all_in(home: str | None) -> list[tuple[str, Path]]:
    if not home:
        return []
    folder = Path(home).expanduser()
    if not folder.is_dir():
        raise CorpusError(f"{VARIABLE} names {folder}, which is not a folder")
    found = [(name, folder / name) for name in CORPORA.names if (folder / name).is_dir()]
    if not found:
        allowed = ", ".join(CORPORA.names)
        raise CorpusError(f"{VARIABLE} names {folder}, which contains none of the folders {allowed}")
    return found


MIN_AGREEING = 2  # raters
MAX_EMOTIONS = 2  # named by all raters of a turn together


@dataclass(frozen=True)
class Selection:
    """A rule that selects clips of one corpus and gives them labels.

    Attributes:
        name: as recipes call it.
        description: in one line.
        corpus: from which it selects clips.
        label_of: utterance -> (label, "") if it is selected, else ("", reason).
        published: clips per label in the publication.
        citation: of the publication.
        note: what the publication leaves open, and how it is interpreted here.

    """

    name: str
    description: str
    corpus: str
    label_of: Callable[[Utterance], tuple[str, str]]
    published: Mapping[str, int]
    citation: str
    note: str


def _two_raters(utterance: Utterance) -> tuple[str, str]:
    from emotone.corpora.datasets.iemocap import raters

    merge = label_set("four").merge
    votes: Counter[str] = Counter()
    for rater, emotions in raters(utterance.extras.get("raters", "")).items():
        if rater.startswith("E"):
            votes.update({"happiness" if emotion == "excitement" else emotion for emotion in emotions})
    ranked = votes.most_common(2)
    if not ranked or ranked[0][1] < MIN_AGREEING:
        return "", "no two raters agree"
    if len(votes) > MAX_EMOTIONS:
        return "", "three or more emotions named"
    label = ranked[0][0]
    if len(ranked) > 1 and ranked[1][1] == ranked[0][1]:
        return "", "two emotions named equally often"
    return (label, "") if label in merge else ("", f"another emotion: {label}")


SELECTIONS: Mapping[str, Selection] = {
    selection.name: selection
    for selection in (
        Selection(
            name="iemocap-two-raters",
            description="turns in four classes on which at least two raters agree, excitement as happiness",
            corpus="iemocap",
            label_of=_two_raters,
            published={"anger": 1104, "happiness": 2496, "neutral": 1752, "sadness": 1064},
            citation=(
                "E. Lakomkin, C. Weber, S. Magg and S. Wermter: Reusing Neural Speech Representations for Auditory "
                "Emotion Recognition. IJCNLP 2017, pp. 423-430. arXiv:1803.11508"
            ),
            note=(
                "Published: excited merged with happiness; at least two annotators agree; not three different "
                "emotions; neutral, angry, happy and sad. Left open, and interpreted here: only external raters "
                "count, not the actors themselves; the merge precedes the vote, because happiness exceeds the "
                "corpus's own count by half; a rater who named several emotions counts for each; all emotions that "
                "any rater named count towards the three; ties are left out. This interpretation was never counted "
                "on the corpus itself: compare its counts with the published ones; they may differ."
            ),
        ),
    )
}


def selections_of(corpus: str) -> tuple[Selection, ...]:
    """Return the selections of a corpus, by its name."""
    return tuple(selection for selection in SELECTIONS.values() if selection.corpus == corpus)


def select(utterances: Iterable[Utterance], name: str) -> tuple[tuple[Utterance, ...], dict[str, int]]:
    """Return the clips of a named selection with its labels, and how many were left out for which reason.

    Args:
        utterances: as scanned, with canonical labels.
        name: of the selection.

    Returns:
        Copies in the same order, and the number left out per reason.

    Raises:
        UnknownNameError: no such selection; with the nearest one.
        UsageError: utterances of another corpus.

    """
    if name not in SELECTIONS:
        raise unknown_name("selection", name, SELECTIONS)
    selection = SELECTIONS[name]
    kept = []
    dropped: Counter[str] = Counter()
    for utterance in utterances:
        if utterance.corpus != selection.corpus:
            raise UsageError(f"{utterance.key} was given; allowed: the selection {name} is of {selection.corpus} only")
        label, reason = selection.label_of(utterance)
        if label:
            kept.append(replace(utterance, label=label))
        else:
            dropped[reason] += 1
    return tuple(kept), dict(sorted(dropped.items()))
