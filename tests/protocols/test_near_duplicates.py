"""Near-duplicates compared with the obvious implementation: the cosine of every pair, in a double loop."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from emotone.errors import RunError
from emotone.protocols.near_duplicates import NearDuplicate, near_pairs

if TYPE_CHECKING:
    from numpy.typing import NDArray

Prints = dict[str, "NDArray[np.float32]"]


def unit(matrix: NDArray[np.float64]) -> NDArray[np.float32]:
    return np.asarray(matrix / np.linalg.norm(matrix, axis=1, keepdims=True), dtype=np.float32)


def slow(parts: list[tuple[list[str], list[str]]], prints: Prints, *, threshold: float) -> list[NearDuplicate]:
    best: dict[str, NearDuplicate] = {}
    for train, test in parts:
        for tested in test:
            for trained in train:
                cosine = float(prints[tested] @ prints[trained])
                if cosine >= threshold and (tested not in best or cosine > best[tested].cosine):
                    best[tested] = NearDuplicate(tested, trained, cosine)
    return [best[key] for key in sorted(best)]


@pytest.mark.parametrize("block", [3, 7, 1024])
def test_blocks_find_what_the_double_loop_finds(rng: np.random.Generator, block: int) -> None:
    names = [f"toy/{number:02d}" for number in range(40)]
    prints = dict(zip(names, unit(rng.normal(size=(40, 4))), strict=True))
    parts = [(names[10:], names[:10]), (names[:20], names[20:])]
    known, found = near_pairs(parts, prints, threshold=0.8, block=block)
    expected = slow(parts, prints, threshold=0.8)
    assert known
    assert expected
    assert [(pair.test, pair.train) for pair in found] == [(pair.test, pair.train) for pair in expected]
    np.testing.assert_allclose([pair.cosine for pair in found], [pair.cosine for pair in expected], rtol=1e-5)


def test_only_pairs_across_a_fold_are_compared() -> None:
    prints = {name: np.array([1.0, 0.0], np.float32) for name in ("a", "b", "c")}
    assert near_pairs([(["c"], ["a", "b"])], {"a": prints["a"], "b": prints["b"]}, threshold=0.9) == (False, ())
    known, found = near_pairs([(["b"], ["a"]), (["c"], [])], prints, threshold=0.9)
    assert known
    assert [str(pair) for pair in found] == ["a ~ b (1.000)"]


def test_the_threshold_is_met_by_equality() -> None:
    prints = {"a": np.array([1.0, 0.0], np.float32), "b": np.array([0.6, 0.8], np.float32)}
    cosine = float(np.float32(0.6))
    assert len(near_pairs([(["b"], ["a"])], prints, threshold=cosine)[1]) == 1
    assert near_pairs([(["b"], ["a"])], prints, threshold=cosine + 1e-6)[1] == ()


@pytest.mark.parametrize("wrong", [[0.5, 0.0], [0.0, 0.0], [float("nan"), 0.0]])
def test_a_fingerprint_of_another_length_is_refused(wrong: list[float]) -> None:
    prints = {"a": np.array([1.0, 0.0]), "b": np.array(wrong)}
    with pytest.raises(RunError, match=r"the fingerprint of b has length .*; it must be 1"):
        near_pairs([(["b"], ["a"])], prints, threshold=0.9)


@pytest.mark.parametrize("wrong", [np.array([1.0]), np.array([[1.0, 0.0]])])
def test_fingerprints_of_several_shapes_are_refused(wrong: NDArray[np.float64]) -> None:
    prints = {"a": np.array([1.0, 0.0]), "b": wrong}
    with pytest.raises(RunError, match="fingerprints must be vectors of one length; given shapes:"):
        near_pairs([(["c"], ["c"]), (["a", "b"], ["a"])], {**prints, "c": prints["a"]}, threshold=0.9)
