"""The page of the paper on segments of one second."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from emotone.reproductions.document import (
    ENGINE,
    command,
    document,
    first_of_runs,
    grid_table,
    leakage_section,
    markdown_table,
)
from emotone.reproductions.figure import NAMES, Row, interval_figure, mark_of
from emotone.reproductions.papers.segment_vggish.claims import differences_section, scoreboard
from emotone.reproductions.papers.segment_vggish.tables import (
    FIGURE3,
    FREE,
    FREE_NET,
    METRICS,
    PAPER,
    PAPERS_CORPUS,
    PUBLISHED_TABLE1,
    PUBLISHED_TABLE3,
    SEGMENTATIONS,
    SPLITS,
    TABLE3,
    TWO_SPLITS,
    segmentation_row,
)
from emotone.reproductions.stored import runs_folder, stored_results
from emotone.scoring.breakdowns import seeds_of
from emotone.scoring.finished_run import read_run
from emotone.scoring.segments import clip_confusion_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from emotone.reproductions.base import CellResult
    from emotone.reproductions.document import Scoreboard
    from emotone.scoring.predictions import PredictionsTable

PAPERS_TRAININGS = "6"


def page(results: Path) -> str:
    """Return the paper's three tables with our scores, differences between systems, and confusion matrices."""
    lines = [
        "# Emotion recognition in segments of one second",
        "",
        "[The paper, its settings and ours](../papers/segment-vggish.md). Accuracies x 100, pooled over trainings,",
        "with 95 % bootstrap intervals, clustered by speaker if there are several: of segments (SA), and of clips",
        "whose segments are all correct (ACA), whose most frequent prediction is correct (SCA), whose mean logits are",
        "correct (ALCA), or whose most frequent predictions include the correct one (BCA). A number after a slash is",
        "the published one; an asterisk marks a difference of more than two points. All numbers are computed from the",
        "predictions under `results/`.",
        *ENGINE,
    ]
    found = {table.name: stored_results(PAPER, table, results=results) for table in PAPER.tables}
    lines += ["", f"![Accuracy of clips by segmentation]({PAPER.key}.svg)"]
    lines += ["", *scoreboard(found, _recalls(found["table3"], runs_folder(PAPER, out=results))).lines()]
    for table in PAPER.tables:
        lines += ["", f"## {table.title}", "", f"{table.note} Published: {table.source}.", ""]
        lines += [grid_table(found[table.name]).markdown(), ""]
        lines += [command(PAPER, table, options=" --source NET=FILE...")]
    runs = runs_folder(PAPER, out=results)
    lines += ["", "## Clips and segments", "", *_segments(found["table5"], runs)]
    lines += ["", "## Differences between trainings", "", *_trainings(found["table3"], runs)]
    lines += ["", "## Systems by all five accuracies", "", *_systems(found["table5"], runs)]
    lines += ["", "## Significance of differences", "", *differences_section(found, runs)]
    lines += ["", "## Confusion matrices", "", *_confusions(found["table3"], runs)]
    everything = [result for of_table in found.values() for result in of_table]
    return document([*lines, *leakage_section(everything, runs)])


def claims(results: Path) -> Scoreboard:
    """Return the scoreboard, from the stored predictions."""
    found = {table.name: stored_results(PAPER, table, results=results) for table in PAPER.tables}
    return scoreboard(found, _recalls(found["table3"], runs_folder(PAPER, out=results)))


def figure(results: Path) -> str:
    """Return the accuracy of clips with both segmentations, by corpus and split, as SVG."""
    rows = {
        (corpus, split): [segmentation_row(FREE_NET[0], each, "four", split).id for each in SEGMENTATIONS]
        for corpus in FREE
        for split in TWO_SPLITS
    }
    wanted = {(corpus, row) for (corpus, _), ids in rows.items() for row in ids}
    cells = [each for each in TABLE3.cells if each.metric == METRICS["ALCA"] and (each.corpus, each.row.id) in wanted]
    found = stored_results(PAPER, replace(TABLE3, cells=tuple(cells)), results=results)
    scores = {(each.cell.corpus, each.cell.row.id): each.score for each in found}
    drawn = []
    for (corpus, split), ids in rows.items():
        marks = [
            mark_of(f"{name} segments of one second", score)
            for row, name in zip(ids, SEGMENTATIONS, strict=True)
            if (score := scores.get((corpus, row))) is not None
        ]
        if marks:
            speakers = "known speakers" if split == "random" else "new speakers"
            drawn.append(Row(f"{NAMES[corpus]}, {speakers}", tuple(marks)))
    return interval_figure(
        "Four emotions from segments: a classifier on YAMNet",
        drawn,
        axis="accuracy of clips by mean logits x 100, 95 % intervals",
        line=("guessing", 25),
        limits=(20, 100),
    )


def _recalls(results: Sequence[CellResult], runs: Path) -> dict[str, list[tuple[float, float]]]:
    """Return by corpus the recalls of anger and of neutral, in percent, without and with overlap."""
    found = {(result.cell.corpus, result.cell.row.id): run for run, result in first_of_runs(results).items()}
    rows = [segmentation_row(FREE_NET[0], each, "four", "random").id for each in SEGMENTATIONS]
    recalls = {}
    for corpus in FREE:
        if all((corpus, row) in found for row in rows):
            first, second = (_predictions(runs / found[corpus, row]) for row in rows)
            matrices = [_percentages(clip_confusion_of(each, corpus)).diagonal() for each in (first, second)]
            places = [first.labels.index(label) for label in ("anger", "neutral") if label in first.labels]
            recalls[corpus] = [(float(matrices[0][place]), float(matrices[1][place])) for place in places]
    return {corpus: pairs for corpus, pairs in recalls.items() if len(pairs) == 2}


