"""The page of the paper on transferable features: gains over the target alone, and what of them may be chance."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING

from scripts.pages.markdown import RESULTS, page, table

from emotone.reproductions.page import grid_table, kept_rows
from emotone.reproductions.papers.transferable_features import (
    ABLATED,
    ALIKE,
    ALL,
    ALONE,
    APPROACHES,
    AVERAGE,
    DOMAINS,
    GAINS,
    PAPER,
    SCENARIOS,
    TABLE2,
    TABLE3,
    TABLE4,
    TABLE5,
    ablated,
)
from emotone.reproductions.reproduce import ROWS, folder_of, runs_of
from emotone.scoring.evidence import gain
from emotone.scoring.finished_run import STAGES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from emotone.reproductions.base import Row, Table

ARROWS = {"up": "↑", "down": "↓", "same": "•", "unknown": ""}
ONCE = 1  # replicates: these tables show no intervals, which take most of the time
ABOUT = (
    "An arrow says that the change is significant at .05 by the paired t-test over folds, as in the paper (• not); the",
    "one in brackets, by the same test corrected for training parts that overlap, as those of folds do (Nadeau and",
    "Bengio). Trust the second; with hundreds of comparisons, some arrows of either kind are chance.",
)


def transferable_features(results: Path = RESULTS) -> str:
    """Return the paper's four tables beside ours, from the runs that `emotone reproduce` made."""
    lines = [
        "# Transferable features: other corpora first, then one",
        "",
        "What is as published and what is not:",
        "[../papers/transferable-features.md](../papers/transferable-features.md).",
        f"{ALIKE} Numbers are times 100, computed from the predictions under `results/` each time this page is made.",
    ]
    kept = {each.name: _kept(each, results) for each in PAPER.tables}
    runs = runs_of(PAPER, TABLE3, out=results)
    rows = {name: [row for row in found if row.score is not None] for name, found in kept.items()}
    lines += [*_about(TABLE2), *_grid(rows["table2"])]
    lines += [*_about(TABLE3), *ABOUT, *_gains(rows["table3"], runs), *_published_gains()]
    lines += [*_about(TABLE4), "Arrows: against the same setting with all corpora.", *_ablations(rows["table4"], runs)]
    lines += [*_about(TABLE5), *_grid(rows["table5"]), *_chosen([*rows["table3"], *rows["table4"]])]
    lines += _absent(runs)
    return page(lines)


def _about(of: Table) -> list[str]:
    again = f"Again: `emotone reproduce {PAPER.key} {of.name} --corpus NAME=DIR...`"
    return ["", f"## {of.title}", "", of.note, again, ""]


def _kept(of: Table, results: Path) -> tuple[Row, ...]:
    path = folder_of(PAPER, of, out=results) / ROWS
    if not path.exists():
        return ()
    told = json.loads(path.read_text(encoding="utf-8"))["rows"]
    intervals = {} if of in {TABLE2, TABLE5} else {"replicates": ONCE}
    return kept_rows(of, told, results=runs_of(PAPER, of, out=results), **intervals)


def _grid(rows: Sequence[Row]) -> list[str]:
    return [grid_table(rows).markdown()] if rows else ["Not run yet."]


