"""Classifiers of openSMILE features, the systems that a network has to exceed: tables, reference scores, page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emotone.reproductions.base import Cell, Heading, Paper, PublishedTable
from emotone.reproductions.document import command, document, grid_table, leakage_section
from emotone.reproductions.stored import runs_folder, stored_results
from emotone.scoring.scores import FOLD_MEAN

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from emotone.reproductions.base import CellResult

TITLE = "Baselines: openSMILE features without a network"
CITATION = (
    "F. Eyben, M. Woellmer, B. Schuller: openSMILE, the Munich Versatile and Fast Open-Source Audio Feature Extractor. "
    "ACM Multimedia 2010, pp. 1459-1462"
)

SCALINGS = ("train-scaled", "speaker-scaled", "random")
"""Column ids, in the order of the values below."""
UAR = {
    ("emodb", "egemaps"): (64.7, 77.6, 75.2),
    ("emodb", "is10"): (72.9, 83.6, 84.9),
    ("emodb", "compare"): (75.4, 84.3, 85.6),
    ("emovo", "egemaps"): (33.0, 44.0, 58.5),
    ("emovo", "is10"): (27.0, 42.5, 69.2),
    ("emovo", "compare"): (36.6, 43.7, 52.5),
    ("savee", "egemaps"): (34.8, 56.2, 54.0),
    ("savee", "is10"): (41.2, 64.4, 71.3),
    ("savee", "compare"): (43.3, 60.4, 65.8),
    ("ravdess", "egemaps"): (50.8, 60.8, 57.0),
    ("ravdess", "is10"): (57.6, 66.5, 71.2),
    ("ravdess", "compare"): (57.4, 68.2, 72.0),
}
"""UAR x 100, mean over folds, by corpus and row id; an earlier measurement of the same features on the same
recordings, whose settings of the classifier are unknown."""


TRAIN_SCALED = Heading("train-scaled", "leave-one-speaker-out, scaled on the training speakers")
COLUMNS = {
    "train-scaled": (TRAIN_SCALED, "leave-one-speaker-out"),
    "speaker-scaled": (
        Heading("speaker-scaled", "leave-one-speaker-out, each speaker scaled"),
        "leave-one-speaker-out+speaker-scaled",
    ),
    "random": (Heading("random", "random folds"), "random-5"),
}
"""Column id -> heading and protocol."""
FEATURES = {
    "egemaps": ("eGeMAPS", "egemaps-linear-svm"),
    "is10": ("IS10", "is10-linear-svm"),
    "compare": ("ComParE 2016", "compare-linear-svm"),
}
"""Row id -> title and recipe."""
LABELS = {"emodb": "emodb", "emovo": "seven", "savee": "seven", "ravdess": "ravdess"}
QUICK_CORPORA, QUICK_FEATURES = ("emodb", "savee"), "egemaps"  # the smallest corpora and features

OPENSMILE = PublishedTable(
    name="opensmile",
    title="openSMILE features and a linear support vector machine: three protocols",
    source="an earlier measurement of the same features on the same recordings; the settings of its classifier are "
    "unknown",
    note=(
        "Functionals of whole recordings. The cost of the support vector machine is tuned inside every training part, "
        "on speakers that are excluded from its training. Only scaling on the training speakers applies to a speaker "
        "of whom no recording is known. Scaling each speaker on all of the speaker's recordings requires many of them, "
        "of every emotion, before the first prediction. Random folds test speakers of the training data, which "
        "overestimates the accuracy on new speakers."
    ),
    tolerance=0.02,
    cells=tuple(
        Cell(
            row=Heading(features, FEATURES[features][0]),
            column=COLUMNS[scaling][0],
            corpus=corpus,
            metric=FOLD_MEAN,
            published=value / 100,
            recipe=FEATURES[features][1],
            labels=LABELS[corpus],
            protocol=COLUMNS[scaling][1],
            quick=corpus in QUICK_CORPORA and features == QUICK_FEATURES,
        )
        for (corpus, features), values in UAR.items()
        for scaling, value in zip(SCALINGS, values, strict=True)
    ),
)

CLASSIFIER_CORPORA = ("emodb", "emovo", "savee")
CLASSIFIER_ROWS = {
    "chance": "random predictions",
    "majority": "most frequent label",
    "is09-linear-svm": "IS09, linear support vector machine",
    "is10-linear-svm": "IS10, linear support vector machine",
    "is10-rbf-svm": "IS10, Gaussian support vector machine",
    "is10-logistic-regression": "IS10, logistic regression",
    "is10-mlp": "IS10, one hidden layer",
    "egemaps-rbf-svm": "eGeMAPS, Gaussian support vector machine",
    "egemaps-logistic-regression": "eGeMAPS, logistic regression",
    "egemaps-mlp": "eGeMAPS, one hidden layer",
}
"""Row id, which is also the recipe -> title."""
IGNORE_AUDIO = ("chance", "majority")

CLASSIFIERS = PublishedTable(
    name="classifiers",
    title="Other classifiers of openSMILE features, and baselines that ignore the audio",
    source="no numbers are published for these cells",
    note=(
        "All settings are tuned inside the training part, on speakers that are excluded from the training of the "
        "classifier. Features are scaled on the training speakers."
    ),
    tolerance=0.02,
    cells=tuple(
        Cell(
            row=Heading(recipe, title),
            column=TRAIN_SCALED,
            corpus=corpus,
            metric=FOLD_MEAN,
            published=None,
            recipe=recipe,
            labels=LABELS[corpus],
            protocol="leave-one-speaker-out",
            quick=recipe in IGNORE_AUDIO,
        )
        for corpus in CLASSIFIER_CORPORA
        for recipe, title in CLASSIFIER_ROWS.items()
    ),
)

PAPER = Paper(key="baselines", title=TITLE, citation=CITATION, tables=(OPENSMILE, CLASSIFIERS))


def page(results: Path) -> str:
    """Return the scores of classifiers of openSMILE features, from stored predictions."""
    lines = [
        "# Baselines",
        "",
        "Scores without any network: unweighted average recall (UAR) x 100, mean over folds, with a 95 % bootstrap",
        "interval clustered by speaker. A number after a slash is the published one; an asterisk marks a difference",
        "of more than two points. All numbers are computed from the predictions under `results/`.",
    ]
    for table in PAPER.tables:
        found = stored_results(PAPER, table, results=results)
        lines += ["", f"## {table.title}", "", f"{table.note} Published: {table.source}.", ""]
        lines += [grid_table(found).markdown(), "", command(PAPER, table)]
        lines += _random_folds(found)
        lines += leakage_section(found, runs_folder(PAPER, out=results), level=3)
    return document(lines)


def _random_folds(results: Sequence[CellResult]) -> list[str]:
    """Return the UAR of random folds next to that of leave-one-speaker-out."""
    scores = {(each.cell.corpus, each.cell.row, each.cell.protocol): each.score for each in results}
    lines = []
    for (corpus, row, protocol), score in scores.items():
        independent = scores.get((corpus, row, "leave-one-speaker-out"))
        if protocol.startswith("random") and score is not None and independent is not None:
            ours = f"{100 * score.number:.0f} random, {100 * independent.number:.0f} leave-one-speaker-out"
            lines.append(f"- {corpus}, {row}: {ours}")
    return ["", "### Overestimation by random folds", "", *lines] if lines else []
