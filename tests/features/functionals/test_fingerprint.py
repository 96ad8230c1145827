"""Fingerprints: copies of a recording are near each other, other recordings are far apart."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import soundfile
import soxr

from emotone.corpora.datasets.ravdess import CORPUS as RAVDESS
from emotone.corpora.scan import scan
from emotone.features.functionals.fingerprint import NEAR_DUPLICATE, Fingerprint, fingerprints
from emotone.protocols import audit
from emotone.types import Fold, Utterance

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

RATE = 16000


def coded(signal: Any, kind: str, subtype: str) -> Any:
    stream = io.BytesIO()
    soundfile.write(stream, signal, RATE, format=kind, subtype=subtype)
    stream.seek(0)
    return soundfile.read(stream, dtype="float32")[0]


def telephone(signal: Any) -> Any:
    return soxr.resample(soxr.resample(signal, RATE, 8000), 8000, RATE)


def noisy(signal: Any) -> Any:
    noise = np.random.default_rng(3).normal(0, 1, len(signal))
    return (signal + noise * np.sqrt((signal**2).mean() * 10**-3)).astype(np.float32)  # 30 dB below


COPIES: dict[str, Callable[[Any], Any]] = {
    "FLAC": lambda signal: coded(signal, "FLAC", "PCM_16"),
    "Vorbis": lambda signal: coded(signal, "OGG", "VORBIS"),
    "MP3": lambda signal: coded(signal, "MP3", "MPEG_LAYER_III"),
    "20 dB softer, 16 bit": lambda signal: np.round(signal * 3276.8).astype(np.float32) / 32768,
    "telephone": telephone,
    "noise": noisy,
    "polarity": lambda signal: -signal,
    "50 ms cut at both ends": lambda signal: signal[800:-800],
    "13 ms cut": lambda signal: signal[208:],
    "silence around it": lambda signal: np.pad(signal, (8000, 4000)),
    "all of it": lambda signal: coded(noisy(-0.2 * telephone(signal)[480:-700]), "OGG", "VORBIS"),
}


@pytest.fixture(scope="module")
def taken(speech: Callable[..., Any]) -> Any:
    return speech(3.0)


@pytest.mark.parametrize("change", COPIES)
def test_a_copy_is_a_near_duplicate(taken: Any, change: str) -> None:
    spec = Fingerprint()
    assert spec.compute(taken) @ spec.compute(COPIES[change](taken)) > NEAR_DUPLICATE


@pytest.mark.parametrize("faster", [0.9, 1.1])
def test_the_same_words_at_another_pace_are_no_near_duplicate(taken: Any, faster: float) -> None:
    spec = Fingerprint()
    other = soxr.resample(taken, RATE, RATE / faster)
    assert spec.compute(taken) @ spec.compute(other) < NEAR_DUPLICATE - 0.05


def test_other_words_are_far_away(taken: Any, speech: Callable[..., Any]) -> None:
    spec = Fingerprint()
    assert spec.compute(taken) @ spec.compute(speech(7.0)[4 * RATE :]) < 0.7


def test_every_fingerprint_has_length_1(taken: Any) -> None:
    for signal in (taken, np.zeros(RATE, np.float32), np.full(RATE, 0.5, np.float32)):
        assert np.linalg.norm(Fingerprint().compute(signal)) == pytest.approx(1.0, abs=1e-6)


def test_silent_recordings_have_one_fingerprint() -> None:
    first, second = (Fingerprint().compute(np.zeros(length, np.float32)) for length in (RATE, 3 * RATE))
    np.testing.assert_array_equal(first, second)


def test_the_audit_finds_copies_by_them(taken: Any, speech: Callable[..., Any], tmp_path: Path) -> None:
    sounds = {"a": taken, "b": speech(3.0, seed=5), "copy": 0.3 * taken[500:], "short": taken[:4000]}
    clips = []
    for name, signal in sounds.items():
        soundfile.write(tmp_path / f"{name}.wav", signal, RATE, subtype="PCM_16")
        clips.append(Utterance(name, "toy", tmp_path / f"{name}.wav", 0.0, None, name, name, "anger"))
    reported: list[int] = []
    found = fingerprints(clips, progress=reported.append)
    assert set(found) == {"toy/a", "toy/b", "toy/copy"}  # the short one has none
    assert sum(reported) == 4
    fold = Fold("1", train=("toy/a", "toy/b"), dev=(), test=("toy/copy", "toy/short"))
    shared = audit(fold, clips, fingerprints=found, near_duplicate=NEAR_DUPLICATE)["near-duplicates"]
    assert [item.split(" (")[0] for item in shared.items] == ["toy/copy ~ toy/a"]


@pytest.mark.shared
def test_takes_of_one_actor_are_distinguished_and_the_known_copy_is_found(shared: Path) -> None:
    """Actor 07 of RAVDESS has two files of one sound; all others are two sentences, spoken twice in each emotion."""
    clips = [clip for clip in scan(RAVDESS, shared / "corpora" / "ravdess").utterances if clip.speaker.endswith("07")]
    if not clips:
        pytest.skip("no RAVDESS in the folder of real recordings")
    found = fingerprints(clips)
    keys = sorted(found)
    cosines = np.stack([found[key] for key in keys])
    near = np.argwhere(np.triu(cosines @ cosines.T > NEAR_DUPLICATE, 1))
    assert [(keys[one].rpartition("/")[2], keys[two].rpartition("/")[2]) for one, two in near] == [
        ("03-01-03-01-02-01-07", "03-01-03-01-02-02-07")
    ]
