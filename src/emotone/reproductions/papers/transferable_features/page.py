"""The page of the paper on transferable features: gains over training on the target only, with paired tests."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from emotone.reproductions.base import by_place
from emotone.reproductions.document import ENGINE, command, document, first_of_runs, grid_table, markdown_table
from emotone.reproductions.figure import Row, interval_figure, mark_of
from emotone.reproductions.papers.transferable_features import published
from emotone.reproductions.papers.transferable_features.claims import scoreboard
from emotone.reproductions.papers.transferable_features.published import ALL, TABLE4_SETTINGS
from emotone.reproductions.papers.transferable_features.sections import (
    NOT_RUN,
    TESTS,
    adaptive_svm_section,
    arrows,
    corpora_section,
    coverage_section,
    gains,
    percent_of,
    published_gains,
    questions_section,
)
from emotone.reproductions.papers.transferable_features.tables import (
    PAPER,
    PROTOCOL_NOTE,
    SYSTEMS,
    TABLE2,
    TABLE3,
    TABLE4,
    TABLE5,
    TARGET_ONLY,
    ablation_row,
    column,
    columns,
)
from emotone.reproductions.stored import runs_folder, stored_results
from emotone.scoring.finished_run import STAGES, read_json

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from emotone.reproductions.base import CellResult, Heading, PublishedTable
    from emotone.reproductions.document import Scoreboard
    from emotone.reproductions.papers.transferable_features.tables import Split

FIGURE_ROWS = {
    TARGET_ONLY.id: "no transfer",
    "s2-a1": "loaded, unchanged",
    "s2-a2": "loaded, all layers trained",
    "s2-a3": "loaded, 1 convolution frozen",
    "s2-a4": "loaded, 2 convolutions frozen",
    "s2-a5": "loaded, only the output trained",
    "s2-a6": "1 convolution kept, rest new",
    "s2-a7": "2 convolutions kept, rest new",
    "s2-a8": "only the output new",
}
"""Row id -> transfer plan in words, of S2: the target's own training data are in the pre-training, too."""
ONE_REPLICATE = 1  # tables 3 and 4 show no intervals, which take most of the time


def page(results: Path) -> str:
    """Return the scoreboard, and the paper's four tables with our scores."""
    everything = _stored(results)
    found = {name: [each for each in of_table if each.score is not None] for name, of_table in everything.items()}
    measured = [result for of_table in found.values() for result in of_table]
    runs = runs_folder(PAPER, out=results)
    board = scoreboard(everything, runs)
    lines = [
        "# Transferable features: pre-training on other corpora",
        "",
        "[The paper, its settings and ours](../papers/transferable-features.md).",
        f"{PROTOCOL_NOTE} All numbers are times 100, computed from the predictions under `results/`.",
        *ENGINE,
        "",
        f"![Recall on Emo-DB by transfer plan]({PAPER.key}.svg)",
        "",
        *board.lines(),
        *questions_section(board),
        *corpora_section(measured, runs),
        *_head(TABLE2),
        *_grid(found["table2"]),
        "",
        "Published (five random folds, the paper's corpora):",
        "",
        *_published_systems(),
        *_head(TABLE3),
        *TESTS,
        *gains(found["table3"], runs),
        *published_gains(),
        *_head(TABLE4),
        "Arrows compare with the same setting with all corpora.",
        *_ablations(found["table4"], runs),
        *_head(TABLE5),
        *_grid(found["table5"]),
        *adaptive_svm_section(found, runs),
        *_selected_on_test([*found["table3"], *found["table4"]]),
        *_absent_labels(measured, runs),
        *coverage_section(everything),
    ]
    return document(lines)


def claims(results: Path) -> Scoreboard:
    """Return the scoreboard, from the stored predictions."""
    return scoreboard(_stored(results), runs_folder(PAPER, out=results))


def figure(results: Path) -> str:
    """Return the recall on Emo-DB by transfer plan, with random folds and new speakers, as SVG."""
    titles: dict[Split, str] = {"random": "known speakers (random folds)", "speakers": "new speakers"}
    systems = {column(split, pool).id: title for split, title in titles.items() for pool in ("free", "target")}
    cells = tuple(each for each in TABLE3.cells if each.corpus == "emodb" and each.column.id in systems)
    found = stored_results(PAPER, replace(TABLE3, cells=cells), results=results)
    rows = []
    for row, title in FIGURE_ROWS.items():
        marks = [
            mark_of(systems[each.cell.column.id], each.score)
            for each in found
            if each.cell.row.id == row and each.score is not None
        ]
        if marks:
            rows.append(Row(title, tuple(marks)))
    return interval_figure(
        "Six emotions on Emo-DB: pre-training on EMOVO, SAVEE and RAVDESS",
        rows,
        axis="unweighted average recall x 100, 95 % intervals",
        line=("chance", 100 / 6),
        limits=(10, 100),
    )


