"""The page of the paper on spectrogram CNNs, LSTMs and faces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emotone.errors import RunError
from emotone.metrics.classification import confusion_matrix
from emotone.reproductions.base import by_place
from emotone.reproductions.document import command, document, grid_table, leakage_section, markdown_table
from emotone.reproductions.figure import NAMES, Row, interval_figure, mark_of
from emotone.reproductions.papers.spectrogram_cnn_lstm.claims import scoreboard
from emotone.reproductions.papers.spectrogram_cnn_lstm.figures import FREE, SPLITS, draw_curves, draw_filters
from emotone.reproductions.papers.spectrogram_cnn_lstm.tables import (
    CHUNK_SECONDS,
    CONTEXT,
    LENGTHS,
    NOT_BUILT,
    ON_WHISPER,
    PAPER,
    TITLES,
)
from emotone.reproductions.stored import runs_folder, stored_figure, stored_results
from emotone.scoring.finished_run import read_run

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from emotone.reproductions.base import CellResult
    from emotone.reproductions.document import Scoreboard

CHANCE = ("chance", 100 / 7)
LABELS = ("anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise")
"""In the order of the paper's Figure 4."""
MATRICES = (("table2", "r1", True), ("lstm", "lstm", False), ("whisper", "whisper-lstm", False))
"""Table, row, and whether chunks count instead of clips."""
FIGURE_NOTES = {
    "figure5": "Filters were selected by the correlation of their mean output with a measure of the 26 hand-built "
    "values on every second recording; the correlations shown are those on the others. Time runs from left to right "
    "over 40 ms, frequency upwards to 2 kHz; red weights are positive, blue ones negative.",
    "figure7": "Trained on 60 % of the recordings; the recall is that of clips of the 20 % for validation.",
}
SHORT_TITLES = {
    "svm": "linear SVM",
    "softmax": "softmax",
    "fc2": "FC-2",
    "fc3": "FC-3",
    "s2": "S2, square filters",
    "r1": "R1, filters over time",
}


def page(results: Path) -> str:
    """Return the claims with their verdicts, and all tables, from stored predictions."""
    found = _results(results)
    lines = [
        "# CNNs on spectrograms, LSTMs, faces",
        "",
        "[The paper, its settings and ours](../papers/spectrogram-cnn-lstm.md). Scores x 100 with 95 %",
        "bootstrap intervals clustered by speaker. A number after a slash is the published one.",
        "",
        f"![Accuracy on chunks of 512 ms, by system, for the paper's split and for new speakers]({PAPER.key}.svg)",
        "",
        *scoreboard(found, filters=stored_figure(PAPER, "figure5", results=results)).lines(),
        "",
        *_budget(),
        "",
        *_left_open((*found["lstm"], *found["whisper"])),
        *_looking_inside(results),
        *_confusions(found, results),
    ]
    for table in PAPER.tables:
        lines += [
            "",
            f"## {table.name}: {table.title}",
            "",
            f"{table.note} Published: {table.source}.",
            "",
            grid_table(found[table.name]).markdown(),
            "",
            command(PAPER, table),
            *leakage_section(found[table.name], runs_folder(PAPER, out=results), level=3),
        ]
    rows = (
        (where, system, f"{100 * value:.1f}")
        for where, systems in NOT_BUILT.items()
        for system, value in systems.items()
    )
    lines += ["", "## Published numbers without an experiment here", ""]
    lines += markdown_table(("table", "system", "accuracy"), rows)
    return document(lines)


def _budget() -> list[str]:
    """Return the section on what is smaller than in the paper."""
    return [
        "## What is smaller than in the paper",
        "",
        "- Networks with convolutions are trained for 6 epochs, not for 400, and their products are computed in",
        "  bfloat16. Networks on hand-built values are trained for 40 epochs, the LSTM on raw chunks for 10 (50 in the",
        "  paper). The row `R2, trained for 40 epochs` shows what longer training changes.",
        "- There is no search over hyper-parameters: all networks have those of their recipes. Only the learning rate",
        "  of networks with large hidden layers was changed: R1 and S2 were tested at 1e-3 first, and units died.",
        "  1e-4 was then selected for R1 by 4 epochs on the validation part; 2e-5 was worse.",
        "- Nothing else is selected, so the 20 % of the recordings for validation are training data.",
        "- An epoch of R7 takes one of the nine variants of each chunk, so its data are not nine times as many.",
        "- Each system is trained once per split. Of new speakers, those of one draw are tested: two of Emo-DB and one",
        "  of SAVEE, whose scores therefore have no interval.",
    ]


def _left_open(found: Sequence[CellResult]) -> list[str]:
    """Return the section on the systems that the paper plans: accuracy on clips, mean of the corpora."""
    places = by_place(found)
    rows = []
    for row in (*CONTEXT, *ON_WHISPER):
        cells = []
        for split in SPLITS:
            scores = [places[corpus, row, split].score for corpus in FREE]
            known = [score.number for score in scores if score is not None]
            cells.append(f"{100 * sum(known) / len(known):.1f}" if len(known) == len(scores) else "not run")
        rows.append((TITLES[row], *cells))
    return [
        "## What the paper leaves open: context on convolutions, and new speakers",
        "",
        "Accuracy on clips, mean of Emo-DB and SAVEE:",
        "",
        *markdown_table(("system", *(title for title, _ in SPLITS.values())), rows),
        "",
        f"![Accuracy by length of the context]({PAPER.key}-context.svg)",
    ]


