"""Frames to utterances: pooling over time, change points, buffers and envelopes."""

from __future__ import annotations

import itertools
import math
import tracemalloc
from itertools import combinations
from typing import TYPE_CHECKING, get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.inference.conftest import PaddedLogMel

from emotone.errors import ConfigError
from emotone.features.front_ends.log_mel import LogMel, MnLogMel
from emotone.features.windows import COMBINED, Combine, Windows
from emotone.inference.buffers import LIMIT, Envelope, EnvelopeMeter, FrameStream, RollingBuffer
from emotone.inference.engine import analyse
from emotone.inference.model import load
from emotone.inference.pooling import (
    ChangePointSegmenter,
    ContextPooler,
    DurationPooler,
    Section,
    minimal_cost_sections,
    pool_windows,
)

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from tests.conftest import MakeBundle

    from emotone.features.base import Feature
    from emotone.inference.model import Model


# ----------------------------------------------------------------------------------------------------------------------
# Pooling methods against their definitions, and the properties that all of them share.

METHODS: tuple[Combine, ...] = get_args(Combine)


def softmax(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    powers: NDArray[np.float64] = np.exp(scores - scores.max(axis=-1, keepdims=True))
    shares: NDArray[np.float64] = powers / powers.sum(axis=-1, keepdims=True)
    return shares


@given(windows=st.integers(1, 9), labels=st.integers(2, 7), seed=st.integers(0, 999), sharpness=st.floats(0, 400))
@pytest.mark.parametrize("method", METHODS)
def test_properties_of_every_method(method: Combine, windows: int, labels: int, seed: int, sharpness: float) -> None:
    rng = np.random.default_rng(seed)
    probabilities = softmax(rng.normal(size=(windows, labels)) * sharpness)
    found = pool_windows(probabilities, method)
    assert found.shape == (labels,)
    assert (found >= 0).all()
    assert found.sum() == pytest.approx(1)
    np.testing.assert_allclose(pool_windows(probabilities[rng.permutation(windows)], method), found, atol=1e-12)
    assert pool_windows(probabilities[:1], method).argmax() == probabilities[0].argmax()
    if method != "vote":
        np.testing.assert_allclose(pool_windows(probabilities[:1], method), probabilities[0], atol=1e-12)


@given(windows=st.integers(1, 9), labels=st.integers(2, 7), seed=st.integers(0, 999), constant=st.floats(-50, 50))
def test_the_mean_logit_equals_the_softmax_of_mean_scores(
    windows: int, labels: int, seed: int, constant: float
) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.normal(0, 4, size=(windows, labels)) + constant * rng.normal(size=(windows, 1))
    np.testing.assert_allclose(pool_windows(softmax(scores), "mean-logit"), softmax(scores.mean(axis=0)), atol=1e-9)


@given(windows=st.integers(1, 9), labels=st.integers(2, 5), seed=st.integers(0, 999))
def test_the_mean_decides_ties_of_votes(windows: int, labels: int, seed: int) -> None:
    probabilities = np.random.default_rng(seed).dirichlet(np.ones(labels), windows)
    votes = [sum(int(row.argmax() == label) for row in probabilities) for label in range(labels)]
    tied = [label for label in range(labels) if votes[label] == max(votes)]
    mean = probabilities.mean(axis=0)
    assert pool_windows(probabilities, "vote").argmax() == max(tied, key=lambda label: mean[label])


def test_values_computed_by_hand() -> None:
    probabilities = np.array([[0.6, 0.4, 0.0], [0.0, 0.5, 0.5], [0.9, 0.1, 0.0]])
    np.testing.assert_allclose(pool_windows(probabilities, "mean-probability"), [0.5, 1 / 3, 1 / 6])
    np.testing.assert_allclose(pool_windows(probabilities, "vote"), [2.5 / 4, (1 + 1 / 3) / 4, (1 / 6) / 4])
    np.testing.assert_allclose(pool_windows(probabilities, "max-probability"), [0.9 / 1.9, 0.5 / 1.9, 0.5 / 1.9])
    # The second window excludes the first label, the others the third, so only the second remains.
    np.testing.assert_allclose(pool_windows(probabilities, "mean-logit"), [0, 1, 0], atol=1e-12)


def test_another_method_is_refused_and_each_has_a_description() -> None:
    with pytest.raises(ConfigError, match="unknown combination 'votes'; did you mean 'vote'"):
        Windows(seconds=3.0, hop=1.0, combine="votes")  # type: ignore[arg-type]
    assert set(COMBINED) == set(METHODS)


@pytest.mark.parametrize("method", METHODS)
def test_an_utterance_is_pooled_as_the_bundle_states(
    model: Model, make_bundle: MakeBundle, tmp_path: Path, noise: NDArray[np.float32], method: Combine
) -> None:
    windows = Windows(seconds=1.0, hop=0.5, combine=method)
    other = load(make_bundle(tmp_path / "other", windows=windows))
    analysis = analyse(other.bundle, [noise[: 2 * 16000]])
    expected = pool_windows(analysis.segments.probabilities, method)
    np.testing.assert_allclose(list(analysis.clip.probabilities.values()), expected, atol=1e-8)


def test_the_mean_over_time_is_weighted_by_duration() -> None:
    pooler = DurationPooler(labels=2)
    assert pooler.probabilities().tolist() == [0.5, 0.5]
    pooler.add(np.array([0.3, 0.7]), seconds=1.7)
    assert pooler.probabilities().tolist() == [0.3, 0.7]  # exactly
    pooler.add(np.array([0.9, 0.1]), seconds=5.1)
    np.testing.assert_allclose(pooler.probabilities(), [0.75, 0.25], atol=1e-15)


def slow_context(probabilities: NDArray[np.float64], windows: int) -> list[NDArray[np.float64]]:
    firsts = [max(0, number - windows + 1) for number in range(len(probabilities))]
    return [softmax(np.log(probabilities[first : last + 1]).mean(axis=0)) for last, first in enumerate(firsts)]


@given(
    seed=st.integers(0, 2**32 - 1),
    windows=st.integers(1, 5),
    count=st.integers(0, 12),
    cuts=st.lists(st.integers(0, 12), max_size=3),
)
def test_context_equals_the_slow_twin_for_any_pieces(seed: int, windows: int, count: int, cuts: list[int]) -> None:
    probabilities = np.random.default_rng(seed).dirichlet(np.ones(3), size=count)
    pooler = ContextPooler(windows)
    edges = [0, *sorted(min(cut, count) for cut in cuts), count]
    found = [pooler.push(probabilities[first:last]) for first, last in itertools.pairwise(edges)]
    expected = np.reshape(slow_context(probabilities, windows), (count, 3))
    np.testing.assert_allclose(np.concatenate(found), expected, atol=1e-12)


def test_context_does_not_change_its_argument() -> None:
    probabilities = np.array([[0.9, 0.1], [0.5, 0.5]])
    ContextPooler(2).push(probabilities)
    assert probabilities.tolist() == [[0.9, 0.1], [0.5, 0.5]]


@pytest.mark.parametrize("context", [0, 101])
def test_the_number_of_pooled_windows_is_checked(context: int) -> None:
    with pytest.raises(ConfigError, match=rf"windows: context must be from 1 to 100 windows; given {context}"):
        Windows(seconds=1.2, hop=0.6, context=context)


def test_windows_state_their_context() -> None:
    shown = str(Windows(seconds=1.2, hop=0.6, context=3))
    assert shown == "1.2 s every 0.6 s, each pooled with up to 2 preceding ones"


# ----------------------------------------------------------------------------------------------------------------------
# Sections have the lowest cost of all divisions, and an utterance stays whole where it should.

WINDOWS = Windows(seconds=3.0, hop=1.0)  # a change needs two windows, each of which counts a third
SURE, HALF = [0.98, 0.01, 0.01], [0.34, 0.33, 0.33]


def divided(probabilities: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> list[Section]:
    segmenter = ChangePointSegmenter(WINDOWS, labels=probabilities.shape[1])
    for number, row in enumerate(probabilities):
        segmenter.add(number, row)
    return segmenter.finish()


def firsts(probabilities: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> list[int]:
    """Return the number of the first window of each section; sections follow each other."""
    sections = divided(probabilities)
    ends = [round(part.last) + 1 for part in sections]
    found = [round(part.first) for part in sections]
    assert found == [0, *ends[:-1]]
    assert ends[-1] == len(probabilities)
    for part, first, end in zip(sections, found, ends, strict=True):
        np.testing.assert_allclose(part.pooler.probabilities(), probabilities[first:end].mean(axis=0), atol=1e-12)
    return found


def total_cost(costs: np.ndarray[tuple[int, int], np.dtype[np.float64]], begins: list[int], penalty: float) -> float:
    ends = [*begins[1:], len(costs)]
    parts = [costs[first:end].sum(axis=0).min() for first, end in zip(begins, ends, strict=True)]
    return float(sum(parts)) + penalty * (len(begins) - 1)


@given(
    windows=st.integers(1, 9),
    labels=st.integers(2, 4),
    seed=st.integers(0, 999),
    penalty=st.floats(0, 4),
    min_windows=st.integers(1, 4),
)
def test_no_other_division_has_a_lower_cost(
    windows: int, labels: int, seed: int, penalty: float, min_windows: int
) -> None:
    costs = np.random.default_rng(seed).exponential(size=(windows, labels))
    found = minimal_cost_sections(costs, penalty=penalty, min_windows=min_windows)
    every = [
        [0, *cuts]
        for count in range(windows)
        for cuts in combinations(range(1, windows), count)
        if not cuts or min(np.diff([0, *cuts, windows])) >= min_windows
    ]
    assert found in every
    assert total_cost(costs, found, penalty) == pytest.approx(
        min(total_cost(costs, begins, penalty) for begins in every)
    )


def others(row: list[float], by: int) -> list[float]:
    return row[-by:] + row[:-by]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([SURE], [0]),
        ([SURE] * 10, [0]),
        ([HALF] * 10, [0]),
        ([SURE] * 5 + [others(SURE, 1)] + [SURE] * 5, [0]),  # a single deviating window
        ([SURE] * 5 + [others(HALF, 1)] * 5, [0]),  # another label, but hardly more probable
        ([SURE] * 5 + [others(SURE, 1)] * 5, [0, 5]),
        ([SURE] * 5 + [others(SURE, 1)] * 5 + [others(SURE, 2)] * 5, [0, 5, 10]),
        ([SURE] * 2 + [others(SURE, 1)] * 2, [0, 2]),
        ([SURE, others(SURE, 1)], [0]),
    ],
)
def test_a_change_needs_a_label_that_persists(rows: list[list[float]], expected: list[int]) -> None:
    assert firsts(np.array(rows)) == expected


def test_a_label_that_can_not_be_is_no_infinite_total_cost() -> None:
    assert firsts(np.array([[1.0, 0.0]] * 4 + [[0.0, 1.0]] * 4)) == [0, 4]


@pytest.mark.parametrize("lengths", [(1800, 1800), (3600,), (31, 33, 64), (9,) * 60, (63, 9, 64, 9, 300), (64, 64)])
def test_a_long_utterance_is_divided_as_its_windows_arrive(lengths: tuple[int, ...]) -> None:
    rng = np.random.default_rng(1)
    rows = [rng.dirichlet([90.0, 1.0, 1.0][:: 1 - 2 * (number % 2)], length) for number, length in enumerate(lengths)]
    expected = [0, *np.cumsum(lengths)[:-1].tolist()]
    assert firsts(np.concatenate(rows)) == expected


@given(windows=st.integers(0, 300), seed=st.integers(0, 99), sharpness=st.floats(0, 3))
def test_every_window_is_in_one_section_and_sections_have_a_minimum_length(
    windows: int, seed: int, sharpness: float
) -> None:
    rng = np.random.default_rng(seed)
    powers = np.exp(sharpness * np.cumsum(rng.normal(size=(windows + 1, 3)), axis=0) / 3)
    found = firsts(powers / powers.sum(axis=1, keepdims=True))
    assert min(np.diff([*found, windows + 1]), default=9) >= min(2, windows + 1)


# ----------------------------------------------------------------------------------------------------------------------
# Rolling buffers equal concatenation and slicing in bounded memory; streamed rows equal those of the whole signal.


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=40), st.booleans())
def test_a_buffer_equals_concatenation_and_slicing(steps: list[tuple[int, int]], wide: bool) -> None:
    shape = (3,) if wide else ()
    plain = np.zeros((0, *shape), np.float32)
    buffer = RollingBuffer(plain)
    number = 0
    for new, dropped in steps:
        values = np.arange(number, number + new * (3 if wide else 1), dtype=np.float32).reshape(new, *shape)
        number += values.size
        buffer.append(values)
        plain = np.concatenate([plain, values])
        buffer.drop(min(dropped, len(plain)))
        plain = plain[dropped:]
        assert len(buffer) == len(plain)
        np.testing.assert_array_equal(buffer[:], plain)
        np.testing.assert_array_equal(buffer[1:4], plain[1:4])


