"""The page of the paper on spectrogram CNNs, LSTMs and faces."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emotone.reproductions.base import by_place
from emotone.reproductions.document import command, document, leakage_section, markdown_table
from emotone.reproductions.figure import NAMES, Row, interval_figure, mark_of
from emotone.reproductions.page import grid_table
from emotone.reproductions.papers.spectrogram_cnn_lstm.claims import scoreboard
from emotone.reproductions.papers.spectrogram_cnn_lstm.published import NOT_BUILT
from emotone.reproductions.papers.spectrogram_cnn_lstm.tables import (
    CHUNK_SECONDS,
    CONTEXT,
    FREE,
    LENGTHS,
    PAPER,
    SPLITS,
    TITLES,
)
from emotone.reproductions.stored import runs_folder, stored_results

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from emotone.reproductions.base import CellResult
    from emotone.reproductions.scoreboard import Scoreboard

CHANCE = ("chance", 100 / 7)
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
        *scoreboard(found).lines(),
        "",
        *_budget(),
        "",
        *_left_open(found["lstm"]),
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
    for row in CONTEXT:
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


def figure(results: Path) -> str:
    """Return the figure of the page: accuracy on chunks of the systems of Table 2, as SVG."""
    found = stored_results(PAPER, PAPER.table("table2"), results=results)
    return _figure(found, "Accuracy on chunks of 512 ms, trained on Emo-DB and SAVEE together", SHORT_TITLES)


def context_figure(results: Path) -> str:
    """Return accuracy by length of the context, as SVG."""
    found = stored_results(PAPER, PAPER.table("context"), results=results)
    titles = {row: f"{chunks * CHUNK_SECONDS:.2f} s" for row, (chunks, _) in LENGTHS.items()}
    return _figure(found, "Accuracy of an LSTM on windows of one length", titles)


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
    return scoreboard(_results(results))


def _results(results: Path) -> dict[str, tuple[CellResult, ...]]:
    return {table.name: stored_results(PAPER, table, results=results) for table in PAPER.tables}