def _looking_inside(results: Path) -> list[str]:
    """Return the section with the stored figures; nothing without any."""
    lines = []
    for drawn in PAPER.figures:
        if stored_figure(PAPER, drawn.name, results=results) is not None:
            title = drawn.title[:1].upper() + drawn.title[1:]
            place = f"{PAPER.key}-{drawn.name}.svg"
            lines += ["", f"### {title}", "", FIGURE_NOTES[drawn.name], "", f"![{title}]({place})"]
    return ["", "## Looking inside: the paper's Figures 5 and 7", *lines] if lines else []


def _confusions(found: Mapping[str, Sequence[CellResult]], results: Path) -> list[str]:
    """Return the section with confusion matrices, of both corpora together."""
    lines: list[str] = []
    for table, row, of_chunks in MATRICES:
        for split, (title, _) in SPLITS.items():
            run = next(
                (
                    each.run
                    for each in found[table]
                    if (each.cell.row.id, each.cell.column.id) == (row, split) and each.run and each.cell.corpus in FREE
                ),
                "",
            )
            if run:
                items = "chunks" if of_chunks else "clips"
                shares = _shares(runs_folder(PAPER, out=results) / run, of_chunks=of_chunks)
                lines += ["", f"{TITLES[row]}, {title}, {items}:", "", *markdown_table(("truth", *LABELS), shares)]
    heading = "## Confusion matrices (the paper's Figure 4): shares of predictions by true label, in percent"
    return ["", heading, *lines] if lines else []


def _shares(run: Path, *, of_chunks: bool) -> Iterator[tuple[str, ...]]:
    """Yield the rows of a confusion matrix."""
    predictions = read_run(run).predictions
    table = predictions.windows() if of_chunks else predictions.whole_utterances()
    matrix = confusion_matrix(table.truth, table.prediction, labels=LABELS)
    for label, counts in zip(LABELS, matrix, strict=True):
        total = counts.sum()
        yield label, *(f"{100 * count / total:.0f}" if total else "-" for count in counts)


def figure5(results: Path) -> str:
    """Return the stored filters of R1, as SVG."""
    return draw_filters(_stored("figure5", results))


def figure7(results: Path) -> str:
    """Return the stored learning curves, as SVG."""
    return draw_curves(_stored("figure7", results))


def _stored(name: str, results: Path) -> dict[str, Any]:
    data = stored_figure(PAPER, name, results=results)
    if data is None:
        raise RunError(f"{results} has no {name} of {PAPER.key}; run: emotone reproduce {PAPER.key} {name}")
    return data


def figure(results: Path) -> str:
    """Return the figure of the page: accuracy on chunks of the systems of Table 2, as SVG."""
    found = stored_results(PAPER, PAPER.table("table2"), results=results)
    return _figure(found, "Accuracy on chunks of 512 ms, trained on Emo-DB and SAVEE together", SHORT_TITLES)


def context_figure(results: Path) -> str:
    """Return accuracy by length of the context, on R1's layers and on those of Whisper, as SVG."""
    names = {
        table: stored_results(PAPER, PAPER.table(table), results=results) for table in ("context", "whisper-context")
    }
    places = {table: by_place(found) for table, found in names.items()}
    rows = []
    for corpus in FREE:
        for row, (chunks, _) in LENGTHS.items():
            cells = (
                ("R1's layers, random split", places["context"][corpus, row, "random"].score),
                ("R1's layers, new speakers", places["context"][corpus, row, "speakers"].score),
                ("Whisper's, new speakers", places["whisper-context"][corpus, f"whisper-{row}", "speakers"].score),
            )
            marks = tuple(mark_of(name, score) for name, score in cells if score is not None)
            rows.append(Row(f"{NAMES[corpus]}, {chunks * CHUNK_SECONDS:.2f} s", marks))
    return interval_figure(
        "Accuracy of an LSTM on windows of one length",
        [row for row in rows if row.marks],
        axis="accuracy x 100, 95 % intervals",
        line=CHANCE,
        limits=(0, 100),
    )


def _figure(found: Sequence[CellResult], title: str, titles: Mapping[str, str]) -> str:
    """Return a row for each corpus and system, with a mark for each split."""
    places = by_place(found)
    rows = []
    for corpus in FREE:
        for row, shown in titles.items():
            cells = [(split, places[corpus, row, split].score) for split in SPLITS]
            marks = tuple(mark_of(SPLITS[split][0], score) for split, score in cells if score is not None)
            rows.append(Row(f"{NAMES[corpus]}, {shown}", marks))
    made = [row for row in rows if row.marks]
    return interval_figure(title, made, axis="accuracy x 100, 95 % intervals", line=CHANCE, limits=(0, 100))


def claims(results: Path) -> Scoreboard:
    """Return the scoreboard alone, for the page on all papers."""
    return scoreboard(_results(results), filters=stored_figure(PAPER, "figure5", results=results))


def _results(results: Path) -> dict[str, tuple[CellResult, ...]]:
    return {table.name: stored_results(PAPER, table, results=results) for table in PAPER.tables}
