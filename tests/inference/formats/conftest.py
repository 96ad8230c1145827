"""Two results that show every case of every format."""

from __future__ import annotations

import pytest

from emotone.inference.result import Clip, Failure, ModelInfo, Prediction, Segment, Spoken

LABELS = ("anger", "neutral", "sadness")


def probabilities(*values: float) -> dict[str, float]:
    return dict(zip(LABELS, values, strict=True))


@pytest.fixture
def prediction() -> Prediction:
    """A recording with a change of emotion, a pause, and a decision withheld."""
    return Prediction(
        file='calls/"zażółć", 1.wav',
        duration=6.25,
        rate=8000,
        model=ModelInfo(name="tiny", version="0.1.0", sha256="ab" * 32, licence="CC0-1.0"),
        labels=LABELS,
        clip=Clip("anger", probabilities(0.61, 0.29, 0.1), speech=True),
        segments=[
            Segment(0.0, 3.0, "anger", probabilities(0.8, 0.15, 0.05), speech=True),
            Segment(1.0, 4.0, "neutral", probabilities(0.12345678, 0.87654321, 0.00000001), speech=True),
            Segment(2.0, 5.0, None, probabilities(0.4, 0.3, 0.3), speech=True),
            Segment(3.25, 6.25, None, probabilities(0.33333333, 0.33333333, 0.33333333), speech=False),
        ],
        utterances=[
            Spoken(0.1, 2.48, "anger", probabilities(0.8, 0.15, 0.05), changed=False),
            Spoken(2.48, 3.5, "neutral", probabilities(0.12345678, 0.87654321, 0.00000001), changed=True),
            Spoken(4.02, 4.5, None, probabilities(0.4, 0.3, 0.3), changed=False),
        ],
    )


@pytest.fixture
def failure() -> Failure:
    return Failure("calls/2.wav", "truncated", 'calls/2.wav: the header promises 10 s, "there is" 1 s')
