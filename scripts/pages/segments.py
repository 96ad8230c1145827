"""The page of the segment paper: its tables beside ours, spread over trainings, and its confusion matrices."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from scripts.pages.markdown import RESULTS, page, table
from scripts.pages.segment_differences import differences

from emotone.protocols import Leakage
from emotone.reproductions.page import grid_table, kept_rows
from emotone.reproductions.papers.segment_vggish import (
    FIGURE3,
    METRICS,
    PAPER,
    PUBLISHED3,
    RANDOM,
    SEGMENTATIONS,
    SPEAKERS,
    TABLE3,
)
from emotone.reproductions.reproduce import ROWS, folder_of, runs_of
from emotone.scoring.breakdowns import seeds_of
from emotone.scoring.finished_run import read_run
from emotone.scoring.segments import clip_confusion_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from emotone.reproductions.base import Row, Table
    from emotone.scoring.predictions import PredictionsTable


def segment_vggish(results: Path = RESULTS) -> str:
    """Return the paper's three tables beside ours, from the runs that `emotone reproduce` made."""
    lines = [
        "# Segments of a second, and what clips are by them",
        "",
        "What is as published and what is not: [../papers/segment-vggish.md](../papers/segment-vggish.md). Accuracies",
        "x 100, pooled over trainings, with 95 % bootstrap intervals clustered by speaker where there are several: of",
        "segments (SA), and of clips whose segments are all right (ACA), right more often than any other label (SCA),",
        "right in the mean of their logits (ALCA), or right at least as often (BCA). A number behind a slash is what",
        "was published; an asterisk marks ours where it is further away than two points. Computed from the predictions",
        "under `results/` each time this page is made.",
    ]
    kept = {each.name: _kept(each, results) for each in PAPER.tables}
    for each in PAPER.tables:
        lines += ["", f"## {each.title}", "", f"{each.note} Published: {each.source}.", ""]
        lines += [grid_table(kept[each.name]).markdown(), ""]
        lines += [f"Again: `emotone reproduce {PAPER.key} {each.name} --corpus NAME=DIR... --source NET=FILE...`"]
    runs = runs_of(PAPER, TABLE3, out=results)
    lines += ["", "## From one training to the next", "", *_spread(kept["table3"], runs)]
    lines += ["", "## Counting segments, and learning clips", "", *_counted(kept["table5"], runs)]
    lines += ["", "## What is more than chance", "", *differences(kept, runs)]
    lines += ["", "## What is taken for what", "", *_confusions(kept["table3"], runs)]
    everything = [row for rows in kept.values() for row in rows]
    return page([*lines, *_audits(everything, runs)])


def _kept(of: Table, results: Path) -> tuple[Row, ...]:
    path = folder_of(PAPER, of, out=results) / ROWS
    told = json.loads(path.read_text(encoding="utf-8"))["rows"] if path.exists() else []
    return kept_rows(of, told, results=runs_of(PAPER, of, out=results))


@cache
def _table(run: Path) -> PredictionsTable:
    return read_run(run).predictions


def _by_run(rows: Iterable[Row]) -> dict[str, Row]:
    """Return the first row of each run."""
    found: dict[str, Row] = {}
    for row in rows:
        if row.run:
            found.setdefault(row.run, row)
    return found


def _spread(rows: Sequence[Row], runs: Path) -> list[str]:
    """Return mean and deviation over seeds of every run of Table 3, below those that the paper prints."""
    told = [
        ("iemocap, published", f"VGGish, {name}", "6", *(_deviation(*pair) for pair in pairs))
        for name, pairs in PUBLISHED3.items()
    ]
    told += [(row.cell.corpus, row.cell.setting, *_five(runs / run, row)) for run, row in _by_run(rows).items()]
    return [
        "Mean and sample deviation over trainings, each on a division of its own: they tell how much chance is in",
        "division and training together, and nothing about speakers whom the corpus lacks.",
        "",
        *table(("corpus", "setting", "trainings", *METRICS), told),
    ]


def _five(run: Path, row: Row) -> Iterator[str]:
    """Give the number of trainings, and mean and deviation over them of the five accuracies."""
    spreads = {found.metric: found for found in seeds_of(_table(run)) if found.corpus == row.cell.corpus}
    of = [spreads[metric] for metric in METRICS.values()]
    yield str(len(of[0].values))
    for one in of:
        yield _deviation(one.mean, one.deviation)


def _counted(rows: Sequence[Row], runs: Path) -> list[str]:
    """Return the five accuracies of every run of Table 5: for clips that are learned all five are one."""
    told = [
        (row.cell.corpus, row.cell.setting, row.cell.column, *_five(runs / run, row))
        for run, row in _by_run(rows).items()
    ]
    return [
        "The systems of the last table by all five ways of counting, mean and deviation over trainings. Where clips",
        "are learned, a clip of up to 8 s is one decision, and all five are the same.",
        "",
        *table(("corpus", "setting", "division", "trainings", *METRICS), told),
    ]


def _deviation(mean: float, deviation: float | None) -> str:
    return f"{100 * mean:.1f}" + ("" if deviation is None else f" ± {100 * deviation:.1f}")


def _confusions(rows: Sequence[Row], runs: Path) -> list[str]:
    """Return the matrices of Figure 3: of every corpus, both segmentations in one table."""
    first, second = SEGMENTATIONS
    said = "; ".join(
        f"{name}: " + ", ".join(f"{truth} as {answer} {share:g}" for (truth, answer), share in shares.items())
        for name, shares in FIGURE3.items()
    )
    lines = [
        f"Percent of a truth's clips, by the mean logits of their segments: {first} / {second} segments. What",
        f"the paper's text says of its Figure 3: {said}.",
    ]
    found = {(row.cell.corpus, row.cell.setting): run for run, row in _by_run(rows).items()}
    for corpus in dict.fromkeys(corpus for corpus, _ in found):
        for division in (RANDOM, SPEAKERS):
            names = [f"YAMNet, {segmentation}, four emotions, {division}" for segmentation in SEGMENTATIONS]
            if all((corpus, name) in found for name in names):
                tables = [_table(runs / found[corpus, name]) for name in names]
                lines += ["", f"### {corpus}, {division}", "", *_beside(tables, corpus)]
    return lines


def _beside(tables: Sequence[PredictionsTable], corpus: str) -> list[str]:
    labels = tables[0].labels
    first, second = (_shares(clip_confusion_of(each, corpus)) for each in tables)
    told = [
        (truth, *(f"{first[row, column]:.1f} / {second[row, column]:.1f}" for column in range(len(labels))))
        for row, truth in enumerate(labels)
    ]
    return table(("truth \\ prediction", *labels), told)


def _shares(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    totals = counts.sum(axis=1, keepdims=True)
    return np.asarray(100 * counts / np.maximum(totals, 1), dtype=np.float64)


def _audits(rows: Sequence[Row], runs: Path) -> list[str]:
    seen: dict[tuple[str, str], str] = {}
    for run, row in _by_run(rows).items():
        leakage = read_run(runs / run).about.get("leakage")
        if leakage is not None:
            seen.setdefault((row.cell.corpus, row.cell.protocol), "; ".join(Leakage.from_dict(leakage).lines()))
    if not seen:
        return []
    lines = (f"- {corpus}, `{division}`: {shared}" for (corpus, division), shared in seen.items())
    return ["", "## What training and test parts share", "", *lines]