@cache
def _predictions(run: Path) -> PredictionsTable:
    return read_run(run).predictions


def _segments(results: Sequence[CellResult], runs: Path) -> list[str]:
    """Return the paper's Table 1 next to the clips and segments of runs that test every clip once."""
    header = ("corpus", "counted", *PUBLISHED_TABLE1)
    rows = [
        (f"{PAPERS_CORPUS}, published", name, *(f"{values[index]:g}" for values in PUBLISHED_TABLE1.values()))
        for index, name in enumerate(("clips", *SEGMENTATIONS))
    ]
    found = {(each.cell.corpus, each.cell.row.id): each.run for each in results if each.cell.column.id == "loso"}
    _, *labels = PUBLISHED_TABLE1
    for corpus in FREE:
        for segmentation in SEGMENTATIONS:
            run = found.get((corpus, f"{FREE_NET[0]}-{segmentation}"))
            if run:
                table = _predictions(runs / run)
                parts = {segmentation: table.windows()}
                if segmentation == next(iter(SEGMENTATIONS)):
                    parts = {"clips": table.whole_utterances(), **parts}
                rows += [(corpus, name, *_shares(part, labels)) for name, part in parts.items()]
    return [
        "The number of clips and of segments of the four emotions, and the percentage of each emotion, as in Table 1",
        "of the paper. Ours are those of the runs with leave-one-speaker-out, which test every clip once.",
        "",
        *markdown_table(header, rows),
    ]


def _shares(part: PredictionsTable, labels: Sequence[str]) -> tuple[str, ...]:
    return str(len(part)), *(f"{100 * float(np.mean(part.truth == label)):.2f}" for label in labels)


def _trainings(results: Sequence[CellResult], runs: Path) -> list[str]:
    """Return mean and deviation over seeds of every run of Table 3, after those that the paper prints."""
    rows: list[tuple[str, ...]] = [
        (f"{PAPERS_CORPUS}, published", f"VGGish, {name}", PAPERS_TRAININGS, *(_deviation(*pair) for pair in pairs))
        for name, pairs in PUBLISHED_TABLE3.items()
    ]
    rows += [
        (result.cell.corpus, result.cell.row.title, *_accuracies(runs / run, result))
        for run, result in first_of_runs(results).items()
    ]
    return [
        "Mean and standard deviation over trainings, each on a split of its own. The deviations include the random",
        "effects of the split and of the training, and exclude that of the choice of speakers.",
        "",
        *markdown_table(("corpus", "system", "trainings", *METRICS), rows),
    ]


def _systems(results: Sequence[CellResult], runs: Path) -> list[str]:
    rows = [
        (result.cell.corpus, result.cell.row.title, result.cell.column.title, *_accuracies(runs / run, result))
        for run, result in first_of_runs(results).items()
    ]
    return [
        "The systems of the last table, mean and standard deviation over trainings. Systems at clip level make one",
        "decision for a clip of up to 8 s, so all five accuracies are equal.",
        "",
        *markdown_table(("corpus", "system", "split", "trainings", *METRICS), rows),
    ]


def _accuracies(run: Path, result: CellResult) -> Iterator[str]:
    """Yield the number of trainings, and mean and deviation over them of the five accuracies."""
    spreads = {each.metric: each for each in seeds_of(_predictions(run)) if each.corpus == result.cell.corpus}
    found = [spreads[metric] for metric in METRICS.values()]
    yield str(len(found[0].values))
    for spread in found:
        yield _deviation(spread.mean, spread.deviation)


def _deviation(mean: float, deviation: float | None) -> str:
    return f"{100 * mean:.1f}" + ("" if deviation is None else f" ± {100 * deviation:.1f}")


def _confusions(results: Sequence[CellResult], runs: Path) -> list[str]:
    """Return confusion matrices as in Figure 3: one table for each corpus, with both segmentations."""
    first, second = SEGMENTATIONS
    quoted = "; ".join(
        f"{name}: " + ", ".join(f"{truth} as {prediction} {share:g}" for (truth, prediction), share in shares.items())
        for name, shares in FIGURE3.items()
    )
    lines = [
        f"Percent of a true label's clips, by mean logits: {first} / {second} segments. Values that the paper quotes",
        f"from its Figure 3: {quoted}.",
    ]
    found = {(result.cell.corpus, result.cell.row.id): run for run, result in first_of_runs(results).items()}
    for corpus in FREE:
        for split in TWO_SPLITS:
            rows = [segmentation_row(FREE_NET[0], segmentation, "four", split).id for segmentation in SEGMENTATIONS]
            if all((corpus, row) in found for row in rows):
                tables = [_predictions(runs / found[corpus, row]) for row in rows]
                lines += ["", f"### {corpus}, {SPLITS[split][0]}", "", *_two_matrices(tables, corpus)]
    return lines


def _two_matrices(tables: Sequence[PredictionsTable], corpus: str) -> list[str]:
    labels = tables[0].labels
    first, second = (_percentages(clip_confusion_of(each, corpus)) for each in tables)
    rows = [
        (truth, *(f"{first[row, column]:.1f} / {second[row, column]:.1f}" for column in range(len(labels))))
        for row, truth in enumerate(labels)
    ]
    return markdown_table(("truth \\ prediction", *labels), rows)


def _percentages(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    totals = counts.sum(axis=1, keepdims=True)
    return np.asarray(100 * counts / np.maximum(totals, 1), dtype=np.float64)
