"""The page of the paper on spectrogram CNNs, LSTMs and faces."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emotone.reproductions.document import command, document, leakage_section, markdown_table
from emotone.reproductions.page import grid_table
from emotone.reproductions.papers.spectrogram_cnn_lstm.claims import scoreboard
from emotone.reproductions.papers.spectrogram_cnn_lstm.published import NOT_BUILT
from emotone.reproductions.papers.spectrogram_cnn_lstm.tables import PAPER
from emotone.reproductions.stored import runs_folder, stored_results

if TYPE_CHECKING:
    from pathlib import Path

    from emotone.reproductions.base import CellResult
    from emotone.reproductions.scoreboard import Scoreboard


def page(results: Path) -> str:
    """Return the claims with their verdicts, and all tables, from stored predictions."""
    found = _results(results)
    lines = [
        "# CNNs on spectrograms, LSTMs, faces",
        "",
        "[The paper, its settings and ours](../papers/spectrogram-cnn-lstm.md). Scores x 100 with 95 % bootstrap",
        "intervals clustered by speaker. A number after a slash is the published one.",
        "",
        *scoreboard(found).lines(),
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


def claims(results: Path) -> Scoreboard:
    """Return the scoreboard alone, for the page on all papers."""
    return scoreboard(_results(results))


def _results(results: Path) -> dict[str, tuple[CellResult, ...]]:
    return {table.name: stored_results(PAPER, table, results=results) for table in PAPER.tables}
