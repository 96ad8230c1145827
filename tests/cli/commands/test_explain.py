"""`emotone explain` as a user calls it: text, JSON, a picture, a part, no speech, and refusals."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import soundfile

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("shipped")
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
def test_refusals(
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
