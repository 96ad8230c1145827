"""The page of the paper on reusing speech recognisers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emotone.errors import RunError
from emotone.reproductions.document import command, document, first_of_runs, grid_table, leakage_section, markdown_table
from emotone.reproductions.figure import NAMES, Row, interval_figure, mark_of
from emotone.reproductions.papers.asr_reuse.atlas import atlas_lines, draw_atlas
from emotone.reproductions.papers.asr_reuse.claims import confusions as confusion_shares
from emotone.reproductions.papers.asr_reuse.claims import scoreboard, significance_lines
from emotone.reproductions.papers.asr_reuse.figures import draw_loudness, draw_maps, unit_of
from emotone.reproductions.papers.asr_reuse.tables import NETWORKS, PAPER, SHORT, TABLE, TABLE1, UAR
from emotone.reproductions.stored import runs_folder, stored_figure, stored_results
from emotone.scoring.finished_run import read_run
from emotone.scoring.result_table import format_estimate
from emotone.scoring.scores import scores_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from emotone.reproductions.base import CellResult
    from emotone.reproductions.document import Scoreboard
    from emotone.reproductions.papers.asr_reuse.figures import LoudnessUnit
    from emotone.scoring.predictions import PredictionsTable

METRICS = {"accuracy": "accuracy", "uar": "UAR", "macro-f1": "macro F1"}


def page(results: Path) -> str:
    """Return the claims with their verdicts, and the scores from stored predictions next to the published ones."""
    tables = _results(results)
    found, trained = tables[TABLE.name], tables[NETWORKS.name]
    runs = runs_folder(PAPER, out=results)
    predictions = _predictions(found, runs)
    lines = [
        "# Reusing a speech recogniser",
        "",
        "[The paper, its settings and ours](../papers/asr-reuse.md). Scores x 100, pooled over folds, with 95 %",
        "bootstrap intervals clustered by speaker. A number after a slash is the published one; an asterisk marks a",
        "difference of more than 1.5 points. All numbers are computed from the predictions under `results/`.",
        "",
        *scoreboard(tables, predictions, _unit(results)).lines(),
        "",
        f"![Recall by layer of the recogniser]({PAPER.key}.svg)",
        "",
        f"## {TABLE.title}",
        "",
        f"{TABLE.note} Published: {TABLE.source}.",
        "",
        "Whisper was trained on recordings that are not published; some of these may be among them, without labels of",
        "emotions.",
        "",
        grid_table(found).markdown(),
        "",
        command(PAPER, TABLE),
        *_all_metrics(found, runs),
        *leakage_section(found, runs, level=3),
        *_confusions(predictions),
        *_figures(results),
        *_atlas(results),
        *_short(tables[SHORT.name], runs),
        "",
        f"## {NETWORKS.title}",
        "",
        f"{NETWORKS.note} Published: {NETWORKS.source}.",
        "",
        grid_table(trained).markdown(),
        "",
        command(PAPER, NETWORKS),
        *leakage_section(trained, runs, level=3),
        *significance_lines(tables, runs),
        "",
        "## The paper's Table 1",
        "",
        "Four emotions of IEMOCAP, leave one speaker out, means of ten runs, with a recogniser trained on 1,300 hours",
        "of English. Not measured here: neither the corpus nor the recogniser is freely available.",
        "",
        *markdown_table(
            ("system", "accuracy", "UAR", "F1"),
            ((system, *(f"{100 * value:.0f}" for value in values)) for system, values in TABLE1.items()),
        ),
    ]
    return document(lines)


def claims(results: Path) -> Scoreboard:
    """Return the scoreboard alone, for the page on all papers."""
    tables = _results(results)
    return scoreboard(tables, _predictions(tables[TABLE.name], runs_folder(PAPER, out=results)), _unit(results))


def figure4(results: Path) -> str:
    """Return the stored maps of layers, as SVG."""
    return draw_maps(_stored("figure4", results))


def figure6(results: Path) -> str:
    """Return the stored output of a unit over the loudness, as SVG."""
    return draw_loudness(_stored("figure6", results))


def atlas(results: Path) -> str:
    """Return the stored recall by layer of every source, as SVG."""
    return draw_atlas(_stored("atlas", results))


def figure(results: Path) -> str:
    """Return the recall by layer of the recogniser and by corpus, as SVG."""
    found = stored_results(PAPER, TABLE, results=results)
    titles = {"0": "convolutions", **{str(layer): f"layer {layer}" for layer in range(1, 7)}, "all": "all layers"}
    rows = []
    for row, title in titles.items():
        marks = [
            mark_of(NAMES[each.cell.corpus], each.score)
            for each in found
            if each.cell.row.id == row and each.cell.column.id == UAR.id and each.score is not None
        ]
        if marks:
            rows.append(Row(title, tuple(marks)))
    return interval_figure(
        "Emotion from the layers of the speech recogniser Whisper base, mean over time",
        rows,
        axis="recall x 100 of seven emotions, new speakers, 95 % intervals",
        line=("chance", 100 / 7),
        limits=(10, 100),
    )


def _all_metrics(results: Sequence[CellResult], runs: Path) -> list[str]:
    rows = []
    for run, result in first_of_runs(results).items():
        scores = {
            score.metric: score for score in scores_of(read_run(runs / run).predictions) if score.setting == "system"
        }
        values = (format_estimate(scores[metric]) for metric in METRICS)
        rows.append((result.cell.corpus, result.cell.row.title, *values))
    if not rows:
        return []
    return ["", "### All metrics", "", *markdown_table(("corpus", "system", *METRICS.values()), rows)]


def _results(results: Path) -> dict[str, tuple[CellResult, ...]]:
    return {table.name: stored_results(PAPER, table, results=results) for table in PAPER.tables}


def _predictions(results: Sequence[CellResult], runs: Path) -> dict[tuple[str, str], PredictionsTable]:
    """Return the predictions of whole clips by corpus and row, of the layers 1 and 3."""
    return {
        (result.cell.corpus, result.cell.row.id): read_run(runs / result.run).whole
        for result in results
        if result.run and result.cell.row.id in {"1", "3"} and result.cell.column.id == UAR.id
    }


def _confusions(predictions: Mapping[tuple[str, str], PredictionsTable]) -> list[str]:
    """Return the confusion matrices of the third layer, as the paper's Figure 5."""
    lines = []
    for (corpus, row), table in predictions.items():
        if row != "3":
            continue
        cells = (
            (truth, *(f"{100 * share:.0f}" for share in shares))
            for truth, shares in zip(table.labels, confusion_shares(table), strict=True)
        )
        lines += ["", f"{NAMES[corpus]}, Fine-tuning MP-3:", "", *markdown_table(("truth", *table.labels), cells)]
    heading = ["", "### Confusion matrices (the paper's Figure 5): shares of predictions by true label, in percent"]
    return [*heading, *lines] if lines else []


