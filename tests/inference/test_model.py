"""The Python interface: files, samples, many recordings; every way in gives the same numbers."""

from __future__ import annotations

import logging
import pickle
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import soundfile

import emotone
from emotone.audio.read import read
from emotone.errors import (
    BundleError,
    EmptyAudioError,
    MissingFileError,
    NotFiniteError,
    RateError,
    TooShortError,
    UnknownNameError,
    UsageError,
)
from emotone.inference.engine import analyse

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from emotone.audio.source import Recording
    from emotone.inference.model import Model


def assert_same(one: emotone.Prediction, other: emotone.Prediction, *, tolerance: float = 1e-5) -> None:
    assert [s.start for s in one.segments] == [s.start for s in other.segments]
    assert [s.speech for s in one.segments] == [s.speech for s in other.segments]
    np.testing.assert_allclose(matrix(one), matrix(other), atol=tolerance)


def matrix(prediction: emotone.Prediction) -> list[list[float]]:
    """Return the probabilities of the clip and all segments."""
    parts = [prediction.clip.probabilities, *(segment.probabilities for segment in prediction.segments)]
    return [list(part.values()) for part in parts]


@pytest.fixture
def folder(noise: NDArray[np.float32], tmp_path: Path) -> Path:
    for index, seconds in enumerate((1, 3, 4.5, 11)):
        soundfile.write(tmp_path / f"{index}.wav", noise[: round(seconds * 16000)], 16000, subtype="FLOAT")
    return tmp_path


def test_a_file_gives_what_its_samples_give(model: Model, folder: Path, noise: NDArray[np.float32]) -> None:
    from_file = model.predict(folder / "3.wav")
    from_samples = model.predict(noise[: 11 * 16000], rate=16000)
    assert_same(from_file, from_samples)
    assert (from_file.file, from_samples.file) == (str(folder / "3.wav"), None)
    assert (from_file.duration, from_file.rate) == (11.0, 16000)
    assert from_file.model.name == "tiny"
    assert model.labels == from_file.labels == ("anger", "happiness", "neutral", "sadness")


def test_alone_and_among_many(model: Model, folder: Path) -> None:
    paths = sorted(folder.glob("*.wav"))
    alone = [model.predict(path) for path in paths]
    many = list(model.predict_many(paths))
    assert [result.to_dict() for result in many] == [result.to_dict() for result in alone]


@pytest.mark.parametrize("dtype", ["int16", "int32", "float64", "float16"])
def test_samples_of_other_types(model: Model, noise: NDArray[np.float32], dtype: str) -> None:
    signal = np.clip(noise[:80000], -1, 1)
    scale = np.iinfo(dtype).max if dtype.startswith("int") else 1
    given = (signal.astype(float) * scale).astype(dtype)
    tolerance = {"int32": 1e-5, "float64": 1e-5}.get(dtype, 5e-3)
    assert_same(model.predict(given, rate=16000), model.predict(signal, rate=16000), tolerance=tolerance)


def test_channels(model: Model, noise: NDArray[np.float32]) -> None:
    left, right = noise[:64000], noise[64000:128000]
    both = np.stack([left, right])
    assert_same(model.predict(both, rate=16000, channel=1), model.predict(right, rate=16000))
    assert_same(model.predict(both, rate=16000), model.predict((left + right) / 2, rate=16000))
    with pytest.raises(RateError, match="channel 2 was requested, but there are 2 channels"):
        model.predict(both, rate=16000, channel=2)