def _columns(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Return the rows by column, but for those of training on the target alone."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        if row.cell.setting != "TT":
            found.setdefault(row.cell.column, []).append(row)
    return found


def _value(row: Row) -> float:
    return 0.0 if row.score is None else row.score.number


def _gains(rows: Sequence[Row], runs: Path) -> list[str]:
    """Return gains over training on the target alone: a table per division, pool and scenario."""
    alone = {(row.cell.corpus, row.cell.column.partition(",")[0]): row for row in rows if row.cell.setting == "TT"}
    lines: list[str] = []
    for column, of in _columns(rows).items():
        for scenario in SCENARIOS:
            made = []
            for target in dict.fromkeys(row.cell.corpus for row in of):
                base = alone.get((target, column.partition(",")[0]))
                by_setting = {row.cell.setting: row for row in of if row.cell.corpus == target}
                settings = [f"{scenario}-{approach}" for approach in APPROACHES]
                if base is not None and any(setting in by_setting for setting in settings):
                    gains = [_gain(base, by_setting.get(setting), runs) for setting in settings]
                    made.append((target, f"{100 * _value(base):.1f}", *gains))
            if made:
                title = f"{scenario}, {column}: gain over TT in percent of it"
                lines += ["", f"### {title}", "", *table(("target", "TT", *APPROACHES), made)]
    return lines or ["", "Not run yet."]


def _gain(base: Row, row: Row | None, runs: Path) -> str:
    if row is None:
        return "-"
    return f"{100 * (_value(row) / _value(base) - 1):+.1f} {_arrows(base, row, runs)}".rstrip()


def _arrows(base: Row, row: Row, runs: Path) -> str:
    return _tested(runs, base.run, row.run, row.cell.corpus)


@cache
def _tested(runs: Path, first: str, second: str, corpus: str) -> str:
    found = gain(runs / first, runs / second, corpus)
    by_paired, by_corrected = (ARROWS[found.change(corrected=corrected)] for corrected in (False, True))
    return f"{by_paired} ({by_corrected})" if by_paired else ""


def _published_gains() -> list[str]:
    lines: list[str] = []
    for scenario in SCENARIOS:
        rows = [
            (domain, f"{100 * ALONE[domain]:.1f}", *(f"{100 * value:+.1f}" for value in GAINS[scenario][domain]))
            for domain in DOMAINS
        ]
        average = ("average", "", *(f"{100 * value:+.1f}" for value in AVERAGE[scenario]))
        lines += ["", f"### {scenario}, as published (random folds, the paper's corpora)", ""]
        lines += table(("target", "TT", *APPROACHES), [*rows, average])
    return lines


def _ablations(rows: Sequence[Row], runs: Path) -> list[str]:
    """Return what pre-training is worth without each corpus: a table per division, pool and target."""
    lines: list[str] = []
    for column, of in _columns(rows).items():
        for target in dict.fromkeys(row.cell.corpus for row in of):
            by_setting = {row.cell.setting: row for row in of if row.cell.corpus == target}
            left_out = [ALL, *(corpus for corpus in TABLE4.corpora() if ablated(ABLATED[1], corpus) in by_setting)]
            made = []
            for without in left_out:
                cells = []
                for setting in ABLATED:
                    row, base = (by_setting.get(ablated(setting, corpus)) for corpus in (without, ALL))
                    if row is None:
                        cells.append("-")
                        continue
                    published = "" if row.cell.published is None else f" / {100 * row.cell.published:.1f}"
                    mark = _arrows(base, row, runs) if without and base is not None else ""
                    cells.append(f"{100 * _value(row):.1f} {mark}".rstrip() + published)
                made.append((f"- {without}" if without else "all", *cells))
            lines += ["", f"### {target}, {column}", "", *table(("pre-training", *ABLATED), made)]
    return lines or ["", "Not run yet."]


def _chosen(rows: Sequence[Row]) -> list[str]:
    """Return, for each target and column, the best of all that was run, as the paper chose it: on the tested clips."""
    best: dict[tuple[str, str], Row] = {}
    for row in (row for of in _columns(rows).values() for row in of):
        key = row.cell.corpus, row.cell.column
        if key not in best or _value(row) > _value(best[key]):
            best[key] = row
    if not best:
        return []
    lines = ["", "The best of all CNN+LSTM that were run, chosen on what they are tested on, as the paper's were:", ""]
    return lines + [
        f"- {corpus}, {column}: {100 * _value(row):.1f} ({row.cell.setting})" for (corpus, column), row in best.items()
    ]


def _absent(runs: Path) -> list[str]:
    """Return which labels each target lacks, as its runs have kept it."""
    found: dict[str, set[str]] = {}
    for path in sorted(runs.glob(f"*/{STAGES}")):
        target = path.parent.name.partition("onto-")[2].partition("-")[0]
        for fold in json.loads(path.read_text(encoding="utf-8")).values():
            found.setdefault(target, set()).update(fold["absent"])
    lacking = {target: sorted(labels) for target, labels in sorted(found.items()) if labels}
    if not lacking:
        return []
    lines = ["", "## Labels that a target does not have", "", "They are given probability 0 when it is tested:", ""]
    return lines + [f"- {target}: {', '.join(labels)}" for target, labels in lacking.items()]
