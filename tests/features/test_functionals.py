"""Functionals: fingerprints, and simple ones with known values."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import soundfile
import soxr

from emotone.corpora.datasets.ravdess import CORPUS as RAVDESS
from emotone.corpora.scan import scan
from emotone.errors import ConfigError, RunError, UnknownNameError
from emotone.features.functionals.cues import ConcatenatedFunctionals, Duration, Loudness, SpeakerIdentity, SpectralTilt
from emotone.features.functionals.fingerprint import NEAR_DUPLICATE, Fingerprint, fingerprints
from emotone.features.spectra import frames, power_spectra
from emotone.protocols import audit
from emotone.types import Array, Fold, Utterance

if TYPE_CHECKING:
    from collections.abc import Callable


# ----------------------------------------------------------------------------------------------------------------------
# Fingerprints: copies of a recording are near each other, other recordings are far apart.

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


# ----------------------------------------------------------------------------------------------------------------------
# Length, level, spectrum and identity: values known analytically.


def tone(hertz: float, *, seconds: float = 2.0, peak: float = 0.5) -> Array:
    signal: Array = (peak * np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)
    return signal


def named(spec: Loudness | SpectralTilt, signal: Array) -> dict[str, float]:
    return dict(zip(spec.names, spec.compute(signal).tolist(), strict=True))


def clip(name: str, speaker: str) -> Utterance:
    return Utterance(name, "toy", Path(name), 0.0, None, speaker, speaker, "anger")


def test_frames_are_whole_and_short_signals_padded() -> None:
    np.testing.assert_array_equal(frames(np.arange(5, dtype=np.float32), window=3, hop=2), [[0, 1, 2], [2, 3, 4]])
    np.testing.assert_array_equal(frames(np.ones(2, np.float32), window=3, hop=2), [[1, 1, 0]])


@pytest.mark.parametrize("window", [64, 65])
def test_power_spectra_of_a_tone_sum_to_its_mean_square(window: int) -> None:
    powers = power_spectra(tone(2000.0), window=window, hop=32)
    np.testing.assert_allclose(powers.sum(axis=1), 0.125, rtol=1e-3)


@pytest.mark.parametrize("seconds", [0.25, 1.0, 7.5])
def test_duration_is_that_of_the_signal(seconds: float) -> None:
    vector = Duration().compute(np.zeros(round(seconds * RATE), np.float32))
    np.testing.assert_allclose(vector, [seconds, np.log(seconds)], rtol=1e-6)


def test_no_sample_counts_as_one() -> None:
    np.testing.assert_array_equal(
        Duration().compute(np.zeros(0, np.float32)), Duration().compute(np.zeros(1, np.float32))
    )


def test_a_tone_has_the_level_of_its_mean_square() -> None:
    found = named(Loudness(), tone(1000.0))
    assert found["level"] == pytest.approx(10 * np.log10(0.125), abs=0.01)
    assert found["active level"] == pytest.approx(found["level"], abs=0.01)
    assert found["peak"] == pytest.approx(20 * np.log10(0.5), abs=0.01)
    assert found["active spread"] == pytest.approx(0.0, abs=0.01)
    assert found["range"] == pytest.approx(0.0, abs=0.01)


def test_half_silence_halves_the_level_and_not_the_active_one() -> None:
    found = named(Loudness(), np.concatenate([tone(1000.0), np.zeros(2 * RATE, np.float32)]))
    assert found["level"] == pytest.approx(10 * np.log10(0.0625), abs=0.01)
    assert found["active level"] == pytest.approx(10 * np.log10(0.125), abs=0.05)
    assert found["range"] == pytest.approx(100 + 10 * np.log10(0.125), abs=0.05)


def test_two_levels_spread_by_half_their_distance() -> None:
    found = named(Loudness(), np.concatenate([tone(1000.0), 0.1 * tone(1000.0)]))
    assert found["active spread"] == pytest.approx(10.0, abs=0.1)
    assert found["range"] == pytest.approx(20.0, abs=0.1)


def test_silence_is_at_the_lowest_level() -> None:
    np.testing.assert_array_equal(Loudness().compute(np.zeros(RATE, np.float32)), [-100, -100, -100, 0, 0])


def test_a_gain_moves_levels_and_floor_but_no_spectrum(rng: np.random.Generator) -> None:
    signal = rng.normal(0, 0.1, 2 * RATE).astype(np.float32)
    loud, soft = named(SpectralTilt(), signal), named(SpectralTilt(), 0.1 * signal)
    for name, value in loud.items():
        assert value - soft[name] == pytest.approx(20.0 if name.startswith("floor") else 0.0, abs=0.01), name
    assert named(Loudness(), signal)["level"] - named(Loudness(), 0.1 * signal)["level"] == pytest.approx(20, abs=0.01)


def test_white_noise_rises_by_the_width_of_the_bands(rng: np.random.Generator) -> None:
    found = named(SpectralTilt(), rng.normal(0, 0.1, 20 * RATE).astype(np.float32))
    assert found["tilt"] == pytest.approx(10 * np.log10(2), abs=0.4)  # twice the width, twice the power


def test_a_steady_tone_fills_its_band_and_its_floor() -> None:
    found = named(SpectralTilt(), tone(1000.0))
    spectrum = {name: value for name, value in found.items() if name.startswith("spectrum")}
    assert max(spectrum, key=lambda name: spectrum[name]) == "spectrum 943 Hz"
    assert found["floor 943 Hz"] == pytest.approx(10 * np.log10(0.125), abs=0.1)


def test_the_floor_is_the_level_in_pauses(rng: np.random.Generator) -> None:
    noise = rng.normal(0, 1e-3, 4 * RATE).astype(np.float32)
    spoken = noise.copy()
    spoken[: 3 * RATE] += 100 * rng.normal(0, 1e-3, 3 * RATE).astype(np.float32)
    before, after = named(SpectralTilt(), noise), named(SpectralTilt(), spoken)
    raised = [after[name] - before[name] for name in before if name.startswith("floor")]
    assert max(map(abs, raised)) < 6  # of the 40 dB between them


def test_joined_is_the_concatenation(rng: np.random.Generator) -> None:
    signal = rng.normal(0, 0.1, RATE).astype(np.float32)
    spec = ConcatenatedFunctionals(members=("duration", "loudness"))
    assert spec.names[:3] == ("duration: seconds", "duration: log seconds", "loudness: level")
    expected = np.concatenate([Duration().compute(signal), Loudness().compute(signal)])
    np.testing.assert_array_equal(spec.compute(signal), expected)
    assert spec.rate == RATE


def test_joined_stores_its_members_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = ConcatenatedFunctionals(members=("duration", "loudness"))
    assert spec.versions == (1, 1)
    assert ConcatenatedFunctionals(members=spec.members, versions=spec.versions) == spec
    monkeypatch.setattr(Loudness, "version", 2)
    assert ConcatenatedFunctionals(members=spec.members).versions == (1, 2)
    with pytest.raises(
        ConfigError,
        match=r"versions \[1, 1\] of \['duration', 'loudness'\] are not available; the present ones are \[1, 2\]",
    ):
        ConcatenatedFunctionals(members=spec.members, versions=spec.versions)


@pytest.mark.parametrize("members", [(), ("duration",), ("duration", "duration"), ("duration", "joined")])
def test_joined_needs_several_different_members(members: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError, match="members must be at least two different functionals; given"):
        ConcatenatedFunctionals(members=members)


def test_members_that_cannot_be_joined_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnknownNameError, match="unknown functionals 'loudnes'; did you mean 'loudness'"):
        ConcatenatedFunctionals(members=("duration", "loudnes"))
    with pytest.raises(
        ConfigError, match=r"must be computed from the signal; given \['duration', 'speaker-identity'\]"
    ):
        ConcatenatedFunctionals(members=("duration", "speaker-identity"))
    monkeypatch.setattr(Loudness, "rate", 8000)
    with pytest.raises(ConfigError, match=r"the same sampling rate; given \{'duration': 16000, 'loudness': 8000\}"):
        ConcatenatedFunctionals(members=("duration", "loudness"))


def test_identity_is_one_hot_in_any_order() -> None:
    clips = [clip("a", "s2"), clip("b", "s1"), clip("c", "s2")]
    found = SpeakerIdentity().of(clips)
    np.testing.assert_array_equal([found[each.key] for each in clips], [[0, 1], [1, 0], [0, 1]])
    again = SpeakerIdentity().of(clips[::-1])
    assert all((again[key] == vector).all() for key, vector in found.items())


def test_identity_needs_speakers() -> None:
    with pytest.raises(RunError, match=r"1 utterances have no speaker \(first: toy/b\)"):
        SpeakerIdentity().of([clip("a", "s1"), clip("b", "")])
