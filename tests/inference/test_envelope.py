"""The envelope: exact maxima and energies, for any division into blocks, in bounded memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from emotone.inference.buffers import LIMIT, Envelope, EnvelopeMeter

if TYPE_CHECKING:
    from numpy.typing import NDArray


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