def _stored(results: Path) -> dict[str, tuple[CellResult, ...]]:
    """Return the stored results of every table."""
    return {table.name: stored_results(PAPER, table, results=results, **_replicates(table)) for table in PAPER.tables}


def _replicates(table: PublishedTable) -> dict[str, int]:
    return {} if table in {TABLE2, TABLE5} else {"replicates": ONE_REPLICATE}


def _head(table: PublishedTable) -> list[str]:
    return ["", f"## {table.title}", "", table.note, command(PAPER, table), ""]


def _grid(results: Sequence[CellResult]) -> list[str]:
    return [grid_table(results).markdown()] if results else [NOT_RUN]


def _ablations(results: Sequence[CellResult], runs: Path) -> list[str]:
    """Return UARs without each corpus in pre-training: a table for each split, training corpora and target."""
    places = by_place(results)
    lines: list[str] = []
    for split, pool, targets in columns():
        heading = column(split, pool)
        for target in targets:
            rows = []
            for excluded in (ALL, *TABLE4.corpora()):
                found = [places.get((target, ablation_row(each, excluded).id, heading.id)) for each in TABLE4_SETTINGS]
                if any(found):
                    bases = [places.get((target, ablation_row(each, ALL).id, heading.id)) for each in TABLE4_SETTINGS]
                    cells = (
                        _ablation(result, base if excluded else None, runs)
                        for result, base in zip(found, bases, strict=True)
                    )
                    rows.append((f"without {excluded}" if excluded else "all corpora", *cells))
            if rows:
                lines += ["", f"### {target}, {heading}", ""]
                lines += markdown_table(("pre-training", *TABLE4_SETTINGS), rows)
    return lines or ["", NOT_RUN]


def _ablation(result: CellResult | None, base: CellResult | None, runs: Path) -> str:
    if result is None:
        return "-"
    number = "" if result.cell.published is None else f" / {100 * result.cell.published:.1f}"
    marks = "" if base is None else arrows(base, result, runs)
    return f"{percent_of(result):.1f} {marks}".rstrip() + number


def _published_systems() -> list[str]:
    rows = [(corpus, *(f"{100 * uar:.1f}" for uar in uars)) for corpus, uars in published.TABLE2.items()]
    means = (sum(uars) / len(published.TABLE2) for uars in zip(*published.TABLE2.values(), strict=True))
    average = ("average", *(f"{100 * mean:.1f}" for mean in means))
    return markdown_table(("corpus", *(title for title, _, _ in SYSTEMS.values())), [*rows, average])


def _selected_on_test(results: Sequence[CellResult]) -> list[str]:
    """Return the best result for each target and column, selected on the test data as in the paper."""
    best: dict[tuple[str, Heading], CellResult] = {}
    for result in results:
        place = result.cell.corpus, result.cell.column
        if result.cell.row != TARGET_ONLY and (place not in best or percent_of(result) > percent_of(best[place])):
            best[place] = result
    if not best:
        return []
    lines = ["", "The best of all CNN+LSTM that were run, selected on the test data as in the paper:", ""]
    return lines + [
        f"- {corpus}, {heading}: {percent_of(result):.1f} ({result.cell.row})"
        for (corpus, heading), result in best.items()
    ]


def _absent_labels(results: Sequence[CellResult], runs: Path) -> list[str]:
    """Return the labels that targets do not have, as the runs have recorded them."""
    found: dict[str, set[str]] = {}
    for run, result in first_of_runs(results).items():
        for fold in (read_json(runs / run, STAGES) or {}).values():
            found.setdefault(result.cell.corpus, set()).update(fold["absent"])
    absent = {target: sorted(labels) for target, labels in sorted(found.items()) if labels}
    if not absent:
        return []
    lines = ["", "## Labels that a target does not have", "", "They get probability 0 in the tests of the target.", ""]
    return lines + [f"- {target}: {', '.join(labels)}" for target, labels in absent.items()]