def test_another_rate_is_resampled_the_same_way(model: Model, noise: NDArray[np.float32], tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", noise[: 5 * 8000], 8000, subtype="FLOAT")
    from_file = model.predict(str(tmp_path / "a.wav"))
    assert (from_file.rate, from_file.duration) == (8000, 5.0)
    assert_same(from_file, model.predict(noise[: 5 * 8000], rate=8000))


@pytest.mark.parametrize(
    ("samples", "options", "kind", "message"),
    [
        (np.ones(16000), {}, UsageError, r"samples \(numpy.ndarray\) need a sampling rate; pass it, e.g"),
        (np.ones(16000), {"rate": "16000"}, UsageError, "the rate '16000' was given; allowed: a number of hertz, e.g"),
        ([0.0] * 16000, {"rate": None}, UsageError, r"samples \(list\) need a sampling rate; pass it"),
        ((np.ones(16000), 16000), {}, UsageError, "pair of samples and rate was given as one argument; unpack it"),
        (None, {"rate": 16000}, UsageError, "a recording of type NoneType was given; allowed: a path, the bytes"),
        ({"a": 1}, {"rate": 16000}, UsageError, "a recording of type dict was given"),
        (np.array(["a.wav", "b.wav"]), {"rate": 16000}, UsageError, "contain values of type numpy.str_; .*pass a list"),
        ([[0.0, 1.0], [0.0]], {"rate": 16000}, UsageError, r"samples \(list\) can't be converted"),
        (".", {}, MissingFileError, r"^\.: is a folder; allowed: one recording; for its recordings, call predict_many"),
        (np.ones(16000), {"rate": 100}, RateError, "100 Hz"),
        (np.ones((2, 2, 2)), {"rate": 16000}, UsageError, "shape"),
        (np.ones(0), {"rate": 16000}, EmptyAudioError, "is empty"),
        (np.ones(1), {"rate": 16000}, TooShortError, "samples: too short to analyse"),
        (np.full(16000, np.nan), {"rate": 16000}, NotFiniteError, "nan"),
        (np.ones(16000, complex), {"rate": 16000}, UsageError, "type complex128 were given; allowed: float16"),
        ("a.wav", {"rate": 16000}, UsageError, "rate=16000 was given with a file"),
        (b"\0\0", {"rate": 8000}, UsageError, r"rate=8000 was given with bytes, .*; omit it, or .*frombuffer"),
        ([], {"rate": 8000}, EmptyAudioError, "is empty"),
        ("nowhere.wav", {}, MissingFileError, r"nowhere\.wav"),
        (np.ones(16000), {"rate": 16000, "channel": "left"}, UsageError, "allowed: 'mix' or a number"),
    ],
)
def test_bad_calls(model: Model, samples: Any, options: dict[str, Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        model.predict(samples, **options)


def test_a_series_is_samples_and_a_series_of_paths_is_refused(model: Model, noise: NDArray[np.float32]) -> None:
    pandas = pytest.importorskip("pandas")
    signal = noise[:48000]
    expected = model.predict(signal, rate=16000)
    assert model.predict(pandas.Series(signal), rate=16000) == expected
    table = pandas.DataFrame({"left": signal, "right": np.zeros_like(signal)})
    assert model.predict(table, rate=16000, channel=0).clip == expected.clip  # columns are channels
    with pytest.raises(UsageError, match=r"samples \(pandas\.\S*Series\) need a sampling rate"):
        model.predict(pandas.Series(signal))
    with pytest.raises(UsageError, match=r"contain values of type str; allowed: numbers; for paths, pass a list"):
        model.predict(pandas.Series(["a.wav", "b.wav"], dtype=object), rate=16000)


def test_a_tensor_is_samples(model: Model, noise: NDArray[np.float32]) -> None:
    torch = pytest.importorskip("torch")
    signal = noise[:48000]
    expected = model.predict(signal, rate=16000)
    tensor = torch.from_numpy(signal.copy())
    assert model.predict(tensor, rate=16000) == expected
    assert model.predict(tensor[None].requires_grad_(), rate=16000) == expected
    assert model.predict([tensor, tensor], rate=16000) == [expected, expected]  # a list of recordings, not channels
    with pytest.raises(UsageError, match=r"samples \(torch\.Tensor\) need a sampling rate"):
        model.predict(tensor)


def test_the_mix_of_samples_that_cancel_is_the_loudest_channel(model: Model, noise: NDArray[np.float32]) -> None:
    inverted = model.predict(np.stack([noise, -noise]), rate=16000)
    assert inverted.clip == model.predict(noise, rate=16000).clip
    assert "the channels cancel each other (inverted phase)" in inverted.notes[0]
    assert model.predict(np.stack([noise, noise]), rate=16000).notes == ()


def test_progress_reports_seconds_and_the_duration(model: Model, call: Path, noise: NDArray[np.float32]) -> None:
    reports: list[tuple[float, float | None]] = []

    def progress(done: float, total: float | None) -> None:
        reports.append((done, total))

    seconds = round(len(noise) / 16000, 3)
    for predict in (
        lambda: model.predict(call, progress=progress),
        lambda: model.predict(noise, rate=16000, progress=progress),
        lambda: model.predict_channels(call, progress=progress),
        lambda: model.attempt(call, progress=progress),
    ):
        reports.clear()
        predict()
        assert len(reports) >= 2
        assert [done for done, _ in reports] == sorted(done for done, _ in reports)
        assert reports[-1] == (seconds, seconds)
        assert all(total == seconds for _, total in reports)
    reports.clear()
    with call.open("rb") as stream:
        model.predict(stream, progress=progress)
    assert [total for _, total in reports] == [*[None] * (len(reports) - 1), seconds]


def test_the_log_prints_nothing_by_itself() -> None:
    assert any(isinstance(handler, logging.NullHandler) for handler in logging.getLogger("emotone").handlers)


def test_the_log_states_how_a_recording_was_read(
    model: Model, noise: NDArray[np.float32], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "inverted.wav"
    soundfile.write(path, np.stack([noise, -noise], axis=1), 8000, subtype="FLOAT")
    with caplog.at_level("DEBUG", logger="emotone"):
        model.predict(path)
    assert {record.name.partition(".")[0] for record in caplog.records} == {"emotone"}
    text = caplog.text
    assert f"{path}: decoded as wav/float, 8000 Hz, 2 channel(s), 1 track(s)" in text
    assert "the channels cancel each other" in text
    assert "utterances" in text


def test_failures_come_at_their_place_and_stop_nothing(model: Model, folder: Path) -> None:
    (folder / "bad.wav").write_bytes(b"no audio at all, but long enough to look at")
    paths = [folder / "0.wav", folder / "bad.wav", folder / "gone.wav", folder / "1.wav"]
    results = list(model.predict_many(paths))
    assert [type(result).__name__ for result in results] == ["Prediction", "Failure", "Failure", "Prediction"]
    assert [result.file for result in results] == [str(path) for path in paths]
    codes = [result.code for result in results if isinstance(result, emotone.Failure)]
    assert codes == ["not_audio", "missing_file"]


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (OSError(5, "Input/output error"), "missing_file", "cannot be read: Input/output error"),
        (MemoryError(), "memory", "not enough memory; use fewer workers"),
    ],
)
def test_what_the_system_refuses_is_a_failure(
    model: Model, monkeypatch: pytest.MonkeyPatch, error: Exception, code: str, message: str
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("emotone.audio.read.stream_with_rate", refuse)
    (result,) = model.attempt("a.wav")
    assert isinstance(result, emotone.Failure)
    assert result.code == code
    assert result.message == f"a.wav: {message}"


def test_a_temporary_name_is_not_shown(model: Model, tmp_path: Path) -> None:
    (result,) = model.attempt(tmp_path / "xyz", name="-")
    assert isinstance(result, emotone.Failure)
    assert result.file == "-"
    assert "standard input" in result.message
    assert "xyz" not in result.message


def test_no_workers_is_said_at_once(model: Model) -> None:
    with pytest.raises(UsageError, match="workers must be at least 1; given 0"):
        model.predict_many([], workers=0)


def test_a_broken_net_is_said_before_the_first_recording(
    make_bundle: Callable[..., Path], tmp_path: Path, onnx_model: Callable[..., bytes]
) -> None:
    from emotone.bundles import bundle as bundles

    broken = bundles.load_bundle(make_bundle(tmp_path / "m"))
    object.__setattr__(broken, "_model", b"nothing")
    with pytest.raises(BundleError, match="can't be opened"):
        emotone.Model(broken).predict_many(["a.wav"])


def test_the_package_has_it_all(tiny_bundle: Path, folder: Path) -> None:
    assert emotone.predict(folder / "0.wav", model=tiny_bundle).duration == 1.0
    (result,) = emotone.predict_many([folder / "0.wav"], model=tiny_bundle)
    assert isinstance(result, emotone.Prediction)
    assert {"load", "predict", "Prediction", "__version__"} <= set(dir(emotone))
    with pytest.raises(AttributeError, match="no attribute 'lode'"):
        emotone.lode  # noqa: B018
    with pytest.raises(UnknownNameError, match="unknown model 'nix'"):
        emotone.load("nix")


def test_importing_is_light() -> None:
    code = "import emotone, sys; print([m for m in ('numpy', 'torch', 'pandas', 'click', 'rich') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def test_predicting_needs_little(tiny_bundle: Path, folder: Path) -> None:
    code = (
        "import sys, emotone; emotone.predict(sys.argv[1], model=sys.argv[2]); "
        "print([m for m in ('torch', 'scipy', 'pandas', 'pyarrow', 'onnx', 'rich', 'click') if m in sys.modules])"
    )
    command = [sys.executable, "-c", code, str(folder / "0.wav"), str(tiny_bundle)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def test_real_speech_is_heard_as_speech(tiny_bundle: Path, shared: Path) -> None:
    model = emotone.load(tiny_bundle)
    paths = sorted((shared / "corpora" / "emodb" / "wav").glob("03a01*"))
    assert paths
    for path in paths:
        assert model.predict(path).clip.speech


def test_real_speech_in_any_pieces(tiny_bundle: Path, shared: Path, rng: np.random.Generator) -> None:
    model = emotone.load(tiny_bundle)
    for path in sorted((shared / "corpora" / "ami").glob("*.flac"))[:2]:
        whole = model.predict(path)
        signal, _ = read(path, rate=16000)
        found = analyse(model.bundle, np.split(signal, np.sort(rng.integers(0, len(signal), 40))))
        assert [(one.start, one.end) for one in found.utterances] == [(one.start, one.end) for one in whole.utterances]
        np.testing.assert_allclose(
            [list(one.probabilities.values()) for one in (found.clip, *found.segments)], matrix(whole), atol=1e-5
        )


@pytest.mark.parametrize("noise_level", [0.0, 1e-5])
def test_padding_real_recordings_keeps_their_labels(
    tiny_bundle: Path, shared: Path, rng: np.random.Generator, noise_level: float
) -> None:
    model = emotone.load(tiny_bundle)
    paths = sorted((shared / "corpora" / "emodb" / "wav").glob("*"))[::11]
    changed = 0
    for path in paths:
        signal, rate = read(path)
        padded = np.pad(signal, rate)
        padded += rng.normal(0, noise_level, len(padded)).astype(np.float32)
        changed += model.predict(padded, rate=rate).clip.label != model.predict(signal, rate=rate).clip.label
    assert changed <= 0.05 * len(paths)


def test_a_model_can_be_pickled_unless_its_files_change(
    model: Model, noise: NDArray[np.float32], tmp_path: Path
) -> None:
    again = pickle.loads(pickle.dumps(model))  # noqa: S301  (made here)
    assert again.bundle.sha256 == model.bundle.sha256
    assert repr(again) == repr(model) == "<Model tiny 0.1.0: anger, happiness, neutral, sadness>"
    copy = tmp_path / "copy"
    shutil.copytree(model.bundle.directory, copy)
    data = pickle.dumps(emotone.load(copy)).replace(model.bundle.sha256.encode(), b"0" * 64)
    with pytest.raises(BundleError, match="contains another model than the one that was pickled"):
        pickle.loads(data)  # noqa: S301


@pytest.fixture
def call(tmp_path: Path, noise: NDArray[np.float32]) -> Path:
    """A file with noise on the left channel and silence on the right one."""
    path = tmp_path / "call.wav"
    soundfile.write(path, np.stack([noise, np.zeros_like(noise)], axis=1), 16000, subtype="FLOAT")
    return path


def test_each_channel_has_a_prediction(model: Model, call: Path) -> None:
    left, right = model.predict_channels(call)
    assert [left.channel, right.channel] == [0, 1]
    assert (left.clip.speech, right.clip.speech) == (True, False)
    assert left == model.predict(call, channel=0)


def test_files_may_be_bytes_or_file_objects(model: Model, call: Path) -> None:
    expected = model.predict(call, name="call")
    data = call.read_bytes()
    with call.open("rb") as stream:
        for recording in (data, bytearray(data), stream):
            assert model.predict(recording, name="call") == expected


def test_a_list_of_recordings_gives_a_list_of_predictions(model: Model, call: Path, noise: NDArray[np.float32]) -> None:
    files: list[Recording] = [call, call.read_bytes()]
    both = model.predict(files)
    assert [one.clip for one in both] == [model.predict(call).clip] * 2
    arrays = model.predict([noise, noise[:16000]], rate=16000)
    assert [one.duration for one in arrays] == [round(len(noise) / 16000, 3), 1.0]
    assert model.predict(noise[:1600].tolist(), rate=16000).duration == 0.1  # numbers are samples
    assert model.predict([]) == []


def test_interleaved_samples_need_their_number_of_channels(model: Model, noise: NDArray[np.float32]) -> None:
    block = np.stack([noise, -noise], axis=1)
    with pytest.raises(RateError, match=r"looks like \[time, channels\]"):
        model.predict(block, rate=16000)
    assert model.predict(block, rate=16000, channels=2, channel=0).clip == model.predict(noise, rate=16000).clip


def test_notes_about_the_recording_are_in_the_prediction(
    model: Model, noise: NDArray[np.float32], tmp_path: Path
) -> None:
    path = tmp_path / "inverted.wav"
    soundfile.write(path, np.stack([noise, -noise], axis=1), 16000, subtype="FLOAT")
    prediction = model.predict(path)
    assert prediction.clip.speech
    assert "cancel" in prediction.notes[0]
    assert prediction.to_dict()["notes"] == list(prediction.notes)
