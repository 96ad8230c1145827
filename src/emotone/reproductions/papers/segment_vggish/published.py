"""Published numbers of the paper on segments of one second: means and standard deviations over six trainings."""

from __future__ import annotations

from typing import TypeAlias

Means: TypeAlias = tuple[tuple[float, float], ...]
"""Mean and standard deviation of SA, ACA, SCA, ALCA and BCA."""

TITLE = "A Segment Level Approach to Speech Emotion Recognition using Transfer Learning"
CITATION = (
    "S. Sahoo, P. Kumar, B. Raman, P. P. Roy: A Segment Level Approach to Speech Emotion Recognition using Transfer "
    "Learning. ACPR 2019, LNCS 12047, Springer 2020"
)

TABLE1: dict[str, tuple[float, float, float]] = {
    "clips or segments": (5531, 27935, 51180),
    "anger": (19.94, 19.80, 19.75),
    "happiness": (29.58, 30.04, 30.06),
    "sadness": (19.60, 23.25, 23.76),
    "neutral": (30.88, 26.91, 26.44),
}
"""IEMOCAP's clips, non-overlapping and overlapping segments of the four emotions: their number, and percent of each."""
TABLE3: dict[str, Means] = {
    "non-overlapping": ((0.564, 0.006), (0.196, 0.010), (0.559, 0.009), (0.668, 0.014), (0.707, 0.011)),
    "overlapping": ((0.561, 0.011), (0.125, 0.010), (0.621, 0.019), (0.687, 0.019), (0.703, 0.017)),
}
"""By segmentation."""
TABLE4: dict[int, Means] = {
    100: ((0.560, 0.012), (0.132, 0.012), (0.616, 0.017), (0.684, 0.020), (0.703, 0.013)),
    200: TABLE3["overlapping"],
    400: ((0.559, 0.017), (0.131, 0.010), (0.617, 0.022), (0.674, 0.018), (0.699, 0.020)),
}
"""By the number of units of the classifier."""
TABLE5 = {"baseline-2-200": 0.511, "vggish-non-overlapping": 0.668, "vggish-overlapping": 0.687}
"""ALCA by row id."""
CITED = {
    "ARE": 0.546,
    "ACNN": 0.561,
    "Ensemble": 0.562,
    "audio-BRE": 0.646,
    "Ensemble (text)": 0.631,
    "TRE (text)": 0.635,
}
"""Accuracies of other publications in Table 5, from audio unless marked."""
FIGURE3 = {
    "non-overlapping": {("anger", "anger"): 56.9, ("anger", "happiness"): 26.72, ("neutral", "neutral"): 60.84},
    "overlapping": {("anger", "anger"): 66.39, ("neutral", "neutral"): 71.25},
}
"""Cells of the confusion matrices that the text quotes: (truth, prediction) -> percent of the truth's clips."""
