"""Reference scores of openSMILE features with a linear support vector machine."""

from __future__ import annotations

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
