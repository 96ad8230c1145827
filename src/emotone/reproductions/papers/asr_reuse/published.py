"""Numbers of the paper's Table 1, and an earlier measurement of Whisper base on freely available corpora."""

from __future__ import annotations

TITLE = "Reusing Neural Speech Representations for Auditory Emotion Recognition"
CITATION = (
    "E. Lakomkin, C. Weber, S. Magg, S. Wermter: Reusing Neural Speech Representations for Auditory Emotion "
    "Recognition. IJCNLP 2017, pp. 423-430"
)

TABLE1 = {
    "Baseline 64 units": (0.52, 0.54, 0.48),
    "Baseline 96 units": (0.53, 0.55, 0.51),
    "Baseline 128 units": (0.50, 0.51, 0.47),
    "Fine-tuning MP-1": (0.46, 0.52, 0.31),
    "Fine-tuning MP-2": (0.54, 0.54, 0.52),
    "Fine-tuning MP-3": (0.55, 0.56, 0.53),
    "Fine-tuning RNN-1": (0.53, 0.57, 0.48),
    "Fine-tuning RNN-2": (0.57, 0.59, 0.56),
    "Fine-tuning RNN-3": (0.56, 0.57, 0.55),
    "Progressive net-1": (0.56, 0.57, 0.55),
    "Progressive net-2": (0.58, 0.61, 0.57),
    "Progressive net-3": (0.57, 0.59, 0.56),
}
"""Accuracy, unweighted average recall and F1-score on four emotions of IEMOCAP. The paper calls accuracy "U-Acc": its
most frequent class has .39 there, which is its share of the utterances."""

MEAN_POOLED = {
    "emodb": {
        "0": 0.776,
        "1": 0.841,
        "2": 0.913,
        "3": 0.914,
        "4": 0.890,
        "5": 0.855,
        "6": 0.801,
        "all": 0.937,
    },
    "savee": {
        "0": 0.368,
        "1": 0.483,
        "2": 0.539,
        "3": 0.623,
        "4": 0.605,
        "5": 0.640,
        "6": 0.693,
        "all": 0.611,
    },
    "emovo": {
        "2": 0.468,
        "3": 0.536,
        "4": 0.532,
        "5": 0.539,
        "all": 0.514,
    },
}
"""Pooled unweighted average recall by corpus and layer: an earlier measurement with Whisper base on whole recordings
and a linear support vector machine, leave one speaker out."""
