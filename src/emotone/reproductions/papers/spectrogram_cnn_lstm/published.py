"""Test accuracies of the paper's Tables 2 to 5 and of its LSTM."""

from __future__ import annotations

TITLE = "CNN features from spectrograms and faces, LSTM for context"
CITATION = (
    "Convolutional features from audio and images with an LSTM over chunks of 512 ms, on Emo-DB, SAVEE and "
    "eNTERFACE'05; a project report without a publisher"
)

TABLE2 = {"svm": 0.237, "softmax": 0.212, "fc2": 0.273, "fc3": 0.255, "s2": 0.364, "r1": 0.397}
TABLE3 = {
    "naive-bayes": 0.386,
    "logistic-regression": 0.396,
    "linear-discriminant": 0.388,
    "quadratic-discriminant": 0.391,
    "gaussian-mixture": 0.392,
}
TABLE4 = {
    "s1": 0.351,
    "s2": 0.364,
    "s3": 0.355,
    "s4": 0.368,
    "r1": 0.397,
    "r2": 0.368,
    "r3": 0.339,
    "r4": 0.334,
    "r5": 0.394,
    "r6": 0.380,
    "er1": 0.392,
    "er2": 0.408,
}
R7 = 0.55
"""With nine times the data, of eNTERFACE'05 only; the text calls it the validation accuracy."""
FACES = 0.886
"""CaffeNet, fine-tuned."""
LSTM = 0.70
"""On raw chunks of eNTERFACE'05."""

NOT_BUILT = {
    "Table 5": {"softmax": 0.305, "FC-2": 0.321},
}
"""Published numbers without an experiment here, by table."""