def _stored(name: str, results: Path) -> dict[str, Any]:
    data = stored_figure(PAPER, name, results=results)
    if data is None:
        raise RunError(f"{results} has no {name} of {PAPER.key}; run: emotone reproduce {PAPER.key} {name}")
    return data


def _unit(results: Path) -> LoudnessUnit | None:
    data = stored_figure(PAPER, "figure6", results=results)
    return None if data is None else unit_of(data)


def _short(results: Sequence[CellResult], runs: Path) -> list[str]:
    """Return the section on the networks with less training; nothing without any run."""
    if not any(result.run for result in results):
        return []
    head = ["", f"## {SHORT.title}", "", SHORT.note, ""]
    table = grid_table([result for result in results if result.run]).markdown()
    absent = [result.cell.row.title for result in results if not result.run]
    more = ["", f"Without a run: {', '.join(absent)}."] if absent else []
    return [*head, table, *more, "", command(PAPER, SHORT), *leakage_section(results, runs, level=3)]


def _atlas(results: Path) -> list[str]:
    """Return the section with the layer atlas; nothing if it is not stored."""
    data = stored_figure(PAPER, "atlas", results=results)
    if data is None:
        return []
    text = (
        "Beyond the paper: the mean over time of every layer, and a linear classifier (a softmax with the quadratic "
        "penalty of the other sections), for speakers that it was not trained on: one at a time, or in six folds where "
        "there are more than ten. Whole recordings are read (of RAVDESS a third and of nEMO an eighth, where these are "
        "part of it). Each corpus has its own labels. The best layer of a source on a corpus is bold; as the best of "
        "several, it is slightly optimistic."
    )
    return [
        "",
        "## The layer atlas: which layer of which network carries emotion",
        "",
        text,
        "",
        f"![Recall by layer of each network]({PAPER.key}-atlas.svg)",
        "",
        *atlas_lines(data),
        "",
        "Command: `emotone reproduce asr-reuse atlas --corpus NAME=DIR...`; means are stored by the content of the",
        "recordings, so that a second run only fits the classifiers.",
    ]


def _figures(results: Path) -> list[str]:
    """Return the section with the stored figures; nothing without any."""
    notes = {
        "figure4": "Each point is a clip of Emo-DB: the mean of a layer over time, by t-SNE.",
        "figure6": "The unit was selected by its mean correlation on every second clip; the clip is one of the others.",
    }
    lines = []
    for drawn in PAPER.figures:
        if drawn.name in notes and stored_figure(PAPER, drawn.name, results=results) is not None:
            title = drawn.title[:1].upper() + drawn.title[1:]
            lines += ["", f"### {title}", "", notes[drawn.name], "", f"![{title}]({PAPER.key}-{drawn.name}.svg)"]
    return ["", "## The paper's Figures 4 and 6, with Whisper base", *lines] if lines else []
