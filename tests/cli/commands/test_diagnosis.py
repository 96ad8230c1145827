"""Commands that examine an installation, a recording or a model: `doctor`, `explain`, `stress`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import soundfile

from emotone.cli.commands import doctor

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("shipped")


# ----------------------------------------------------------------------------------------------------------------------
# `emotone doctor`: versions, missing packages with the command that installs them, and speed.


def test_a_healthy_installation(emotone: Callable[..., Any], shipped: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "REPEATS", 1)
    result = emotone("doctor")
    assert (result.status, result.err) == (0, "")
    for word in ("emotone 0.1.0", "onnxruntime", "Cache", "default      intact; a clip of 3 s"):
        assert word in result.out


def test_as_json(emotone: Callable[..., Any], shipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "REPEATS", 1)
    monkeypatch.setenv("EMOTONE_CACHE", str(tmp_path))
    (tmp_path / "a").write_bytes(bytes(1000))
    report = json.loads(emotone("doctor", "--json").out)
    assert report["cache"] == {"folder": str(tmp_path), "bytes": 1000}
    (model,) = report["models"]
    assert (model["name"], model["error"]) == ("default", None)
    assert set(model["milliseconds"]) == {"decode", "speech", "front_end", "net", "whole"}
    assert all(took >= 0 for took in model["milliseconds"].values())


def test_missing_packages_are_reported_with_the_command_that_installs_them(
    emotone: Callable[..., Any], shipped: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "REQUIRED", ("numpy", "no-such-package"))
    monkeypatch.setattr(doctor, "EXTRAS", {"media": ("reads films", ("numpy", "no-film-package"))})
    monkeypatch.setattr(doctor, "REPEATS", 1)
    result = emotone("doctor")
    assert result.status == 1
    assert "MISSING: pip install no-such-package" in result.out
    assert "reads films: missing no-film-package: pip install 'emotone[media]'" in result.out


def test_a_damaged_model_is_reported(emotone: Callable[..., Any], shipped: Path) -> None:
    (shipped / "default" / "CARD.md").write_text("other")
    result = emotone("doctor")
    assert result.status == 1
    assert "DAMAGED" in result.out
    assert "CARD.md was modified" in result.out


def test_without_models(emotone: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emotone.bundles.library.SHIPPED", tmp_path)
    result = emotone("doctor")
    assert result.status == 0
    assert "no models are shipped" in result.out


# ----------------------------------------------------------------------------------------------------------------------
# `emotone explain` as a user calls it: text, JSON, a picture, a part, no speech, and refusals.


COARSE = ("--moment", "0.6")  # few predictions


def test_text_and_a_picture(emotone: Callable[..., Any], calls: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    result = emotone("explain", calls / "a.wav", *COARSE, "--plot", tmp_path / "why.svg")
    assert result.status == 0, result.err
    first, _, head, *moments = result.out.splitlines()
    label = first.split(": ")[1].split()[0]
    assert first.startswith(f"{calls / 'a.wav'}, model tiny 0.1.0: {label} ")
    assert head == f"fall of the probability of {label} without each moment (x 100):"
    at = moments.index("without each band of frequencies:")
    assert 1 <= at <= 3
    assert moments[at + 1].split()[:3] == ["0", "250", "Hz"]
    assert "no check: it needs at least 6 moments" in moments[-1]
    assert f"{label} " in (tmp_path / "why.svg").read_text(encoding="utf-8")


def test_json_of_a_part_and_another_label(emotone: Callable[..., Any], calls: Path) -> None:
    part = ("--start", "1", "--end", "2", "--label", "sadness", "--json", "--quiet")
    result = emotone("explain", calls / "b.flac", *part, *COARSE)
    found = json.loads(result.out)
    assert found["label"] == "sadness"
    assert found["prediction"]["duration"] == 1.0
    assert len(found["bands"]) == 7


def test_no_speech_is_no_failure(emotone: Callable[..., Any], tmp_path: Path) -> None:
    soundfile.write(tmp_path / "silence.wav", np.zeros(16000), 16000)
    result = emotone("explain", tmp_path / "silence.wav")
    assert (result.status, result.err) == (0, "")
    assert result.out.endswith("model tiny 0.1.0: no speech, so there is no label to explain\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("missing.wav",), "missing.wav"),
        (("a.wav", "--channel", "each"), "--channel each was given; one channel can be explained"),
        (("a.wav", "--plot", "a.pdf"), "unknown suffix of a picture '.pdf'"),
        (("a.wav", "--label", "angr"), "unknown label 'angr'; did you mean 'anger'"),
        (("a.wav", "--moment", "0"), "moments of 0 s were requested"),
    ],
)
def test_refusals_of_explain(
    emotone: Callable[..., Any],
    calls: Path,
    arguments: tuple[str, ...],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(calls)
    result = emotone("explain", *arguments)
    assert (result.status, result.out) == (2, "")
    assert message in result.err


# ----------------------------------------------------------------------------------------------------------------------
# `emotone stress` as a user calls it: recordings, corpora, tables, files, the gate, and refusals.

ONE = ("--only", "silence/silence-1s-after")


@pytest.fixture
def table(calls: Path) -> Path:
    """The three recordings with labels and speakers, and one row without recording."""
    rows = ["file,label,speaker", "a.wav,anger,x", "b.flac,sadness,y", "deep/c.WAV,neutral,z", "gone.wav,anger,x"]
    (calls / "calls.csv").write_text("\n".join(rows) + "\n")
    return calls / "calls.csv"


def test_a_folder(emotone: Callable[..., Any], calls: Path) -> None:
    result = emotone("stress", "default", calls, *ONE)
    assert result.status == 0, result.err
    first, _, head, _, row, _, last = result.out.splitlines()
    assert first == "tiny 0.1.0: 3 recordings, unknown speakers; all values x 100"
    assert head.split()[:3] == ["setting", "labels", "changed"]
    assert row.split() == ["silence/silence-1s-after", "0.0", "-", "-", "2", "3", "ok"]
    assert last == "1 of 1 settings are within their bounds"
    assert "few recordings: with 3, one changed label is 33.3 %" in result.err


def test_a_corpus_with_labels_is_stored_and_drawn(emotone: Callable[..., Any], table: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    out = ("--out", tmp_path / "out", "--plot", tmp_path / "a.svg")
    result = emotone("stress", "default", "--corpus", f"calls={table}", *ONE, *out)
    assert result.status == 1, result.err  # a row is left out
    assert "3 recordings, 3 speakers, UAR unchanged " in result.out
    assert "gone.wav" in result.err
    stored = json.loads((tmp_path / "out/stress.json").read_text(encoding="utf-8"))
    assert stored["model"]["name"] == "tiny"
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"stress.json", "stress.csv", "outcomes.csv"}
    assert "silence-1s-after" in (tmp_path / "a.svg").read_text(encoding="utf-8")


def test_json_and_limit(emotone: Callable[..., Any], calls: Path) -> None:
    result = emotone("stress", "default", calls, *ONE, "--limit", "2", "--json", "--quiet")
    found = json.loads(result.out)
    assert (found["schema"], found["recordings"], len(found["scores"])) == ("emotone.stress/1", 2, 1)


def test_the_gate_fails_where_a_bound_is_exceeded(
    emotone: Callable[..., Any], calls: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert emotone("stress", "default", calls, *ONE, "--gate").status == 0
    monkeypatch.setattr("emotone.evaluation.stress_scores.StressScore.exceeded", property(lambda _: True))
    assert emotone("stress", "default", calls, *ONE).status == 0
    gated = emotone("stress", "default", calls, *ONE, "--gate")
    assert gated.status == 1
    assert gated.out.endswith("0 of 1 settings are within their bounds\n")


def test_without_recordings_the_examples_are_used(emotone: Callable[..., Any]) -> None:
    result = emotone("stress", "default", *ONE, "--only", "babble")
    assert result.status == 0, result.err
    assert "these are 4 synthetic examples, which prove very little" in result.err
    assert "not tested: babble needs 3 recordings of other speakers" in result.err


def test_what_is_left_out_is_reported(emotone: Callable[..., Any], calls: Path) -> None:
    (calls / "broken.wav").write_bytes(b"nothing")
    soundfile.write(calls / "silence.wav", np.zeros(16000), 16000)
    result = emotone("stress", "default", calls, calls / "missing.wav", *ONE)
    assert result.status == 1
    assert "left out: " in result.err
    assert "broken.wav" in result.err
    assert "missing.wav: no such file or folder" in result.err
    assert f"left out, no speech is found: recordings/{calls / 'silence.wav'}" in result.err
    assert "3 recordings" in result.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "no model given; name a shipped model or a folder"),
        (("defualt",), "unknown model 'defualt'; did you mean 'default'"),
        (("default", "--only", "gian"), "unknown perturbation 'gian'; did you mean 'gain'"),
        (("default", "missing.wav"), "no recordings to test"),
        (("default", "-"), "standard input can't be tested"),
        (("default", "a.wav", "--corpus", "calls=a.csv"), "both recordings and --corpus were given"),
        (("default", "--plot", "a.pdf"), "unknown suffix of a picture '.pdf'"),
    ],
)
def test_refusals_of_stress(emotone: Callable[..., Any], arguments: tuple[str, ...], message: str) -> None:
    result = emotone("stress", *arguments)
    assert (result.status, result.out) == (2, "")
    assert message in result.err


def test_no_speech_at_all(emotone: Callable[..., Any], tmp_path: Path) -> None:
    soundfile.write(tmp_path / "silence.wav", np.zeros(16000), 16000)
    result = emotone("stress", "default", tmp_path)
    assert result.status == 2
    assert "none of 1 recordings can be used; the first reason: no speech is found in" in result.err


def test_the_list_of_perturbations(emotone: Callable[..., Any]) -> None:
    result = emotone("stress", "--list")
    assert "telephone/mu-law" in result.out
    found = json.loads(emotone("stress", "--list", "--json", "--only", "white-noise/20-db").out)
    assert found == [{"perturbation": "white-noise", "setting": "20-db", "title": "white noise", "bound": 0.12}]
