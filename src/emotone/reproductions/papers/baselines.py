"""openSMILE features with a linear support vector machine: what every emotion recogniser is held against."""

from __future__ import annotations

from emotone.reproductions.base import Cell, Paper, Table
from emotone.scoring.scores import FOLD_MEAN

COLUMNS = {
    "scaled on the training speakers": "leave-one-speaker-out",
    "each speaker scaled": "leave-one-speaker-out+speaker-scaled",
    "random folds": "random-5",
}
FEATURES = {"eGeMAPS": "egemaps-linear-svm", "IS10": "is10-linear-svm", "ComParE 2016": "compare-linear-svm"}
LABELS = {"emodb": "emodb", "emovo": "seven", "savee": "seven", "ravdess": "ravdess"}

# UAR x 100, mean over folds, in the order of COLUMNS.
MEASURED = {
    ("emodb", "eGeMAPS"): (64.7, 77.6, 75.2),
    ("emodb", "IS10"): (72.9, 83.6, 84.9),
    ("emodb", "ComParE 2016"): (75.4, 84.3, 85.6),
    ("emovo", "eGeMAPS"): (33.0, 44.0, 58.5),
    ("emovo", "IS10"): (27.0, 42.5, 69.2),
    ("emovo", "ComParE 2016"): (36.6, 43.7, 52.5),
    ("savee", "eGeMAPS"): (34.8, 56.2, 54.0),
    ("savee", "IS10"): (41.2, 64.4, 71.3),
    ("savee", "ComParE 2016"): (43.3, 60.4, 65.8),
    ("ravdess", "eGeMAPS"): (50.8, 60.8, 57.0),
    ("ravdess", "IS10"): (57.6, 66.5, 71.2),
    ("ravdess", "ComParE 2016"): (57.4, 68.2, 72.0),
}
QUICK = {"emodb", "savee"}  # the small ones, with the features that are the quickest to learn from

OPENSMILE = Table(
    name="opensmile",
    title="openSMILE features and a linear support vector machine, three ways to divide and to scale",
    source="an earlier measurement of the same features on the same recordings, whose settings of the classifier are "
    "not known",
    note=(
        "Features are those of whole recordings; the machine's cost is chosen inside every training part on speakers "
        "that it was not fitted on. Scaling on the training speakers is the only column that holds for a voice that a "
        "system hears for the first time. Scaling each speaker on its own recordings needs many of them beforehand, "
        "with all emotions among them. Random folds test speakers that were trained on, and flatter."
    ),
    tolerance=0.02,
    cells=tuple(
        Cell(
            setting=features,
            column=column,
            corpus=corpus,
            metric=FOLD_MEAN,
            published=value / 100,
            recipe=FEATURES[features],
            labels=LABELS[corpus],
            protocol=protocol,
            quick=corpus in QUICK and features == "eGeMAPS",
        )
        for (corpus, features), values in MEASURED.items()
        for (column, protocol), value in zip(COLUMNS.items(), values, strict=True)
    ),
)

SMALL = ("emodb", "emovo", "savee")
OTHERS = {
    "chance": "chance",
    "always the most frequent label": "majority",
    "IS09, linear support vector machine": "is09-linear-svm",
    "IS10, linear support vector machine": "is10-linear-svm",
    "IS10, Gaussian support vector machine": "is10-rbf-svm",
    "IS10, logistic regression": "is10-logistic-regression",
    "IS10, one hidden layer": "is10-mlp",
    "eGeMAPS, Gaussian support vector machine": "egemaps-rbf-svm",
    "eGeMAPS, logistic regression": "egemaps-logistic-regression",
    "eGeMAPS, one hidden layer": "egemaps-mlp",
}

CLASSIFIERS = Table(
    name="classifiers",
    title="Other classifiers of openSMILE features, and what is had without listening",
    source="nothing is published for these cells",
    note=(
        "Every setting is chosen inside the training part, on speakers that the classifier was not fitted on. All "
        "columns are scaled on the training speakers."
    ),
    tolerance=0.02,
    cells=tuple(
        Cell(
            setting=setting,
            column="scaled on the training speakers",
            corpus=corpus,
            metric=FOLD_MEAN,
            published=None,
            recipe=recipe,
            labels=LABELS[corpus],
            protocol="leave-one-speaker-out",
            quick=recipe in {"chance", "majority"},
        )
        for corpus in SMALL
        for setting, recipe in OTHERS.items()
    ),
)

PAPER = Paper(
    key="baselines",
    title="Baselines: what is reached without any network",
    citation=(
        "F. Eyben, M. Woellmer, B. Schuller: openSMILE, the Munich Versatile and Fast Open-Source Audio Feature "
        "Extractor. ACM Multimedia 2010, pp. 1459-1462"
    ),
    tables=(OPENSMILE, CLASSIFIERS),
)
