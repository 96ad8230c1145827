"""Publications whose claims are not scored yet, because the experiments are not implemented or were just added."""

from __future__ import annotations

from emotone.reproductions.scoreboard import Claim, Coverage, Scoreboard

NOT_SCORED = "the experiment is implemented (see its page); its runs are not scored against this claim yet"

_REUSE = (
    Claim(
        "probe",
        "means of the third layer of a speech recogniser, with a linear layer, exceed a recurrent network from scratch",
        "55 and 53 accuracy (p of .03)",
        "Table 1",
    ),
    Claim("layer", "later layers of the recogniser represent emotion better than the first", "46, 54, 55", "Table 1"),
    Claim("recurrent", "a recurrent layer on the recogniser's layers exceeds their means", "57 and 55", "Table 1"),
    Claim("progressive", "a progressive network is best", "58, 57 and 53", "Table 1"),
    Claim("second-layer", "the second layer helps most", "57 and 58 for layer 2", "Table 1"),
)

PLANNED = (
    Scoreboard(
        key="asr-reuse",
        title="Reusing Neural Speech Representations for Auditory Emotion Recognition",
        citation="Proceedings of the 8th International Joint Conference on Natural Language Processing (IJCNLP), 2017, "
        "pp. 423-430",
        findings=tuple(claim.untested(NOT_SCORED) for claim in _REUSE),
        coverage=Coverage(published=41, measured=0, counterparts=27),
        page="asr-reuse.md",
    ),
)
"""The published numbers are all of Table 1 but one that is undefined."""
