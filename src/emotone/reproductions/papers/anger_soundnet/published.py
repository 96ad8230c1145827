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
