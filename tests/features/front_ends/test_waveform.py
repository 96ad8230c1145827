"""Raw samples: windows to the sample, streams bit for bit."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from emotone.bundles.bundle import load_bundle
from emotone.errors import ConfigError
from emotone.features.front_ends.waveform import Waveform
from emotone.features.windows import Windows, window_starts
from emotone.inference.buffers import FrameStream
from emotone.inference.engine import analyse

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from emotone.types import Array

ANGER = Windows(seconds=1.2, hop=0.6)


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 44100])
def test_windows_are_exact_at_any_rate(rate: int) -> None:
    assert ANGER.frames(Waveform(rate)) == (round(1.2 * rate), round(0.6 * rate))
    assert round(0.6 * rate) == pytest.approx(0.6 * rate, abs=1e-6)  # an integer number of samples


def test_the_last_window_ends_with_the_last_sample() -> None:
    samples = 5 * 16000 + 7
    window, hop = ANGER.frames(Waveform())
    rows = Waveform().frames(samples)
    assert window_starts(rows, window=window, hop=hop)[-1] + window == samples


@pytest.mark.parametrize("size", [1, 160, 777, 10**6])
def test_a_stream_gives_every_sample_once(size: int, rng: np.random.Generator) -> None:
    signal = rng.normal(size=3000).astype(np.float32)
    stream = FrameStream(Waveform())
    rows = [stream.push(signal[start : start + size]) for start in range(0, len(signal), size)]
    np.testing.assert_array_equal(np.concatenate([*rows, stream.finish()])[:, 0], signal)


def test_a_recording_in_pieces_gives_the_predictions_of_the_whole(
    make_bundle: Callable[..., Path], speech: Callable[..., Array], tmp_path: Path
) -> None:
    """The engine's windows contain exactly their samples, for pieces of any size."""
    front_end = {"name": "waveform", "rate": 16000}
    windows = replace(ANGER, speech_only=False)  # the whole recording is an utterance
    bundle = load_bundle(make_bundle(tmp_path / "raw", front_end=front_end, windows=windows))
    signal = speech(4.3) + np.float32(0.05)  # the network of the bundle uses the mean only
    starts = window_starts(len(signal), window=19200, hop=9600)
    assert starts.tolist() == [0, 9600, 19200, 28800, 38400, 48000, 68800 - 19200]
    expected = bundle.probabilities(np.stack([signal[start : start + 19200, None] for start in starts]))

    def predicted(size: int) -> Any:
        return analyse(bundle, (signal[start : start + size] for start in range(0, len(signal), size))).segments

    for size in (160, 4321, len(signal)):
        segments = predicted(size)
        assert [one.start for one in segments] == [round(start / 16000, 3) for start in starts.tolist()]
        assert [one.end for one in segments] == [round(start / 16000 + 1.2, 3) for start in starts.tolist()]
        np.testing.assert_allclose(segments.probabilities, expected, atol=1e-6)


def test_rows_are_a_copy() -> None:
    signal = np.ones(5, np.float32)
    rows = Waveform().compute(signal)
    rows[0] = 0
    assert signal[0] == 1


def test_a_rate_below_1_is_refused() -> None:
    with pytest.raises(ConfigError, match="a rate of at least 1 Hz; given 0"):
        Waveform(rate=0)
