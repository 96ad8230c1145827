"""Every augmentation: a drawn change of a copy, the same for the same draw, finite for the shortest input."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from emotone.augment.base import AUGMENTATIONS, Augmentation, augment

if TYPE_CHECKING:
    from emotone.types import Array

SHAPES = ((1, 64), (2, 64), (3, 1), (200, 64), (57, 20))
DRAWS = 25  # of each; enough that a change that is drawn with a chance happens


@pytest.fixture(params=AUGMENTATIONS.names)
def augmentation(request: pytest.FixtureRequest) -> Augmentation:
    return AUGMENTATIONS.get(request.param)()


@pytest.fixture
def features(rng: np.random.Generator) -> Array:
    return log_mel_like(rng, (200, 64))


def log_mel_like(rng: np.random.Generator, shape: tuple[int, int]) -> Array:
    return rng.normal(-9, 3, shape).astype(np.float32)


def equal(first: Any, second: Any) -> bool:
    """Compare drawn parameters of any kind."""
    if dataclasses.is_dataclass(first) and not isinstance(first, type):
        return type(first) is type(second) and all(
            equal(getattr(first, field.name), getattr(second, field.name)) for field in dataclasses.fields(first)
        )
    return bool(np.array_equal(first, second))


def test_there_are_augmentations() -> None:
    assert set(AUGMENTATIONS.names) >= {"equaliser", "noise-floor", "spec-mask", "warp"}


def test_it_is_a_frozen_spec_with_a_title(augmentation: Augmentation) -> None:
    assert dataclasses.is_dataclass(type(augmentation))
    assert augmentation == type(augmentation)()
    assert augmentation.title


@pytest.mark.parametrize("shape", SHAPES)
def test_shape_and_type_stay_and_values_are_finite(
    augmentation: Augmentation, rng: np.random.Generator, shape: tuple[int, int]
) -> None:
    for _ in range(DRAWS):
        features = log_mel_like(rng, shape)
        changed = augmentation.apply(features, augmentation.draw(rng, shape))
        assert changed.shape == shape
        assert changed.dtype == np.float32
        assert np.isfinite(changed).all()


def test_digital_silence_stays_finite(augmentation: Augmentation, rng: np.random.Generator) -> None:
    silence = np.full((30, 64), np.log(1e-10), np.float32)
    for _ in range(DRAWS):
        assert np.isfinite(augmentation.apply(silence, augmentation.draw(rng, (30, 64)))).all()


def test_the_argument_is_not_changed_nor_returned(
    augmentation: Augmentation, rng: np.random.Generator, features: Array
) -> None:
    before = features.copy()
    features.flags.writeable = False
    for _ in range(DRAWS):
        changed = augmentation.apply(features, augmentation.draw(rng, (200, 64)))
        assert not np.shares_memory(changed, features)
    np.testing.assert_array_equal(features, before)


def test_equal_parameters_give_equal_output(
    augmentation: Augmentation, rng: np.random.Generator, features: Array
) -> None:
    drawn = augmentation.draw(rng, (200, 64))
    np.testing.assert_array_equal(augmentation.apply(features, drawn), augmentation.apply(features, drawn))


def test_the_same_state_of_the_generator_gives_the_same_draw(augmentation: Augmentation) -> None:
    first, second = np.random.default_rng(5), np.random.default_rng(5)
    for _ in range(DRAWS):
        assert equal(augmentation.draw(first, (200, 64)), augmentation.draw(second, (200, 64)))
    assert first.bit_generator.state == second.bit_generator.state


def test_draws_differ_and_change_something(
    augmentation: Augmentation, rng: np.random.Generator, features: Array
) -> None:
    draws = [augmentation.draw(rng, (200, 64)) for _ in range(DRAWS)]
    assert not all(equal(drawn, draws[0]) for drawn in draws)
    results = [augmentation.apply(features, drawn) for drawn in draws]
    assert sum(not np.array_equal(changed, features) for changed in results) > DRAWS // 3


def test_drawing_uses_no_global_randomness(augmentation: Augmentation) -> None:
    np.random.seed(0)  # noqa: NPY002 - the state that must not matter
    first = augmentation.draw(np.random.default_rng(5), (200, 64))
    np.random.seed(1)  # noqa: NPY002
    assert equal(first, augmentation.draw(np.random.default_rng(5), (200, 64)))


def test_all_of_them_in_turn(rng: np.random.Generator, features: Array) -> None:
    chain = tuple(AUGMENTATIONS.get(name)() for name in AUGMENTATIONS.names)
    first = augment(features, chain, np.random.default_rng(3))
    expected, generator = features, np.random.default_rng(3)
    for augmentation in chain:
        expected = augmentation.apply(expected, augmentation.draw(generator, (200, 64)))
    np.testing.assert_array_equal(first, expected)
    assert augment(features, (), rng) is features
