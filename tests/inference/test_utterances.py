"""Utterances begin and end where the activity does, whatever the pieces, and are divided where the emotion changes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.inference.conftest import LoudDetector

from emotone.features.front_ends.log_mel import LogMel
from emotone.inference.engine import Engine
from emotone.inference.events import UtteranceEnd
from emotone.inference.model import Model, load
from emotone.inference.utterances import PAUSE_FRAMES, Boundary, UtteranceDetector

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray
    from tests.conftest import MakeBundle

    from emotone.bundles.bundle import Bundle
    from emotone.bundles.head import EmbeddingHead


def decisions_of(text: str) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Return decisions from e.g. "3. 2x": three silent frames and two with speech."""
    parts = [np.full(int(part[:-1]), part[-1] == "x") for part in text.split()]
    return np.concatenate(parts)


def slow_twin(active: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> list[tuple[int, int]]:
    """Return (first frame, frame after the last) of each utterance: frames with speech, gaps below 0.5 s closed."""
    found: list[tuple[int, int]] = []
    for frame in np.flatnonzero(active).tolist():
        if found and frame - found[-1][1] < PAUSE_FRAMES:
            found[-1] = (found[-1][0], frame + 1)
        else:
            found.append((frame, frame + 1))
    return found


@given(
    runs=st.lists(st.tuples(st.integers(1, 120), st.booleans()), max_size=12),
    cuts=st.lists(st.integers(0, 1400), max_size=8),
)
def test_boundaries_do_not_depend_on_the_pieces(runs: list[tuple[int, bool]], cuts: list[int]) -> None:
    active = np.concatenate([np.zeros(0, np.bool_), *(np.full(*run) for run in runs)])
    detector = UtteranceDetector()
    found = [one for piece in np.split(active, sorted(cuts)) for one in detector.push(piece)]
    found += detector.finish()
    assert [(one.start, one.end) for one in found if one.end is not None] == slow_twin(active)
    assert [one.start for one in found if one.end is None] == [start for start, _ in slow_twin(active)]


@pytest.mark.parametrize(
    ("decisions", "expected"),
    [
        ("9.", []),
        ("5. 3x 49.", [Boundary(5, None)]),
        ("5. 3x 50.", [Boundary(5, None), Boundary(5, 8)]),
        ("5. 3x 49. 1x 50.", [Boundary(5, None), Boundary(5, 58)]),
        ("1x 50. 1x", [Boundary(0, None), Boundary(0, 1), Boundary(51, None)]),
    ],
)
def test_half_a_second_of_silence_ends_an_utterance(decisions: str, expected: list[Boundary]) -> None:
    assert UtteranceDetector().push(decisions_of(decisions)) == expected


def test_the_end_of_the_sound_ends_an_utterance_once() -> None:
    detector = UtteranceDetector()
    detector.push(decisions_of("5. 3x 10."))
    assert detector.finish() == [Boundary(5, 8)]
    assert detector.finish() == []


ANGER, SADNESS = [0.94, 0.02, 0.02, 0.02], [0.02, 0.02, 0.02, 0.94]


@dataclass(frozen=True)
class ScriptedBundle:
    """A bundle whose network returns prepared probabilities, one row per window."""

    bundle: Bundle
    rows: list[list[float]]

    def __getattr__(self, name: str) -> object:
        return getattr(self.bundle, name)

    def outputs(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.array([self.rows.pop(0) for _ in features], np.float32)

    def probabilities_of(
        self, outputs: NDArray[np.float32], *, head: EmbeddingHead | None = None
    ) -> NDArray[np.float64]:
        assert head is None
        return outputs.astype(np.float64).round(6)


def ends(bundle: Bundle, *utterances: list[list[float]]) -> list[UtteranceEnd]:
    """Return the ends of loud utterances with these windows of 3 s at whole seconds, and 2 s of silence after each."""
    sound = [np.pad(np.full((len(one) + 2) * 16000, 0.1, np.float32), (0, 32000)) for one in utterances]
    scripted = ScriptedBundle(bundle, [row for windows in utterances for row in windows])
    engine = Engine(scripted)  # type: ignore[arg-type]
    events = [*engine.push(np.concatenate(sound)), *engine.finish()]
    return [event for event in events if isinstance(event, UtteranceEnd)]


def test_an_utterance_is_divided_where_its_emotion_changes(model: Model) -> None:
    first, second, third = ends(model.bundle, [ANGER] * 6, [ANGER] * 5 + [SADNESS] * 4, [ANGER] * 2 + [SADNESS])
    assert [(part.start, part.end, part.label, part.changed) for part in first.parts] == [(0.0, 8.0, "anger", False)]
    shown = [(part.start, part.end, part.label, part.changed) for part in second.parts]
    # The centres of the windows before and after the change are 5.5 s and 6.5 s after the start.
    assert shown == [(10.0, 16.0, "anger", False), (16.0, 21.0, "sadness", True)]
    assert [list(part.probabilities.values()) for part in second.parts] == [ANGER, SADNESS]
    weighted = np.average([ANGER, SADNESS], axis=0, weights=[6, 5])
    assert list(second.clip.probabilities.values()) == pytest.approx(weighted)
    (whole,) = third.parts  # one window is not enough for a change
    assert (whole.label, whole.changed, whole.probabilities) == ("anger", True, third.clip.probabilities)


def test_neighbouring_sections_with_the_same_label_are_one_part(make_bundle: MakeBundle, tmp_path: Path) -> None:
    labels = ("anger", "other")
    bundle = load(make_bundle(tmp_path / "detector", labels=labels, thresholds={"anger": 0.99})).bundle
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("emotone.inference.engine.NetworkDetector", LoudDetector)
        (end,) = ends(bundle, [[0.95, 0.05]] * 5 + [[0.05, 0.95]] * 4)
    (part,) = end.parts
    assert (part.start, part.end, part.label, part.changed) == (end.start, end.time, "other", False)
    assert part.probabilities == pytest.approx(end.clip.probabilities)


@pytest.mark.parametrize("rate", [8000, 32000])
def test_a_front_end_of_another_rate_has_the_same_utterances_live(
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
