"""Means of every layer of published networks, with random weights of their shapes."""

from __future__ import annotations

import numpy as np
import pytest
from tests.toy import one_thread

from emotone.errors import SourceError
from emotone.fitting.layer_means import LayerMeans, ProbedSource, probed_source
from emotone.transfer.locate import converted_path
from emotone.transfer.source import SOURCES
from emotone.transfer.weights import SourceWeights, write_weights

__all__ = ["one_thread"]
pytestmark = pytest.mark.usefixtures("one_thread")


def random_weights(name: str) -> ProbedSource:
    """Write random weights where a source's own are looked for, and return the source."""
    source, rng = SOURCES.get(name), np.random.default_rng(0)
    tensors = {
        each: np.abs(rng.normal(0, 0.05, shape)).astype(np.float32) if shape else np.zeros((), np.int64)
        for each, shape in source.shapes.items()
    }
    write_weights(converted_path(name), SourceWeights(name, tensors, "0" * 64, source.licence))
    return probed_source(name)


@pytest.mark.parametrize(
    ("name", "first", "last", "layers"),
    [
        ("letter-gru", ("norm1", 200), ("norm2", 200), 2),
        ("letter-convolution", ("conv1", 100), ("norm2", 200), 3),
        ("mn04", ("conv1", 8), ("embedding", 512), 7),
        ("yamnet", ("layer1", 32), ("embedding", 1024), 8),
    ],
)
def test_every_layer_has_a_mean(name: str, first: tuple[str, int], last: tuple[str, int], layers: int) -> None:
    source = random_weights(name)
    assert len(source.sizes) == layers
    assert next(iter(source.sizes.items())) == first
    assert list(source.sizes.items())[-1] == last
    spec = LayerMeans(name, source.sha256)
    noise = np.random.default_rng(1).normal(0, 0.1, 3 * spec.rate // 2).astype(np.float32)
    values = spec.compute(noise)
    assert values.shape == (sum(source.sizes.values()),)
    assert np.isfinite(values).all()
    parts = source.split(np.stack([values, 2 * values]))
    assert parts[last[0]].shape == (2, last[1])
    np.testing.assert_array_equal(np.concatenate(list(parts.values()), axis=1)[0], values)
    np.testing.assert_array_equal(spec.compute(noise), values)


def test_a_source_needs_its_weights() -> None:
    with pytest.raises(SourceError, match="weights of mn04 are not on this machine"):
        probed_source("mn04")
