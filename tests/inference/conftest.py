"""A model for the tests, an activity detector that can be read off the samples, and results for every format."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pytest

from emotone.features.front_ends.log_mel import LogMel
from emotone.features.windows import Windows
from emotone.inference.model import Model, load
from emotone.inference.result import Failure, ModelInfo, Prediction
from emotone.inference.segments import Clip, Segment, UtteranceSegment

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from emotone.inference.events import Event
    from emotone.inference.session import Session


# ----------------------------------------------------------------------------------------------------------------------
# A model for the tests, and an activity detector whose decisions can be read off the samples.

LAG = 30  # frames: decisions come late, as those of a real detector do
HOP = 160


@dataclass(frozen=True)
class PaddedLogMel(LogMel):
    """A row wherever a hop begins: the last ones hear zeros behind the end."""

    pads_end: ClassVar[bool] = True

    def frames(self, samples: int) -> int:
        return max(1, -(-samples // self.hop))

    def compute(self, signal: NDArray[np.float32]) -> NDArray[np.float32]:
        needed = (self.frames(len(signal)) - 1) * self.hop + self.window
        return LogMel(**asdict(self)).compute(np.pad(signal, (0, needed - len(signal))))


class LoudDetector:
    """A frame is active where a sample is above 0.01."""

    lookahead = 0.3
    missing = 1

    def __init__(self, rate: int = 16000) -> None:
        assert rate == 16000
        self._samples = np.zeros(0, np.float32)

    def push(self, samples: NDArray[np.float32]) -> NDArray[np.bool_]:
        self._samples = np.concatenate([self._samples, samples])
        frames = max(0, len(self._samples) // HOP - LAG)
        decided = self._decide(frames)
        self._samples = self._samples[frames * HOP :]
        return decided

    def finish(self, samples: NDArray[np.float32] | None = None) -> NDArray[np.bool_]:
        if samples is not None:
            self._samples = np.concatenate([self._samples, samples])
        frames = -(-len(self._samples) // HOP)
        self._samples = np.pad(self._samples, (0, frames * HOP - len(self._samples)))
        return self._decide(frames)

    def _decide(self, frames: int) -> NDArray[np.bool_]:
        decided: NDArray[np.bool_] = np.abs(self._samples[: frames * HOP]).reshape(frames, HOP).max(axis=1) > 0.01
        return decided


@pytest.fixture
def model(tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> Model:
    """The tiny model, with a detector that takes every loud sample for speech."""
    monkeypatch.setattr("emotone.inference.engine.NetworkDetector", LoudDetector)
    monkeypatch.setattr("emotone.inference.channel_stream.STEP", 2 * HOP)  # it decides about every hop
    return load(tiny_bundle)


@pytest.fixture
def noise(rng: np.random.Generator) -> NDArray[np.float32]:
    """Eleven seconds and a bit whose spectrum changes, so that windows differ."""
    samples = rng.normal(0, 0.1, 11 * 16000 + 123)
    samples[: 4 * 16000] = np.cumsum(samples[: 4 * 16000]) * 0.05
    samples[8 * 16000 :] *= 0.3
    return samples.astype(np.float32)


DETECTOR = Windows(seconds=1.2, hop=0.6, min_seconds=1.0, context=3)
FRONT_ENDS: dict[str, dict[str, Any]] = {
    "log-mel": {},
    "samples": {"front_end": {"name": "waveform", "rate": 16000}, "windows": DETECTOR},
    "padded": {"windows": Windows(seconds=1.0, hop=0.5, min_seconds=0.01)},
    "padded, silence too": {"windows": Windows(seconds=1.0, hop=0.5, min_seconds=0.01, speech_only=False)},
}


@pytest.fixture(scope="module", params=sorted(FRONT_ENDS))
def any_model(request: pytest.FixtureRequest, make_bundle: Any, tmp_path_factory: pytest.TempPathFactory) -> Model:
    """Models of both kinds of windows, with the real detector of speech."""
    model = load(make_bundle(tmp_path_factory.mktemp("models") / "tiny", **FRONT_ENDS[request.param]))
    padded = request.param.startswith("padded")
    return Model(replace(model.bundle, feature=PaddedLogMel())) if padded else model


def told(session: Session, pieces: Sequence[NDArray[Any]]) -> list[Event]:
    with session:
        events = [event for piece in pieces for event in session.push(piece)]
        return [*events, *session.end()]


# ----------------------------------------------------------------------------------------------------------------------
# Two results that cover every case of every format.

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
