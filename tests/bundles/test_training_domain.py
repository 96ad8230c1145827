"""The region of the training data: distances by definition, shares of nearer recordings, and the temperature."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from emotone.bundles.training_domain import RANGE, TrainingDomain
from emotone.errors import UsageError


@pytest.fixture
def domain() -> TrainingDomain:
    """Two corpora that vary along the first of four values only."""
    return TrainingDomain(
        centres=np.array([[0, 0, 0, 0], [0, 0, 10, 0]], np.float32),
        spread=np.array([1, 1, 2, 1], np.float32),
        directions=np.array([[1, 0, 0, 0]], np.float16),
        distances=np.array([0.25, 0.5, 1.0, 2.0, 4.0], np.float32),
        slope=0.5,
    )


@pytest.mark.parametrize(
    ("embedding", "distance"),
    [
        ([0, 0, 0, 0], 0.0),
        ([99, 0, 0, 0], 0.0),  # along the direction in which the training data vary
        ([0, 2, 0, 0], 1.0),  # 2 ** 2 / 4 values
        ([0, 0, 4, 0], 1.0),  # two spreads from the first centre
        ([5, 0, 8, 2], 1.25),  # one spread of 2 from the second centre, and 2 spreads of 1
    ],
)
def test_the_distance_is_the_residual_from_the_nearest_centre(
    domain: TrainingDomain, embedding: list[float], distance: float
) -> None:
    np.testing.assert_allclose(domain.distance(np.array([embedding], np.float32)), [distance])


@pytest.mark.parametrize(("value", "share"), [(0, 0.0), (1, 0.0), (2, 0.5), (2 * 2**0.5, 0.75), (9, 1.0)])
def test_novelty_is_the_share_of_training_recordings_that_are_nearer(
    domain: TrainingDomain, value: float, share: float
) -> None:
    np.testing.assert_allclose(domain.novelty(np.array([[0, value, 0, 0]], np.float32)), [share], atol=1e-6)


def test_the_temperature_grows_with_the_distance_within_bounds(domain: TrainingDomain) -> None:
    embeddings = np.array([[0, 2, 0, 0], [0, 4, 0, 0], [0, 0, 0, 0], [0, 99, 0, 0]], np.float32)
    np.testing.assert_allclose(domain.temperature_factors(embeddings), [1.0, 2.0, *RANGE])
    flat = replace(domain, slope=0.0)
    np.testing.assert_array_equal(flat.temperature_factors(embeddings), np.ones(4))


def test_an_adapted_domain_is_around_the_recordings_of_the_user(domain: TrainingDomain) -> None:
    adapted = domain.adapted(np.array([0.0, 6, 0, 0]), np.array([1.0, 2, 1, 1]))
    np.testing.assert_allclose(adapted.distance(np.array([[0, 6, 0, 0], [0, 10, 0, 0]], np.float32)), [0.0, 1.0])


def test_shares_need_measured_distances(domain: TrainingDomain) -> None:
    unmeasured = replace(domain, distances=np.zeros(0, np.float32))
    with pytest.raises(UsageError, match="distances of left-out recordings were not measured"):
        unmeasured.novelty(np.zeros((1, 4), np.float32))
    np.testing.assert_array_equal(unmeasured.temperature_factors(np.zeros((2, 4), np.float32)), [1, 1])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"centres": np.zeros((1, 3), np.float32)}, r"centres have shape \[1, 3\]; needed: \[1 or more, 4\]"),
        ({"directions": np.zeros((0, 4), np.float16)}, r"directions have shape \[0, 4\]"),
        ({"spread": np.array([1, 1, 0, 1], np.float32)}, "spreads and distances must be above 0"),
        ({"distances": np.array([2, 1], np.float32)}, "distances ascending"),
        ({"slope": float("nan")}, "not all finite"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(domain: TrainingDomain, changes: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        replace(domain, **changes)  # type: ignore[arg-type]
