"""`emotone predict`: every way to name a recording, every bad input, every way out."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import soundfile

from emotone.cli.outputs import result_paths, wants_colour
from emotone.errors import UsageError
from emotone.inference.inputs import RecordingPath, collect
from emotone.inference.result import Failure

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.usefixtures("shipped")


def wav(samples: np.ndarray[Any, Any], *, rate: int = 16000, subtype: str | None = None) -> bytes:
    import io

    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format="WAV", subtype=subtype)
    return buffer.getvalue()


def with_samples(*values: float) -> bytes:
    """Return a WAV file of one second in 32-bit floats that ends in these."""
    samples = np.full(16000, 0.1, np.float32)
    data = bytearray(wav(samples, subtype="FLOAT"))
    data[-4 * len(values) :] = struct.pack(f"<{len(values)}f", *values)
    return bytes(data)


GOOD = wav(np.full(16000, 0.1))
BAD_FILES = {
    "text": (b"this is a text and no recording at all\n" * 10, "not_audio"),
    "random": (bytes(np.random.default_rng(0).integers(0, 256, 4000, dtype=np.uint8)), "not_audio"),
    "empty": (b"", "empty"),
    "header": (GOOD[:44], "empty"),
    "no-samples": (wav(np.zeros(0)), "empty"),
    "cut": (GOOD[: len(GOOD) // 2], "truncated"),
    "nan": (with_samples(float("nan")), "not_finite"),
    "infinite": (with_samples(float("inf"), 0.0), "not_finite"),
    "one-sample": (wav(np.array([0.5])), "too_short"),
    "20-ms": (wav(np.full(320, 0.1)), "too_short"),
    "slow": (wav(np.full(3000, 0.1), rate=1000), "rate"),
    "fast": (wav(np.full(3000, 0.1), rate=384000), "rate"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_alone_is_one_line_and_status_2(emotone: Callable[..., Any], tmp_path: Path, name: str) -> None:
    data, code = BAD_FILES[name]
    path = tmp_path / f"{name}.wav"
    path.write_bytes(data)
    result = emotone("predict", path)
    assert (result.status, result.out) == (2, "")
    assert result.err.startswith(f"emotone: error: {path}: ")
    assert result.err.count("\n") == 1
    as_json = emotone("predict", path, "--format", "json")
    assert as_json.status == 2
    error = json.loads(as_json.out)["error"]
    assert error["code"] == code
    assert error["message"] in as_json.err


def test_bad_files_never_stop_the_rest(emotone: Callable[..., Any], calls: Path) -> None:
    for name, (data, _) in BAD_FILES.items():
        (calls / f"{name}.wav").write_bytes(data)
    result = emotone("predict", calls, calls / "gone.wav", "--format", "jsonl")
    assert result.status == 1
    lines = [json.loads(line) for line in result.out.splitlines()]
    failed = {Path(line["file"]).stem: line["error"]["code"] for line in lines if "error" in line}
    assert failed == {**{name: code for name, (_, code) in BAD_FILES.items()}, "gone": "missing_file"}
    assert len(lines) == len(failed) + 3
    assert result.err.count("emotone: error: ") == len(failed)
    assert result.err.endswith(f"emotone: {len(failed)} of {len(lines)} failed\n")


@pytest.mark.parametrize("samples", [np.zeros(16000), np.full(48000, 1e-5), np.full(4000, 0.5)])
def test_silence_is_said_and_not_guessed(emotone: Callable[..., Any], tmp_path: Path, samples: Any) -> None:
    soundfile.write(tmp_path / "a.wav", samples, 16000)
    result = emotone("predict", tmp_path / "a.wav", "--format", "json")
    assert result.status == 0
    clip = json.loads(result.out)["clip"]
    assert (clip["speech"], clip["label"], set(clip["probabilities"].values())) == (False, None, {0.25})
    assert "no speech" in emotone("predict", tmp_path / "a.wav").out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.wav"], "nowhere.wav: no such file or folder"),
        (["none*.wav"], "none*.wav: no recording matches this pattern"),
        (["empty"], "empty: contains no recordings by their suffixes (.wav, .flac, .mp3 ..."),
        (["calls", "--model", "defualt"], "unknown model 'defualt'; did you mean 'default'? Allowed: default"),
        (["calls", "--model", "./calls"], "calls is not the folder of a model: it contains no bundle.toml"),
        (["calls", "--model", "./nix"], "nix is not the folder of a model: no such folder"),
        (["calls", "--format", "jsn"], "unknown format 'jsn'; did you mean 'json'? Allowed: audacity, audformat, csv"),
        (["calls", "--channel", "left"], "'left' was given; allowed: a number from 0, mix, or each"),
        (["calls", "--channel", "-1"], "'-1' was given; allowed: a number from 0, mix, or each"),
        (["calls", "--workers", "0"], "0 is not in the range"),
        (["calls", "--out", "file"], "cannot write to file: "),
        (["calls", "--out", "file/deep"], "cannot write to file/deep: "),
        (
            ["calls/a.wav", "other/a.wav", "--out", "o"],
            "calls/a.wav and other/a.wav would both be written to a.txt",
        ),
        (["-"], "standard input: ended without a byte"),
    ],
)
def test_nothing_could_be_done(
    emotone: Callable[..., Any],
    calls: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(calls.parent)
    Path("empty").mkdir()
    Path("file").touch()
    Path("other").mkdir()
    Path("other/a.wav").touch()
    result = emotone("predict", *arguments)
    assert (result.status, result.out) == (2, "")
    assert message in result.err
    assert result.err.startswith("emotone: error: ")
    assert result.err.count("\n") == 1


def test_a_bundle_with_one_byte_changed(emotone: Callable[..., Any], calls: Path, shipped: Path) -> None:
    path = shipped / "default" / "model.onnx"
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    path.write_bytes(data)
    result = emotone("predict", calls)
    assert (result.status, result.out) == (2, "")
    assert f"{path} was modified after it was written" in result.err


def test_a_channel_that_is_not_there_fails_that_recording(emotone: Callable[..., Any], calls: Path) -> None:
    soundfile.write(calls / "stereo.wav", np.full((16000, 2), 0.1), 16000)
    result = emotone("predict", calls, "--channel", "1", "--format", "jsonl")
    assert result.status == 1
    lines = [json.loads(line) for line in result.out.splitlines()]
    assert [Path(line["file"]).name for line in lines if "error" not in line] == ["stereo.wav"]


def test_folder_pattern_and_names_give_the_same(
    emotone: Callable[..., Any], calls: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(calls)
    by_folder = emotone("predict", ".", "--format", "jsonl")
    by_name = emotone("predict", "./a.wav", "./b.flac", "./deep/c.WAV", "--format", "jsonl")
    by_workers = emotone("predict", ".", "--format", "jsonl", "--workers", 2)
    assert by_folder.status == by_name.status == by_workers.status == 0
    assert by_folder.out == by_name.out == by_workers.out
    assert by_folder.out.count("\n") == 3
    by_pattern = emotone("predict", "**/*.[wW][aA][vV]", "b.flac", "--format", "jsonl")
    names = [json.loads(line)["file"] for line in by_pattern.out.splitlines()]
    assert names == ["a.wav", "deep/c.WAV", "b.flac"]


def test_standard_input(emotone: Callable[..., Any], calls: Path) -> None:
    data = (calls / "a.wav").read_bytes()
    piped = json.loads(emotone("predict", "-", "--format", "json", stdin=data).out)
    named = json.loads(emotone("predict", calls / "a.wav", "--format", "json").out)
    assert piped.pop("file") == "-"
    del named["file"]
    assert piped == named
    both = emotone("predict", "-", calls / "a.wav", "--format", "jsonl", "--workers", 2, stdin=b"no audio")
    assert both.status == 1
    assert json.loads(both.out.splitlines()[0])["error"]["code"] == "not_audio"
    assert "emotone: error: standard input: " in both.err


def test_standard_input_that_is_a_terminal_is_refused(
    emotone: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emotone.cli.commands.predict.sys", SimpleNamespace(stdin=SimpleNamespace(isatty=lambda: True)))
    result = emotone("predict", "-")
    assert (result.status, result.out) == (2, "")
    assert "which is a terminal; pipe a recording into it" in result.err


def test_json_is_an_object_for_one_file_and_an_array_otherwise(emotone: Callable[..., Any], calls: Path) -> None:
    assert isinstance(json.loads(emotone("predict", calls / "a.wav", "--format", "json").out), dict)
    assert len(json.loads(emotone("predict", calls, "--format", "json").out)) == 3
    assert len(json.loads(emotone("predict", calls / "deep", "--format", "json").out)) == 1
    assert len(json.loads(emotone("predict", calls / "deep" / "*", "--format", "json").out)) == 1


def test_a_format_for_one_recording_needs_a_file_for_each(
    emotone: Callable[..., Any], calls: Path, tmp_path: Path
) -> None:
    assert emotone("predict", calls / "a.wav", "--format", "webvtt").out.startswith("WEBVTT\n")
    several = emotone("predict", calls, "--format", "textgrid")
    assert (several.status, several.out) == (2, "")
    assert "this format holds one recording; for several use --out DIR" in several.err
    assert emotone("predict", calls, "--format", "textgrid", "--out", tmp_path / "out").status == 0
    assert sorted(path.suffix for path in (tmp_path / "out").rglob("*.*")) == [".TextGrid"] * 3
    assert emotone("predict", calls, "--format", "rttm").status == 0


def test_text_is_the_default_and_plain_in_a_pipe(
    emotone: Callable[..., Any], calls: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = emotone("predict", calls / "a.wav")
    assert plain.status == 0
    assert "whole recording" in plain.out
    assert "\x1b" not in plain.out
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[" in emotone("predict", calls / "a.wav").out
    monkeypatch.setenv("NO_COLOR", "1")
    assert emotone("predict", calls / "a.wav").out == plain.out


def test_parquet_goes_to_a_file_of_the_shell(calls: Path, tiny_bundle: Path, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    command = [sys.executable, "-m", "emotone", "predict", calls, "--format", "parquet", "--model", tiny_bundle]
    with (tmp_path / "all.parquet").open("wb") as stream:
        subprocess.run([str(part) for part in command], check=True, stdout=stream)
    assert parquet.read_table(tmp_path / "all.parquet").num_rows >= 3


def test_results_in_a_folder(emotone: Callable[..., Any], calls: Path, tmp_path: Path) -> None:
    out = tmp_path / "results"
    first = emotone("predict", calls, "--format", "json", "--out", out)
    assert (first.status, first.out) == (0, "")
    assert first.err == f"emotone: 3 results written to {out}\n"
    names = sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file())
    assert names == ["a.json", "b.json", "deep/c.json"]
    assert json.loads((out / "a.json").read_text())["file"] == str(calls / "a.wav")

    (out / "a.json").write_text("mine")
    (out / "b.json").unlink()
    again = emotone("predict", calls, "--format", "json", "--out", out)
    assert again.status == 0
    assert "1 result written" in again.err
    assert "2 existing kept" in again.err
    assert "--overwrite replaces the 2 existing results" in again.err
    assert (out / "a.json").read_text() == "mine"

    over = emotone("predict", calls, "--format", "json", "--out", out, "--overwrite", "--quiet")
    assert (over.status, over.err) == (0, "")
    assert json.loads((out / "a.json").read_text())["file"] == str(calls / "a.wav")


def test_failures_in_a_folder_of_results(emotone: Callable[..., Any], calls: Path, tmp_path: Path) -> None:
    (calls / "failures.wav").write_bytes(b"")
    out = tmp_path / "results"
    result = emotone("predict", calls, "--format", "jsonl", "--out", out)
    assert result.status == 1
    (failure,) = (out / "failures.jsonl").read_text().splitlines()
    assert json.loads(failure)["error"]["code"] == "empty"
    (calls / "failures.wav").write_bytes(GOOD)
    assert emotone("predict", calls, "--format", "jsonl", "--out", out).status == 0
    assert not (out / "failures.jsonl").exists()
    assert (out / "failures.wav.jsonl").exists()


def test_a_result_that_can_not_be_written_fails(emotone: Callable[..., Any], calls: Path, tmp_path: Path) -> None:
    out = tmp_path / "results"
    out.mkdir()
    (out / "deep").touch()
    result = emotone("predict", calls, "--format", "json", "--out", out, "--overwrite")
    assert result.status == 1
    assert "can't write" in result.err
    assert json.loads((out / "failures.jsonl").read_text())["error"]["code"] == "output"


def test_a_missing_extra_is_said_before_any_work(
    emotone: Callable[..., Any], calls: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    result = emotone("predict", calls, "--format", "parquet", "--out", tmp_path / "results")
    assert result.status == 2
    assert "pip install 'emotone[parquet]'" in result.err


def test_names_of_results() -> None:
    def paths(*names: str) -> list[str]:
        recordings = [RecordingPath(f"in/{name}", Path(name)) for name in names]
        return [str(path) for path in result_paths(recordings, suffix=".json").values()]

    assert paths("a.wav", "b/a.wav", "a.mp3") == ["a.json", "b/a.json", "a.mp3.json"]
    assert paths("call.2024", "call.2025", "x.tar.wav") == ["call.2024.json", "call.2025.json", "x.tar.json"]
    with pytest.raises(UsageError, match=r"x/a\.wav and y/a\.wav would both be written to a.json"):
        result_paths([RecordingPath(f"{name}/a.wav", Path("a.wav")) for name in ("x", "y")], suffix=".json")


def test_what_arguments_mean(calls: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(calls.parent)
    (calls / "[odd].wav").write_bytes(GOOD)

    def names(*arguments: str) -> list[str]:
        return [item.file if isinstance(item, Failure) else item.path for item in collect(arguments).items]

    assert names("calls/deep", "calls/a.wav", "./calls/a.wav") == ["calls/deep/c.WAV", "calls/a.wav"]
    assert names("calls/[odd].wav") == ["calls/[odd].wav"]
    assert names("calls/notes.txt") == ["calls/notes.txt"]
    assert names("call?") == ["calls/[odd].wav", "calls/a.wav", "calls/b.flac", "calls/deep/c.WAV"]
    assert names("calls/**") == [
        "calls/[odd].wav",
        "calls/a.wav",
        "calls/b.flac",
        "calls/deep/c.WAV",
    ]
    relative = [str(item.relative) for item in collect(["c*/d*"]).items if isinstance(item, RecordingPath)]
    assert relative == ["calls/deep/c.WAV"]
    assert [collect(list(case)).single for case in (["-"], ["calls"], ["c*"], ["calls/a.wav"], ["-", "x"])] == [
        True,
        False,
        False,
        True,
        False,
    ]


@pytest.mark.parametrize(
    ("environment", "terminal", "wanted"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"NO_COLOR": "1"}, True, False),
        ({"NO_COLOR": ""}, True, True),
        ({"FORCE_COLOR": "1"}, False, True),
        ({"TERM": "dumb"}, True, False),
    ],
)
def test_when_colour_is_wanted(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], terminal: bool, wanted: bool
) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    stream: Any = SimpleNamespace(isatty=lambda: terminal)
    assert wants_colour(stream) == wanted


def test_each_channel_has_a_file_in_a_folder(emotone: Callable[..., Any], tmp_path: Path) -> None:
    samples = np.random.default_rng(1).normal(0, 0.1, (16000, 2))
    soundfile.write(tmp_path / "call.wav", samples, 16000)
    out = tmp_path / "results"
    arguments = ("predict", tmp_path / "call.wav", "--channel", "each", "--format", "json", "--out", out)
    assert emotone(*arguments).status == 0
    assert sorted(path.name for path in out.iterdir()) == ["call.channel-0.json", "call.channel-1.json"]
    assert json.loads((out / "call.channel-1.json").read_text())["channel"] == 1
    assert "1 existing kept" in emotone(*arguments).err


def test_a_name_that_is_too_long_is_shortened_with_a_hash() -> None:
    name = 80 * "żó" + ".wav"
    paths = [RecordingPath(f"in/{name}", Path(name)), RecordingPath(f"in/x{name}", Path(f"x{name}"))]
    results = [path.name for path in result_paths(paths, suffix=".labels.txt").values()]
    assert len(set(results)) == 2
    assert all(len(result.encode()) <= 220 and result.endswith(".labels.txt") for result in results)


@pytest.mark.parametrize("rows", ["utterances", "segments", "clips"])
def test_rows_of_a_table(emotone: Callable[..., Any], calls: Path, rows: str) -> None:
    done = emotone("predict", calls / "a.wav", "--format", "csv", "--rows", rows)
    assert len(done.out.splitlines()) == 2


def test_audformat_of_each_channel_needs_a_folder(emotone: Callable[..., Any], tmp_path: Path) -> None:
    result = emotone("predict", tmp_path / "stereo.wav", "--format", "audformat", "--channel", "each")
    assert (result.status, result.out) == (2, "")
    assert (
        "an audformat database has one result per file, and --channel each gives several; add --out DIR" in result.err
    )
