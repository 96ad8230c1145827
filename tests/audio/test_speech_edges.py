"""The ends of speech follow the level, not the grid of the coarse decisions, and do not depend on the pieces."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest

from emotone.audio.speech_network import DELAY, EDGE_RANGE, FIRST, INWARDS, LAST, OUTWARDS, EdgeRefiner

if TYPE_CHECKING:
    from numpy.typing import NDArray

SPEECH, SILENCE = -20.0, -80.0  # dB


def refine_slowly(speech: NDArray[np.bool_], levels: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return the refined decisions [frames], stretch by stretch and frame by frame."""
    count = len(speech)
    refined = np.zeros(count, np.bool_)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], speech, [False]]))).tolist()
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        threshold = levels[start : min(end, start + FIRST)].max() - EDGE_RANGE
        first = start
        if levels[start] > threshold:
            while first > max(0, start - OUTWARDS) and levels[first - 1] > threshold:
                first -= 1
        else:
            while first < start + INWARDS and levels[first] <= threshold:
                first += 1
        threshold = levels[max(start, end - LAST) : end].max() - EDGE_RANGE
        until = end
        if levels[end - 1] > threshold:
            while until < min(count, end + OUTWARDS) and levels[until] > threshold:
                until += 1
        else:
            while until > end - INWARDS and levels[until - 1] <= threshold:
                until -= 1
        refined[first:until] = True
    return refined


def frames(*runs: tuple[float, int]) -> NDArray[np.float64]:
    """Return runs of values, each with its length, one after the other."""
    return np.concatenate([np.full(count, value) for value, count in runs])


@pytest.mark.parametrize("early", range(-INWARDS + 1, OUTWARDS))
@pytest.mark.parametrize("late", [-OUTWARDS + 1, -1, 0, 1, INWARDS - 1])
def test_the_ends_are_where_the_level_changes(early: int, late: int) -> None:
    levels = frames((SILENCE, 60), (SPEECH, 80), (SILENCE, 60))
    coarse = frames((0, 60 + early), (1, 80 - early + late), (0, 60 - late)).astype(np.bool_)

    refined = EdgeRefiner().push(coarse, levels, last=True)

    np.testing.assert_array_equal(refined, levels == SPEECH)


def test_an_end_moves_by_a_limited_number_of_frames() -> None:
    coarse = frames((0, 100), (1, 100), (0, 100)).astype(np.bool_)
    refined = EdgeRefiner().push(coarse, np.full(300, SPEECH), last=True)
    assert np.flatnonzero(refined)[[0, -1]].tolist() == [100 - OUTWARDS, 199 + OUTWARDS]


def test_only_the_loudest_frames_near_an_end_count() -> None:
    """A quiet word after a loud one keeps its end."""
    levels = frames((0.0, 200), (-40.0, LAST + 20), (-90.0, 50))
    coarse = frames((1, 200 + LAST + 20), (0, 50)).astype(np.bool_)
    assert EdgeRefiner().push(coarse, levels, last=True).sum() == 200 + LAST + 20


@pytest.mark.parametrize("seed", range(40))
def test_any_division_gives_the_same_as_the_slow_rules(seed: int) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(20):
        count = int(rng.integers(1, 500))
        speech = np.repeat(rng.random(count) < 0.5, rng.integers(1, rng.choice([4, 30, 200]), count))[:count]
        steps = np.repeat(rng.normal(-40, 25, count), rng.integers(1, 8, count))[:count]
        levels = steps + rng.normal(0, 2, count)
        cuts = np.sort(rng.integers(0, count + 1, int(rng.choice([1, 5, 100]))))
        refiner = EdgeRefiner()

        pieces = [refiner.push(speech[start:end], levels[start:end]) for start, end in pairwise([0, *cuts.tolist()])]
        assert sum(len(piece) for piece in pieces) >= cuts[-1] - DELAY
        pieces.append(refiner.push(speech[cuts[-1] :], levels[cuts[-1] :], last=True))

        np.testing.assert_array_equal(np.concatenate(pieces), refine_slowly(speech, levels))


def test_memory_does_not_grow_with_silence_or_speech() -> None:
    for value in (False, True):
        refiner = EdgeRefiner()
        refiner.push(np.full(10_000, value), np.full(10_000, SPEECH))
        assert len(refiner.push(np.full(1000, value), np.full(1000, SPEECH))) == 1000