@pytest.mark.parametrize("piece", [1, 7, 320])
def test_memory_is_bounded(piece: int) -> None:
    buffer = RollingBuffer(np.zeros(0, np.float32))
    tracemalloc.start()
    for _ in range(20_000 // piece):
        buffer.append(np.zeros(piece, np.float32))
        buffer.drop(max(0, len(buffer) - 1000))
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(buffer) <= 1000
    assert size <= 4 * 2 * (1000 + 2 * piece) + 10_000


def test_later_changes_of_a_piece_do_not_matter() -> None:
    buffer = RollingBuffer(np.zeros(0, np.float32))
    piece = np.ones(3, np.float32)
    buffer.append(piece)
    piece[:] = 2
    assert buffer[:].tolist() == [1, 1, 1]


@given(
    feature=st.sampled_from([LogMel(), PaddedLogMel(), PaddedLogMel(window=160), MnLogMel(pads_end=True)]),
    length=st.integers(0, 6000),
    cuts=st.lists(st.integers(0, 6000), max_size=12),
)
def test_rows_do_not_depend_on_the_pieces(feature: Feature, length: int, cuts: list[int]) -> None:
    signal = np.random.default_rng(length).normal(0, 0.1, length).astype(np.float32)
    stream = FrameStream(feature)
    rows = [stream.push(part) for part in np.split(signal, sorted(min(cut, length) for cut in cuts))]
    rows.append(stream.finish())
    whole = feature.compute(signal)
    np.testing.assert_allclose(np.concatenate(rows), whole, atol=1e-5)
    assert (stream.rows, stream.samples) == (len(whole), length)


@pytest.mark.parametrize(("samples", "rows"), [(399, 0), (400, 1), (559, 1), (560, 2)])
def test_a_row_is_complete_with_its_last_sample(samples: int, rows: int) -> None:
    assert len(FrameStream(LogMel()).push(np.zeros(samples, np.float32))) == rows


@pytest.mark.parametrize("samples", [0, 1, 160, 161, 400, 401, 1600])
def test_padded_rows_wait_for_the_end(samples: int) -> None:
    stream = FrameStream(PaddedLogMel())
    signal = np.full(samples, 0.1, np.float32)
    assert len(stream.push(signal)) == max(0, 1 + (samples - 400) // 160)
    stream.finish()
    assert stream.rows == max(1, math.ceil(samples / 160))


# ----------------------------------------------------------------------------------------------------------------------
# The envelope: exact maxima and energies, for any division into blocks, in bounded memory.


def measured(samples: NDArray[np.float32], *, block: int, rate: int = 100) -> Envelope:
    meter = EnvelopeMeter(rate)
    for start in range(0, len(samples), block):
        meter.add(samples[start : start + block])
    return meter.envelope()


def twin(samples: NDArray[np.float32], step: int) -> tuple[list[float], list[float]]:
    parts = [samples[start : start + step].astype(float) for start in range(0, len(samples), step)]
    return [float(np.abs(part).max()) for part in parts], [float(np.sqrt(np.mean(part**2))) for part in parts]


@pytest.mark.parametrize("length", [1, 99, LIMIT, LIMIT + 1, 3 * LIMIT + 7, 9 * LIMIT])
@pytest.mark.parametrize("block", [1000, 4001, 100_000])
def test_points_are_the_maxima_and_energies_of_their_samples(rng: np.random.Generator, length: int, block: int) -> None:
    samples = rng.normal(0, 0.1, length).astype(np.float32)
    envelope = measured(samples, block=block)
    assert len(envelope) <= LIMIT
    assert len(envelope) > min(LIMIT // 2, length - 1)
    peak, rms = twin(samples, round(envelope.step * 100))
    np.testing.assert_array_equal(envelope.peak, np.array(peak, np.float32))
    np.testing.assert_allclose(envelope.rms, rms, rtol=1e-5)


def test_a_point_of_a_short_recording_lasts_4_ms() -> None:
    envelope = measured(np.full(16_000, 0.5, np.float32), block=160, rate=16_000)
    assert (envelope.step, len(envelope)) == (0.004, 250)
    assert set(envelope.peak.tolist()) == set(envelope.rms.tolist()) == {0.5}


def test_no_samples_give_no_points() -> None:
    assert len(EnvelopeMeter(16_000).envelope()) == 0
