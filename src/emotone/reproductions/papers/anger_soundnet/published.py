"""Published numbers of the paper on anger detection with SoundNet."""

from __future__ import annotations

TITLE = "Transfer Learning from Sound Representations for Anger Detection in Speech"
CITATION = (
    "M. Ezzeldin A. ElShaer, S. Wisdom, T. Mishra: Transfer Learning from Sound Representations for Anger Detection in "
    "Speech. arXiv:1902.02120, 2019"
)

TABLE2 = {
    "scratch": {"iemocap": 0.719, "emoprosody": 0.792, "masc": 0.481},
    "frozen-2": {"iemocap": 0.736, "emoprosody": 0.803, "masc": 0.626},
}
"""AU-ROC over windows of 1.2 s, by row id and tested corpus."""
PRINTED_ONLY = {
    "scratch": {"AngerSES": 0.581, "all English": 0.621},
    "frozen-2": {"AngerSES": 0.669, "all English": 0.698},
}
"""Rows of the same table that can't be measured: AngerSES is not published, and all English includes it."""
MINUTES = {
    "IEMOCAP": (227.0, 343.4),
    "Emotional Prosody": (3.6, 78.0),
    "AngerSES": (195.0, 54.0),
    "MASC": (149.0, 691.0),
}
"""Table 1: minutes of anger and of other emotions."""
