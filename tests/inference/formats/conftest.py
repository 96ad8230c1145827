"""Two results that cover every case of every format."""

from __future__ import annotations

import pytest

from emotone.inference.result import Failure, ModelInfo, Prediction
from emotone.inference.segments import Clip, Segment, UtteranceSegment

LABELS = ("anger", "neutral", "sadness")


def probabilities(*values: float) -> dict[str, float]:
    return dict(zip(LABELS, values, strict=True))


@pytest.fixture
def prediction() -> Prediction:
    """A recording with changes of emotion, a pause, an unsure utterance and a note."""
    return Prediction(
        file='calls/"zażółć", 1.wav',
        duration=6.25,
        rate=8000,
        model=ModelInfo(name="tiny", version="0.1.0", sha256="ab" * 32, licence="CC0-1.0"),
        labels=LABELS,
        clip=Clip("anger", 0.61, False, probabilities(0.61, 0.29, 0.1), speech=True),
        segments=[
            Segment(0.1, 2.48, "anger", probabilities(0.8, 0.15, 0.05)),
            Segment(1.1, 3.5, "neutral", probabilities(0.12345678, 0.87654321, 0.00000001)),
            Segment(4.02, 4.5, "anger", probabilities(0.4, 0.3, 0.3)),
        ],
        utterances=(
            UtteranceSegment(0.1, 2.48, "anger", False, probabilities(0.8, 0.15, 0.05), changed=False),
            UtteranceSegment(2.48, 3.5, "neutral", False, probabilities(0.12345678, 0.87654321, 1e-8), changed=True),
            UtteranceSegment(4.02, 4.5, "anger", True, probabilities(0.4, 0.3, 0.3), changed=True),
        ),
        notes=("the last frame is incomplete and was skipped",),
    )


@pytest.fixture
def failure() -> Failure:
    return Failure("calls/2.wav", "truncated", 'calls/2.wav: the header promises 10 s, "there is" 1 s')
