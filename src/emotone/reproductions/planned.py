"""Publications whose claims are not scored yet, because the experiments are not implemented or were just added."""

from __future__ import annotations

from emotone.reproductions.scoreboard import Claim, Coverage, Scoreboard

NOT_BUILT = "the experiment is not implemented"
NOT_SCORED = "the experiment is implemented (see its page); its runs are not scored against this claim yet"

_CONTEXT = (
    Claim(
        "learned-features",
        "a convolutional network on spectrograms exceeds linear classifiers of 26 hand-built features, on chunks of "
        "512 ms and seven emotions",
        "39.7 compared with 23.7 accuracy",
        "Table 2",
    ),
    Claim(
        "rectangular-filters",
        "filters of the height of the spectrogram are slightly better than square ones",
        "39.7 and 36.4",
        "Tables 2, 4",
    ),
    Claim("shallow", "one layer with many filters is better than two with few", "39.7 and 33.9", "Table 4"),
    Claim(
        "augmentation", "nine times the data by pitch shifts and time scaling", "39.7 to 55.0, on eNTERFACE", "Table 4"
    ),
    Claim(
        "faces", "a network fine-tuned on faces exceeds linear classifiers of the images", "88.6 and 30.5", "Table 5"
    ),
    Claim("context", "an LSTM over chunks exceeds networks on single chunks", "70 and 55", "Section 3.3"),
)
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
        key="spectrogram-cnn-lstm",
        title="CNN features from spectrograms and faces, LSTM for context",
        citation="Convolutional features from audio and images with an LSTM over chunks of 512 ms, on Emo-DB, SAVEE "
        "and eNTERFACE'05; a project report without a publisher",
        findings=tuple(claim.untested(NOT_BUILT) for claim in _CONTEXT),
        coverage=Coverage(published=28, measured=0, counterparts=0),
    ),
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
"""The published numbers are the test accuracies of Tables 2 to 5 and of the LSTM, and all of Table 1 but one that is
undefined."""
