"""All functionals: one finite vector for any recording, or an error with the reason."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emotone.errors import AudioError, TooShortError
from emotone.features.base import FUNCTIONALS, Functionals, MetadataFunctionals
from emotone.types import Utterance

METADATA = tuple(name for name in FUNCTIONALS.names if hasattr(FUNCTIONALS.get(name), "of"))
COMPUTED = tuple(name for name in FUNCTIONALS.names if name not in METADATA)
DEMANDING = {"fingerprint", "opensmile"}  # these refuse short signals; all others accept any


def signals(rate: int) -> dict[str, Any]:
    rng = np.random.default_rng(1)
    return {
        "silence": np.zeros(rate, np.float32),
        "constant": np.full(rate, 0.5, np.float32),
        "square at full scale": np.sign(np.sin(np.arange(rate) * 0.1)).astype(np.float32),
        "nothing": np.zeros(0, np.float32),
        "one sample": np.array([0.3], np.float32),
        "0.2 s": rng.normal(0, 0.1, rate // 5).astype(np.float32),
        "noise": rng.normal(0, 0.1, rate).astype(np.float32),
        "far above full scale": (1e4 * rng.normal(0, 1, rate)).astype(np.float32),
        "denormal": np.full(rate, 1e-40, np.float32),
    }


@pytest.fixture(params=COMPUTED)
def functionals(request: pytest.FixtureRequest) -> Functionals:
    if request.param == "opensmile":
        pytest.importorskip("opensmile", reason="the extra 'baselines' is not installed")
    spec = FUNCTIONALS.get(request.param)()
    assert isinstance(spec, Functionals)
    return spec


@pytest.fixture(params=METADATA)
def metadata(request: pytest.FixtureRequest) -> MetadataFunctionals:
    spec = FUNCTIONALS.get(request.param)()
    assert isinstance(spec, MetadataFunctionals)
    return spec


def test_there_are_functionals() -> None:
    assert {"duration", "fingerprint", "joined", "loudness", "opensmile", "spectral-tilt"} <= set(COMPUTED)
    assert set(METADATA) >= {"speaker-identity"}


@pytest.mark.parametrize("name", FUNCTIONALS.names)
def test_it_is_a_frozen_spec_with_a_version(name: str) -> None:
    spec: Any = FUNCTIONALS.get(name)()
    assert dataclasses.is_dataclass(FUNCTIONALS.get(name))
    assert spec == type(spec)()
    assert hash(spec) == hash(type(spec)())
    assert spec.version >= 1


@pytest.mark.parametrize("name", signals(16000))
def test_every_signal_gives_one_finite_vector(functionals: Functionals, name: str) -> None:
    signal = signals(functionals.rate)[name]
    try:
        vector = functionals.compute(signal)
    except AudioError:
        refuses = type(functionals).__module__.rpartition(".")[2] in DEMANDING
        assert refuses, "only demanding functionals may refuse"
        return
    assert vector.shape == (len(functionals.names),)
    assert vector.dtype == np.float32
    assert np.isfinite(vector).all()


def test_names_differ(functionals: Functionals) -> None:
    assert len(set(functionals.names)) == len(functionals.names) > 0
    assert all(functionals.names)


def test_the_same_signal_gives_the_same_vector(functionals: Functionals) -> None:
    signal = signals(functionals.rate)["noise"]
    first = functionals.compute(signal)
    np.testing.assert_array_equal(functionals.compute(signal), first)
    np.testing.assert_array_equal(type(functionals)().compute(signal.copy()), first)


def test_the_argument_is_not_changed(functionals: Functionals) -> None:
    signal = signals(functionals.rate)["noise"]
    before = signal.copy()
    signal.flags.writeable = False
    functionals.compute(signal)
    np.testing.assert_array_equal(signal, before)


def test_a_too_short_signal_is_refused_with_its_length() -> None:
    with pytest.raises(TooShortError, match=r"too short for a fingerprint: 0\.200 s; it needs 0\.5 s"):
        FUNCTIONALS.get("fingerprint")().compute(np.zeros(3200, np.float32))  # type: ignore[union-attr]


def test_metadata_values_exist_for_every_utterance_and_ignore_its_label(metadata: MetadataFunctionals) -> None:
    clips = [
        Utterance(name, "toy", Path(name), 0.0, None, speaker, speaker, label)
        for name, speaker, label in (("a", "s1", "anger"), ("b", "s2", "anger"), ("c", "s1", "fear"))
    ]
    found = metadata.of(clips)
    assert set(found) == {"toy/a", "toy/b", "toy/c"}
    assert len({vector.shape for vector in found.values()}) == 1
    assert {vector.dtype for vector in found.values()} == {np.dtype(np.float32)}
    others = metadata.of([dataclasses.replace(clip, label="joy") for clip in clips])
    assert all((others[key] == vector).all() for key, vector in found.items())
