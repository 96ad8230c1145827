"""Utterances begin and end where the activity says, whatever the pieces; sums are kept, not sounds."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotone.features.front_ends.log_mel import LogMel
from emotone.inference.events import UtteranceEnd
from emotone.inference.model import Model, load
from emotone.inference.result import Segments
from emotone.inference.utterances import SILENT_FRAMES, Boundaries, Boundary, Utterances

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from emotone.bundles.bundle import Bundle


def spoken(text: str) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Return decisions from e.g. "3. 2x": three silent frames and two with speech."""
    parts = [np.full(int(part[:-1]), part[-1] == "x") for part in text.split()]
    return np.concatenate(parts)


def slow_twin(active: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> list[tuple[int, int]]:
    """Return (first frame, frame after the last) of each utterance: frames with speech, gaps below 0.5 s closed."""
    found: list[tuple[int, int]] = []
    for frame in np.flatnonzero(active).tolist():
        if found and frame - found[-1][1] < SILENT_FRAMES:
            found[-1] = (found[-1][0], frame + 1)
        else:
            found.append((frame, frame + 1))
    return found


@given(
    runs=st.lists(st.tuples(st.integers(1, 120), st.booleans()), max_size=12),
    cuts=st.lists(st.integers(0, 1400), max_size=8),
)
def test_the_boundaries_do_not_depend_on_the_pieces(runs: list[tuple[int, bool]], cuts: list[int]) -> None:
    active = np.concatenate([np.zeros(0, np.bool_), *(np.full(*run) for run in runs)])
    boundaries = Boundaries()
    found = [one for piece in np.split(active, sorted(cuts)) for one in boundaries.push(piece)]
    found += boundaries.finish()
    assert [(one.start, one.end) for one in found if one.end is not None] == slow_twin(active)
    assert [one.start for one in found if one.end is None] == [start for start, _ in slow_twin(active)]
    assert [one.known for one in found] == sorted(one.known for one in found)


@pytest.mark.parametrize(
    ("decisions", "expected"),
    [
        ("9.", []),
        ("5. 3x 49.", [Boundary(5, 5, None)]),
        ("5. 3x 50.", [Boundary(5, 5, None), Boundary(58, 5, 8)]),
        ("5. 3x 49. 1x 50.", [Boundary(5, 5, None), Boundary(108, 5, 58)]),
        ("1x 50. 1x", [Boundary(0, 0, None), Boundary(51, 0, 1), Boundary(51, 51, None)]),
    ],
)
def test_half_a_second_of_silence_ends_an_utterance(decisions: str, expected: list[Boundary]) -> None:
    assert Boundaries().push(spoken(decisions)) == expected


def test_the_end_of_the_sound_ends_an_utterance_once() -> None:
    boundaries = Boundaries()
    boundaries.push(spoken("5. 3x 10."))
    assert boundaries.finish() == [Boundary(18, 5, 8)]
    assert boundaries.finish() == []


ANGER, SADNESS = [0.94, 0.02, 0.02, 0.02], [0.02, 0.02, 0.02, 0.94]


def ends(bundle: Bundle, *utterances: list[list[float]]) -> list[UtteranceEnd]:
    """Tell of utterances whose windows of 3 s lie at whole seconds, with 2 s between them."""
    following = Utterances(bundle)
    at, found = 0, []
    for windows in utterances:
        length = len(windows) + 2
        silence = np.zeros(2 * 16000, np.float32)
        for sound, active in ((np.full(length * 16000, 0.1, np.float32), True), (silence, False)):
            following.hear(sound, LogMel().compute(sound))
            following.decide(np.full(len(sound) // 160, active))
        starts = at + np.arange(len(windows) + 2, dtype=np.float64)  # the last two reach into the silence
        rows = np.array([*windows, *[[0.25] * 4] * 2])
        speech = np.ones(len(rows), np.bool_)
        following.judge(Segments(bundle.labels, bundle.manifest.thresholds, starts, starts + 3, speech, rows))
        found += following.events()
        at += length + 2
    found += following.finish()
    return [one.event for one in found if isinstance(one.event, UtteranceEnd)]


def test_an_utterance_is_divided_where_its_emotion_changes(model: Model) -> None:
    first, second, third = ends(model.bundle, [ANGER] * 6, [ANGER] * 5 + [SADNESS] * 4, [ANGER] * 2 + [SADNESS])
    assert [(part.start, part.end, part.label, part.changed) for part in first.parts] == [(0.0, 8.0, "anger", False)]
    shown = [(part.start, part.end, part.label, part.changed) for part in second.parts]
    # The centres of the windows on both sides lie 5.5 s and 6.5 s after its start.
    assert shown == [(10.0, 16.0, "anger", False), (16.0, 21.0, "sadness", True)]
    assert [list(part.probabilities.values()) for part in second.parts] == [ANGER, SADNESS]
    assert list(second.clip.probabilities.values()) == pytest.approx(np.mean([ANGER] * 5 + [SADNESS] * 4, axis=0))
    (whole,) = third.parts  # a window is not enough
    assert (whole.label, whole.changed, whole.probabilities) == ("anger", True, third.clip.probabilities)


def test_neighbours_without_a_decision_are_one_part(model: Model) -> None:
    manifest = replace(model.bundle.manifest, thresholds=dict.fromkeys(model.labels, 0.95))
    bundle = replace(model.bundle, manifest=manifest)
    (end,) = ends(bundle, [ANGER] * 5 + [SADNESS] * 4)
    (part,) = end.parts
    assert (part.start, part.end, part.label, part.changed) == (end.start, end.time, None, False)
    assert part.probabilities == pytest.approx(end.clip.probabilities)


def test_what_is_undecided_is_no_change(model: Model) -> None:
    manifest = replace(model.bundle.manifest, thresholds={"happiness": 0.9})
    bundle = replace(model.bundle, manifest=manifest)
    undecided = [0.1, 0.7, 0.1, 0.1]
    found = ends(bundle, [undecided] * 3, [ANGER] * 3, [undecided] * 3, [ANGER] * 3, [undecided] * 3, [SADNESS] * 3)
    assert [event.parts[0].label for event in found] == [None, "anger", None, "anger", None, "sadness"]
    assert [event.parts[0].changed for event in found] == [False] * 5 + [True]


@pytest.mark.parametrize("rate", [8000, 32000])
def test_a_front_end_of_another_rate_has_its_utterances_live_too(
    tiny_bundle: Path, speech: Callable[..., NDArray[np.float32]], rate: int
) -> None:
    feature = LogMel(rate=rate, window=rate // 40, hop=rate // 100, fft=1024, high=3800.0)
    other = Model(replace(load(tiny_bundle).bundle, feature=feature))
    signal = speech(25.0, rate=rate)
    with other.session(rate=rate) as session:
        events = [event for at in range(0, len(signal), 999) for event in session.push(signal[at : at + 999])]
        events += session.end()
    live = [part for event in events if isinstance(event, UtteranceEnd) for part in event.parts]
    offline = other.predict(signal, rate=rate).utterances
    assert len(live) > 3
    assert [(one.start, one.end, one.label) for one in live] == [(one.start, one.end, one.label) for one in offline]
    numbers = [[list(one.probabilities.values()) for one in parts] for parts in (live, offline)]
    np.testing.assert_allclose(numbers[0], numbers[1], atol=1e-5)
