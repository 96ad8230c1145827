"""The options `--corpus` and `--label-map`, and the labelled utterances that they select."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import click

from emotone.cli import console

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from emotone.corpora.labels import LabelSet
    from emotone.corpora.scan import Scan
    from emotone.types import Utterance


def parsed_label_map(_context: click.Context, _parameter: click.Parameter, text: str) -> dict[str, str]:
    """Return the label map of the option `--label-map`; see `parse_label_map`."""
    from emotone.corpora.labels import parse_label_map

    return parse_label_map(text)


corpus_option = click.option(
    "--corpus",
    multiple=True,
    metavar="NAME=DIR",
    help="A corpus and its folder; or any name with a table (NAME=FILE.csv) or an audformat database (NAME=DIR). "
    "Repeatable. Default: the folders in $EMOTONE_CORPORA.",
)

label_map_option = click.option(
    "--label-map",
    "label_map",
    default="",
    metavar="WORD=EMOTION,...",
    callback=parsed_label_map,
    help="Emotions of the words in your tables and databases, e.g. happy=happiness,tense=unknown. It takes precedence "
    "over the words that emotone knows.",
)


@dataclass(frozen=True)
class CorpusData:
    """Labelled utterances of all given corpora.

    Attributes:
        utterances: with labels from `labels`.
        labels: of the label set that occur, in its order.
        dropped: number of clips without a label of the label set, by label.
        problems: one line each: rows and files that can't be used.
        unselected: number of clips outside the recipe's selection, by reason.
        notes: one line each: incomplete corpora, unrecognised recordings, mapped labels.

    """

    utterances: tuple[Utterance, ...]
    labels: tuple[str, ...]
    dropped: Mapping[str, int]
    problems: tuple[str, ...]
    unselected: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def load(
    corpora: tuple[str, ...],
    *,
    label_set_name: str,
    selection: str = "",
    label_map: Mapping[str, str] | None = None,
) -> CorpusData:
    """Return the utterances of the given corpora with the labels of a label set.

    Args:
        corpora: values of `--corpus`; without any, the corpora in `$EMOTONE_CORPORA`.
        label_set_name: see `emotone.corpora.labels`.
        selection: name of a selection of clips; "" takes all.
        label_map: value of `--label-map`.

    Raises:
        UsageError: no corpus, an unknown one, or a label map that matches no label.
        CorpusError: a corpus can't be read.

    """
    from emotone.corpora.labels import label_set

    return _load(corpora, label_set(label_set_name), selection=selection, label_map=label_map)


def load_for_labels(
    corpora: tuple[str, ...], labels: tuple[str, ...], *, label_map: Mapping[str, str] | None = None
) -> CorpusData:
    """Return the utterances that have a label of a model, merged as in the label set that it was trained on."""
    from emotone.corpora.labels import label_set_for

    return replace(_load(corpora, label_set_for(labels), label_map=label_map), labels=labels)


def load_unlabelled(
    corpora: tuple[str, ...], *, labels: tuple[str, ...], label_map: Mapping[str, str] | None = None
) -> CorpusData:
    """Return every utterance of the given corpora without its label, for a network that predicts `labels`."""
    from emotone.corpora.labels import UNKNOWN

    found, problems, notes = _found(corpora, label_map)
    return CorpusData(tuple(replace(each, label=UNKNOWN) for each in found), labels, {}, problems, notes=notes)


def scan_corpora(
    corpora: tuple[str, ...], *, label_map: Mapping[str, str] | None = None
) -> tuple[dict[str, tuple[Utterance, ...]], dict[str, None]]:
    """Return the utterances of every given corpus by name, with canonical labels, and all problems as keys."""
    from emotone.corpora.resolve import resolve

    scans = resolve(corpora, label_map=label_map)
    problems = {str(problem): None for scan in scans.values() for problem in scan.problems}
    return {name: tuple(scan.utterances) for name, scan in scans.items()}, problems


def report(data: CorpusData) -> None:
    """Print the numbers of clips and speakers, and everything that is excluded, on standard error."""
    speakers = len({utterance.speaker_key for utterance in data.utterances})
    console.note(f"{len(data.utterances)} clips, {speakers} speakers, labels: {', '.join(data.labels)}")
    if data.dropped:
        counts = ", ".join(f"{label} {count}" for label, count in sorted(data.dropped.items()))
        console.note(f"left out, not in the label set: {counts}")
    if data.unselected:
        reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(data.unselected.items()))
        console.note(f"left out by the selection: {reasons}")
    for note in data.notes:
        console.note(note)
    for problem in data.problems:
        console.error(f"left out: {problem}")


def mapped_labels_note(scan: Scan) -> str:
    """Return one line about labels of a table or database that were mapped to another word; "" without any."""
    from emotone.corpora.labels import mapped_words

    words = mapped_words(scan.utterances) if scan.from_table else {}
    listed = ", ".join(f"{word or 'empty'} to {label} ({count})" for word, (label, count) in words.items())
    return f"{scan.name}: labels mapped: {listed}" if listed else ""


def _load(
    corpora: tuple[str, ...], label_set: LabelSet, *, selection: str = "", label_map: Mapping[str, str] | None
) -> CorpusData:
    from emotone.corpora.labels import apply_labels

    found, problems, notes = _found(corpora, label_map)
    unselected: Mapping[str, int] = {}
    if selection:
        found, unselected = _selected(found, selection)
    utterances, dropped = apply_labels(found, label_set)
    return CorpusData(tuple(utterances), label_set.present_in(utterances), dropped, problems, unselected, notes)


def _found(
    corpora: tuple[str, ...], label_map: Mapping[str, str] | None
) -> tuple[list[Utterance], tuple[str, ...], tuple[str, ...]]:
    """Return the utterances of all given corpora, the problems, and notes about the copies."""
    from emotone.corpora.resolve import resolve
    from emotone.errors import UsageError

    scans = resolve(corpora, label_map=label_map)
    if not scans:
        raise UsageError("no corpus given: add --corpus NAME=DIR, or set EMOTONE_CORPORA; see: emotone corpora list")
    found = [utterance for scan in scans.values() for utterance in scan.utterances]
    problems = tuple(str(problem) for scan in scans.values() for problem in scan.problems)
    return found, problems, tuple(note for scan in scans.values() for note in _notes(scan))


def _notes(scan: Scan) -> Iterator[str]:
    """Yield differences between a copy and the published corpus, and the labels that were mapped."""
    from emotone.corpora.base import CORPORA

    mapped = mapped_labels_note(scan)
    if mapped:
        yield mapped
    if scan.from_table or scan.name not in CORPORA.names:
        return
    published, check = CORPORA.get(scan.name).clips, f"for a list run emotone corpora check {scan.name} {scan.root}"
    if published is not None and len(scan.utterances) < published:
        yield f"{scan.name}: incomplete, {len(scan.utterances)} of {published} clips; {check}"
    if scan.unrecognised:
        count = len(scan.unrecognised)
        recordings = "1 recording" if count == 1 else f"{count} recordings"
        yield (
            f"{scan.name}: ignored {recordings} whose file names are not those of {scan.name}'s clips "
            f"(first: {scan.unrecognised[0].name}); {check}"
        )


def _selected(utterances: list[Utterance], name: str) -> tuple[list[Utterance], Mapping[str, int]]:
    """Return the selected clips of the selection's corpus with all clips of other corpora, and what is excluded."""
    from emotone.corpora.resolve import SELECTIONS, select

    corpus = SELECTIONS[name].corpus
    kept, dropped = select([utterance for utterance in utterances if utterance.corpus == corpus], name)
    return [*kept, *(utterance for utterance in utterances if utterance.corpus != corpus)], dropped
