"""The option `--corpus`, what it brings, and the progress display that trainings and evaluations share."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import click

from emotone.cli import console as _say

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from emotone.corpora.labels import LabelSet
    from emotone.corpora.scan import Scan
    from emotone.evaluation.run import Progress
    from emotone.types import Utterance

corpus_option = click.option(
    "--corpus",
    multiple=True,
    metavar="NAME=DIR",
    help="A corpus and its folder, or any name and a table (NAME=FILE.csv) or an audformat database (NAME=DIR). "
    "May be given several times. Default: the folders in $EMOTONE_CORPORA.",
)

unlabelled_option = click.option(
    "--unlabelled",
    type=click.Choice(["statistics", "pseudo-labels"]),
    default=None,
    help="Hear the clips without their labels: estimate statistics of normalisations anew (A1), or learn from what the "
    "start says of those that it is sure of (A2 to A8).",
)


@dataclass(frozen=True)
class Data:
    """Labelled utterances of all corpora.

    Attributes:
        utterances: with labels from `labels`.
        labels: of the label set that occur, in its order.
        dropped: clips left out because their label is not in the label set, by label.
        unselected: clips left out by the recipe's selection, by reason.
        notes: one line each: corpora that are not whole, and recordings that are none of theirs.
        problems: one line each: rows and files that can't be used.

    """

    utterances: tuple[Utterance, ...]
    labels: tuple[str, ...]
    dropped: Mapping[str, int]
    problems: tuple[str, ...]
    unselected: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def load(corpora: tuple[str, ...], *, label_set_name: str, selection: str = "") -> Data:
    """Return the utterances of the given corpora, with the labels of a named label set, of a selection if named."""
    from emotone.corpora.labels import label_set

    return _load(corpora, label_set(label_set_name), selection=selection)


def load_for_labels(corpora: tuple[str, ...], labels: tuple[str, ...]) -> Data:
    """Return the utterances whose labels a model knows, merged as in the label set that it was trained on."""
    from emotone.corpora.labels import label_set_for

    return replace(_load(corpora, label_set_for(labels)), labels=labels)


def load_unlabelled(corpora: tuple[str, ...], *, labels: tuple[str, ...]) -> Data:
    """Return every utterance of the given corpora without its label, for a net that knows these labels."""
    from emotone.corpora.labels import UNKNOWN

    found, problems, notes = _found(corpora)
    return Data(tuple(replace(each, label=UNKNOWN) for each in found), labels, {}, problems, notes=notes)


def scanned(corpora: tuple[str, ...]) -> tuple[dict[str, tuple[Utterance, ...]], dict[str, None]]:
    """Return every given corpus's utterances with their canonical labels, by name, and what can't be used (as keys)."""
    from emotone.corpora.resolve import resolve

    scans = resolve(corpora)
    problems = {str(problem): None for scan in scans.values() for problem in scan.problems}
    return {name: tuple(scan.utterances) for name, scan in scans.items()}, problems


def report(data: Data) -> None:
    """Say on standard error what was found and what was left out."""
    speakers = len({utterance.speaker_key for utterance in data.utterances})
    _say.note(f"{len(data.utterances)} clips, {speakers} speakers, labels: {', '.join(data.labels)}")
    if data.dropped:
        counts = ", ".join(f"{label} {count}" for label, count in sorted(data.dropped.items()))
        _say.note(f"left out, not in the label set: {counts}")
    if data.unselected:
        reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(data.unselected.items()))
        _say.note(f"left out by the selection: {reasons}")
    for note in data.notes:
        _say.note(note)
    for problem in data.problems:
        _say.error(f"left out: {problem}")


class Display:
    """Progress on standard error: a bar where somebody looks, nothing elsewhere."""

    def __init__(self, bar: Any | None) -> None:
        self._bar = bar
        self._tasks: dict[str, Any] = {}

    def report(self, report: Progress) -> None:
        """Show how far a stage is."""
        self.stage(report.stage, report.done, report.total)

    def counter(self, stage: str, total: int) -> Callable[[int], None]:
        """Return a callback that adds to a stage."""
        done = 0

        def add(count: int) -> None:
            nonlocal done
            done += count
            self.stage(stage, done, total)

        return add

    def batches(self, done: int, total: int) -> None:
        """Show how far an epoch is."""
        self.stage("epoch", done, total)

    def say(self, text: str) -> None:
        """Print a line above the bar, or by itself."""
        if self._bar is not None:
            self._bar.console.print(text, highlight=False)
        else:
            _say.note(text)

    def stage(self, stage: str, done: float, total: float) -> None:
        """Show how far a stage is."""
        if self._bar is None:
            return
        if stage not in self._tasks:
            self._tasks[stage] = self._bar.add_task(stage, total=total)
        self._bar.update(self._tasks[stage], completed=done, total=total)


@contextlib.contextmanager
def progress(*, quiet: bool) -> Iterator[Display]:
    """Yield a display; it draws only on a terminal."""
    from rich.console import Console

    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield Display(None)
        return
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=console) as bar:
        yield Display(bar)


def _load(corpora: tuple[str, ...], label_set: LabelSet, *, selection: str = "") -> Data:
    from emotone.corpora.labels import apply_labels

    found, problems, notes = _found(corpora)
    unselected: Mapping[str, int] = {}
    if selection:
        found, unselected = _selected(found, selection)
    utterances, dropped = apply_labels(found, label_set)
    return Data(tuple(utterances), label_set.present_in(utterances), dropped, problems, unselected, notes)


def _found(corpora: tuple[str, ...]) -> tuple[list[Utterance], tuple[str, ...], tuple[str, ...]]:
    """Return the utterances of all given corpora, what can't be used, and what there is to say of the copies."""
    from emotone.corpora.resolve import resolve
    from emotone.errors import UsageError

    scans = resolve(corpora)
    if not scans:
        raise UsageError(
            "no corpus was given: add --corpus NAME=DIR, or set EMOTONE_CORPORA; see: emotone corpora list"
        )
    found = [utterance for scan in scans.values() for utterance in scan.utterances]
    problems = tuple(str(problem) for scan in scans.values() for problem in scan.problems)
    return found, problems, tuple(note for scan in scans.values() for note in _notes(scan))


def _notes(scan: Scan) -> Iterator[str]:
    """Yield what is unlike the published corpus in a copy of it."""
    from emotone.corpora.base import CORPORA

    if scan.from_table or scan.name not in CORPORA.names:
        return
    published, check = CORPORA.get(scan.name).clips, f"emotone corpora check {scan.name} {scan.root} says which"
    if published is not None and len(scan.utterances) < published:
        yield f"{scan.name}: {len(scan.utterances)} of its {published} clips are there; {check}"
    if scan.unrecognised:
        count = len(scan.unrecognised)
        what = "1 recording is no clip" if count == 1 else f"{count} recordings are no clips"
        yield f"{scan.name}: {what} of this corpus by name, and left out (first: {scan.unrecognised[0].name}); {check}"


def _selected(utterances: list[Utterance], name: str) -> tuple[list[Utterance], Mapping[str, int]]:
    """Return what a selection takes of its corpus, everything of the other corpora, and what was left out."""
    from emotone.corpora.selections import SELECTIONS, select

    corpus = SELECTIONS[name].corpus
    kept, dropped = select([utterance for utterance in utterances if utterance.corpus == corpus], name)
    return [*kept, *(utterance for utterance in utterances if utterance.corpus != corpus)], dropped
