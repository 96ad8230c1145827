"""A session that analyses each channel by itself gives the events of one session per channel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from tests.inference.conftest import told

from emotone.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from emotone.inference.events import Event
    from emotone.inference.model import Model
    from emotone.types import Array

RATE = 44100


def of_channel(events: Sequence[Event], channel: int) -> list[Event]:
    return [event for event in events if event.channel == channel]


@pytest.fixture(scope="module")
def call(speech: Callable[..., Array]) -> NDArray[np.float32]:
    """Two speakers who take turns, one per channel [2, time]."""
    pause = np.zeros(2 * RATE, np.float32)
    one = np.concatenate([speech(2.5, rate=RATE, seed=1), pause, speech(2.0, rate=RATE, seed=2)])
    other = np.concatenate([pause, speech(2.2, rate=RATE, seed=3), pause])
    return np.stack([one[: len(other)], other[: len(one)]])


def test_each_channel_has_the_events_of_a_session_of_its_own(any_model: Model, call: NDArray[np.float32]) -> None:
    events = told(any_model.session(rate=RATE, channels=2, channel="each"), [call])
    for channel in (0, 1):
        alone = told(any_model.session(rate=RATE, channels=2, channel=channel), [call])
        assert alone
        assert of_channel(events, channel) == alone
    assert {event.channel for event in events} == {0, 1}


@pytest.mark.parametrize("size", [1, 441, 882, 12345])
def test_the_order_of_events_does_not_depend_on_the_pieces(
    any_model: Model, call: NDArray[np.float32], size: int
) -> None:
    part = call[:, : RATE // 2] if size == 1 else call
    whole = told(any_model.session(rate=RATE, channels=2, channel="each"), [part])
    pieces = [part[:, at : at + size] for at in range(0, part.shape[1], size)]
    assert told(any_model.session(rate=RATE, channels=2, channel="each"), pieces) == whole
    if size > 1:
        blocks = [piece.T for piece in pieces]
        assert told(any_model.session(rate=RATE, channels=2, channel="each"), blocks) == whole


def test_interleaved_bytes(any_model: Model, call: NDArray[np.float32]) -> None:
    session = any_model.session(rate=RATE, channels=2, channel="each", encoding="f32le")
    with session:
        events = [*session.push(call.T.astype("<f4").tobytes()), *session.end()]
    assert events == told(any_model.session(rate=RATE, channels=2, channel="each"), [call])


def test_one_channel_of_one(any_model: Model, call: NDArray[np.float32]) -> None:
    events = told(any_model.session(rate=RATE, channels=1, channel="each"), [call[0]])
    assert events == told(any_model.session(rate=RATE, channel=0), [call[0]])


def test_the_number_of_channels_is_required_and_kept(any_model: Model, call: NDArray[np.float32]) -> None:
    with pytest.raises(UsageError, match="channel='each' needs the number of channels"):
        any_model.session(rate=RATE, channel="each")
    session = any_model.session(rate=RATE, channel="each", channels=3)
    with pytest.raises(UsageError, match=r"a block of shape \(2, 1001\) was given with channels=3"):
        session.push(call[:, :1001])
    assert session.push(np.zeros((3, 1001), np.float32)) == ()
