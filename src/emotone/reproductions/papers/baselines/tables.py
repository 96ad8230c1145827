"""openSMILE features with classical classifiers: the systems that a network has to exceed."""

from __future__ import annotations

from emotone.reproductions.base import Cell, Heading, Paper, PublishedTable
from emotone.reproductions.papers.baselines.published import CITATION, SCALINGS, TITLE, UAR
from emotone.scoring.scores import FOLD_MEAN

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
