"""The summary of a long recording: shares, and a timeline that covers it in few lines."""

from __future__ import annotations

import pytest

from emotone.inference.formats.text import MAX_LINES, speech_shares, timeline_lines, timeline_step
from emotone.inference.result import ModelInfo, Prediction
from emotone.inference.segments import Clip, UtteranceSegment

LABELS = ("anger", "neutral")


def prediction(duration: float, *parts: tuple[float, float, str]) -> Prediction:
    shares = dict.fromkeys(LABELS, 0.5)
    utterances = tuple(UtteranceSegment(start, end, label, False, shares, changed=False) for start, end, label in parts)
    clip = Clip("anger", 0.5, False, shares, speech=bool(parts))
    return Prediction("a", duration, 16000, ModelInfo("m", "1", "0", "CC0"), LABELS, clip, [], utterances)


def test_shares_are_of_the_speech() -> None:
    shares = speech_shares(prediction(100, (0, 10, "neutral"), (20, 50, "anger")))
    assert [(one.label, one.seconds, one.share) for one in shares] == [("anger", 30, 0.75), ("neutral", 10, 0.25)]
    assert speech_shares(prediction(100)) == ()


@pytest.mark.parametrize("duration", [0.3, 5, 80, 120.01, 4000, 86_400, 1e6])
def test_a_timeline_covers_the_recording_in_few_lines(duration: float) -> None:
    lines = timeline_lines(prediction(duration, (0, duration, "anger")), cells=7)
    assert len(lines) <= MAX_LINES
    step = timeline_step(duration)
    assert [line.start for line in lines] == [index * step for index in range(len(lines))]
    assert lines[-1].start < duration <= lines[-1].start + step
    assert all(cell == "anger" for line in lines for cell in line.cells)
    assert all(len(line.cells) == 7 for line in lines[:-1])
    assert sum(share.seconds for line in lines for share in line.shares) == pytest.approx(duration)


def test_a_cell_has_the_emotion_with_the_most_speech() -> None:
    (line,) = timeline_lines(prediction(5, (0, 0.4, "neutral"), (0.4, 1, "anger"), (3.2, 4.1, "neutral")), cells=5)
    assert line.cells == ("anger", None, None, "neutral", "neutral")
    assert [share.label for share in line.shares] == ["neutral", "anger"]
    assert [share.share for share in line.shares] == pytest.approx([1.3 / 1.9, 0.6 / 1.9])
