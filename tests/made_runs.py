"""Finished evaluations without any training: folders with a made-up predictions table, and results of cells."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from emotone.reproductions.base import CellResult, status_of
from emotone.scoring.comparison import Comparison, Difference, compare_runs
from emotone.scoring.predictions import PredictionRow, PredictionsTable
from emotone.scoring.scores import Score

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from emotone.reproductions.base import Cell, Paper


# ----------------------------------------------------------------------------------------------------------------------
# Finished evaluations without any training: folders with a predictions table that is made up, and its description.

LABELS = ("fear", "joy", "sadness")


@dataclass(frozen=True)
class Made:
    """What a made-up system is like.

    Attributes:
        skill: how often it is right on purpose; otherwise it guesses.
        draw: seed of its guesses.
        corpora: each with the same clips, speakers and truth.
        speakers: per corpus, "s0", "s1" ...
        clips: per speaker.
        seeds: how often every utterance is judged.
        protocol: name; leave-one-speaker-out has a fold per speaker, any other name two folds of half the clips.
        labels: what it can answer; the truth goes round the first three.
        system: signature.

    """

    skill: float = 0.5
    draw: int = 0
    corpora: tuple[str, ...] = ("toy",)
    speakers: int = 24
    clips: int = 9
    seeds: int = 1
    protocol: str = "leave-one-speaker-out"
    labels: tuple[str, ...] = LABELS
    system: str = "f00d"

    def rows(self) -> list[PredictionRow]:
        """Return its predictions."""
        rng = np.random.default_rng(self.draw)
        known = min(3, len(self.labels))
        return [
            self._row(corpus, speaker, clip, seed, truth=sorted(self.labels)[clip % known], rng=rng)
            for corpus in self.corpora
            for seed in range(self.seeds)
            for speaker in range(self.speakers)
            for clip in range(self.clips)
        ]

    def _row(
        self, corpus: str, speaker: int, clip: int, seed: int, *, truth: str, rng: np.random.Generator
    ) -> PredictionRow:
        answer = truth if rng.random() < self.skill else self.labels[rng.integers(len(self.labels))]
        probabilities = 0.9 * rng.dirichlet(np.full(len(self.labels), 50.0)) * np.array([0.2])
        probabilities[self.labels.index(answer)] += 1 - probabilities.sum()
        by_speaker = self.protocol == "leave-one-speaker-out"
        fold = f"{corpus}.s{speaker}" if by_speaker else f"fold-{1 + clip % 2}"
        return PredictionRow(
            utterance=f"{corpus}/s{speaker}-{clip:02d}",
            corpus=corpus,
            protocol=self.protocol,
            fold=fold,
            seed=seed,
            speaker=f"s{speaker}",
            truth=truth,
            probabilities=probabilities,
            system=self.system,
        )

    def table(self) -> PredictionsTable:
        """Return its predictions table."""
        return PredictionsTable.from_rows(self.rows(), labels=self.labels)

    def write(self, folder: Path) -> Path:
        """Write it as a finished evaluation; return `folder`."""
        return write_run(folder, self.table())


def made_detector(
    skill: float,
    *,
    draw: int = 0,
    speakers: int = 12,
    clips: int = 6,
    windows: int = 3,
    seeds: int = 1,
    corpus: str = "toy",
    hop: float = 0.6,
) -> PredictionsTable:
    """Return what a detector of anger says of clips, half of them angry, and of their windows of 1.2 s.

    The larger `skill`, the further its scores of anger lie above the others.
    """
    rng = np.random.default_rng(draw)
    rows: list[PredictionRow] = []
    for seed, speaker, clip in np.ndindex(seeds, speakers, clips):
        truth = ("anger", "other")[clip % 2]
        logits = rng.normal(size=windows) + (skill if truth == "anger" else 0.0) + 0.3 * rng.normal()
        chances = 1 / (1 + np.exp(-logits))
        whole = PredictionRow(
            utterance=f"{corpus}/s{speaker}-{clip:02d}",
            corpus=corpus,
            protocol="leave-one-speaker-out",
            fold=f"{corpus}.s{speaker}",
            seed=seed,
            speaker=f"s{speaker}",
            truth=truth,
            probabilities=(float(chances.mean()), 1 - float(chances.mean())),
            system="f00d",
        )
        rows.append(whole)
        rows += [
            replace(whole, probabilities=(p, 1 - p), segment=n, start=round(hop * n, 3), end=round(hop * n + 1.2, 3))
            for n, p in enumerate(chances.tolist())
        ]
    return PredictionsTable.from_rows(rows, labels=("anger", "other"))


def made_segments(
    skill: float = 1.0, *, draw: int = 0, speakers: int = 6, clips: int = 6, seeds: int = 1, corpus: str = "toy"
) -> PredictionsTable:
    """Return what a system says of clips of one to five segments of 1 s, and of the segments, every 0.5 s.

    The larger `skill`, the further the logits of the truth lie above the others. A clip's probabilities are the mean of
    its segments', so its label may be another one than that of the mean logits.
    """
    rng = np.random.default_rng(draw)
    rows: list[PredictionRow] = []
    for seed, speaker, clip in np.ndindex(seeds, speakers, clips):
        truth = clip % len(LABELS)
        logits = rng.normal(size=(1 + clip % 5, len(LABELS))) + skill * (np.arange(len(LABELS)) == truth)
        chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        whole = PredictionRow(
            utterance=f"{corpus}/s{speaker}-{clip:02d}",
            corpus=corpus,
            protocol="leave-one-speaker-out",
            fold=f"{corpus}.s{speaker}",
            seed=seed,
            speaker=f"s{speaker}",
            truth=LABELS[truth],
            probabilities=chances.mean(axis=0).tolist(),
            system="f00d",
        )
        rows.append(whole)
        rows += [
            replace(whole, probabilities=chance, segment=n, start=0.5 * n, end=0.5 * n + 1)
            for n, chance in enumerate(chances.tolist())
        ]
    return PredictionsTable.from_rows(rows, labels=LABELS)


def write_run(folder: Path, table: PredictionsTable, **about: Any) -> Path:
    """Write a table as a finished evaluation, described by `about` beside its protocol; return `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    table.write(folder / "predictions.parquet")
    protocol = str(table.protocol[0]) if len(table) else "none"
    text = {"schema": "emotone.evaluation/1", "protocol": {"name": protocol}, "problems": [], **about}
    (folder / "run.json").write_text(json.dumps(text), encoding="utf-8")
    return folder


WEAK, STRONG = Made(skill=0.4, draw=1), Made(skill=0.7, draw=2)


def compare(folder: Path, *runs: Made | PredictionsTable, **settings: Any) -> Comparison:
    tables = [run.table() if isinstance(run, Made) else run for run in runs]
    folders = [write_run(folder / f"run-{number}", table) for number, table in enumerate(tables)]
    return compare_runs(folders, **{"replicates": 50, **settings})


def find(comparison: Comparison, metric: str, *, corpus: str = "toy", runs: str = "R1 R2") -> Difference:
    (found,) = [
        difference
        for difference in comparison.differences
        if (difference.metric, difference.corpus, f"{difference.first} {difference.second}") == (metric, corpus, runs)
    ]
    return found


def without(table: PredictionsTable, *keys: str) -> PredictionsTable:
    return table.where(~np.isin(table.utterance, keys))


# ----------------------------------------------------------------------------------------------------------------------
# Results of cells with given scores, without any run.


def result_of(cell: Cell, value: float | None, *, run: str = "run", n: int = 100) -> CellResult:
    """Return the result of a cell with a score in [0, 1], or without one."""
    if value is None:
        return CellResult(cell, None, "not run")
    score = Score(
        value=value,
        n=n,
        metric=cell.metric,
        corpus=cell.corpus,
        protocol=cell.protocol,
        speaker_independent=None,
        folds=1,
    )
    return CellResult(cell, score, status_of(score, cell, tolerance=0.02), run)


def results_of(
    paper: Paper, values: Mapping[tuple[str, str, str, str], float], *, run: str = "run"
) -> dict[str, list[CellResult]]:
    """Return the results of a paper's tables, with values by table, corpus, row id and column id."""
    return {
        table.name: [
            result_of(cell, values.get((table.name, cell.corpus, cell.row.id, cell.column.id)), run=run)
            for cell in table.cells
        ]
        for table in paper.tables
    }
