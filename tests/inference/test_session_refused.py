"""What a session refuses, and that what was heard before stays right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.inference.conftest import told

from emotone.bundles.bundle import load_bundle
from emotone.errors import BundleError, NotFiniteError, RateError, TooShortError, UsageError
from emotone.inference.model import Model

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from emotone.types import Array

    Speech = Callable[..., Array]


def test_too_little_sound_is_said(any_model: Model) -> None:
    session = any_model.session(rate=48000)
    session.push(np.zeros(1000))
    with pytest.raises(
        TooShortError, match=r"session: too short to analyse: 0\.021 s; at least (0\.1|1) s are required"
    ):
        session.end()
    assert session.end() == ()


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"rate": 0}, RateError, "session: a sampling rate of 0 Hz was given; allowed: whole numbers from 4000"),
        ({"rate": 16000.5}, RateError, "16000.5 Hz was given"),
        ({"rate": 16000, "channel": "left"}, UsageError, "allowed: 'mix' or a number from 0"),
        ({"rate": 16000, "channel": 99}, RateError, "channel 99"),
        ({"rate": "16000"}, UsageError, "the rate '16000' was given; allowed: a number of hertz"),
        ({"rate": 16000, "channel": 2, "channels": 2}, RateError, "channel 2 was requested, but there are 2 channels"),
        ({"rate": 16000, "channels": "2"}, UsageError, "channels='2' was given; allowed: a whole number from 1 to 64"),
        ({"rate": 16000, "channels": 0}, RateError, "0 channels were given; allowed: 1 to 64"),
        ({"rate": 16000, "encoding": "s16"}, UsageError, "unknown encoding 's16'; did you mean 's16le'"),
    ],
)
def test_bad_sessions(any_model: Model, options: dict[str, Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        any_model.session(**options)


@pytest.mark.parametrize(
    ("piece", "kind", "message"),
    [
        (np.array([0.1, np.nan]), NotFiniteError, r"the sample at 0\.500 s is nan"),
        (np.array([np.inf]), NotFiniteError, r"0\.500 s is inf"),
        (np.zeros((2, 80)), RateError, "2 channels were given after pieces of 1; allowed: the same number in every"),
        (np.zeros((2, 2, 2)), UsageError, r"allowed: \[time\] or \[channels, time\]"),
        (np.zeros(80, np.int64), UsageError, "samples of type int64 were given; allowed: float16"),
        (np.array(["a"]), UsageError, "samples of type <U1"),
        (np.zeros((80, 1)), RateError, "transpose it"),
        (np.zeros((16, 2)), RateError, "transpose it, or pass channels=2"),
        (b"\0\0", UsageError, r"a bytes was given, .*model\.session\(rate=16000, encoding='s16le'\), or use numpy"),
        (bytearray(b"\0\0"), UsageError, "a bytearray was given, whose sample format is unknown"),
        (memoryview(b"\0\0"), UsageError, "a memoryview was given, whose sample format is unknown"),
        ([[0.0, 1.0], [0.0]], UsageError, "can't be converted to a NumPy array"),
        ("abc", UsageError, r"allowed: \[time\] or \[channels, time\]"),
    ],
)
def test_a_bad_piece_is_refused_whole_and_the_session_goes_on(
    any_model: Model, speech: Speech, piece: Any, kind: type[Exception], message: str
) -> None:
    signal = speech(3.5)
    with any_model.session(rate=16000) as session:
        events = list(session.push(signal[:8000]))
        with pytest.raises(kind, match=message):
            session.push(piece)
        events += session.push(signal[8000:])
        events += session.end()
    assert events == told(any_model.session(rate=16000), [signal])


def test_a_channel_that_is_not_there(any_model: Model) -> None:
    with pytest.raises(RateError, match="channel 1 was requested, but there is 1 channel"):
        any_model.session(rate=16000, channel=1).push(np.zeros(80))


def test_a_net_that_fails_ends_the_session(model: Model, noise: NDArray[np.float32]) -> None:
    bundle = load_bundle(model.bundle.directory)
    session = Model(bundle).session(rate=16000)

    class Failing:
        def run(self, *_: object) -> object:
            return (np.full((1, 4), np.nan, np.float32),)

    bundle.__dict__["_session"] = Failing()
    with pytest.raises(BundleError, match="not finite"):
        session.push(noise)
    with pytest.raises(UsageError, match="an earlier call failed"):
        session.push(noise)
    with pytest.raises(UsageError, match="an earlier call failed"):
        session.end()


def test_a_broken_net_is_said_before_the_first_sound(tiny_bundle: Path) -> None:
    broken = load_bundle(tiny_bundle)
    object.__setattr__(broken, "_model", b"nothing")
    with pytest.raises(BundleError, match="can't be opened"):
        Model(broken).session(rate=16000)
