"""`emotone predict`: pictures, messages, the log, and summaries of long recordings."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import soundfile

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.usefixtures("shipped")


def test_nothing_moves_where_there_is_no_terminal(emotone: Callable[..., Any], calls: Path) -> None:
    assert emotone("predict", calls, "--format", "jsonl").err == ""


def test_a_plot(emotone: Callable[..., Any], calls: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    plotted = emotone("predict", calls / "a.wav", "--plot", tmp_path / "a.svg")
    assert plotted.status == 0
    assert plotted.out == emotone("predict", calls / "a.wav").out
    assert "</svg>" in (tmp_path / "a.svg").read_text()
    samples = np.random.default_rng(1).normal(0, 0.1, (16000, 2))
    soundfile.write(tmp_path / "call.wav", samples, 16000)
    each = emotone("predict", tmp_path / "call.wav", "--channel", "each", "--plot", tmp_path / "new" / "call.png")
    assert each.status == 0
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["call.channel-0.png", "call.channel-1.png"]


@pytest.mark.parametrize(
    ("path", "plot", "message"),
    [
        ("calls", "a.png", "--plot draws one recording; 3 were given"),
        ("calls/a.wav", "a.gif", "unknown suffix of a picture '.gif'"),
        ("calls/a.wav", "calls/a.wav/a.png", "calls/a.wav"),
    ],
)
def test_a_plot_that_can_not_be_drawn(
    emotone: Callable[..., Any], calls: Path, path: str, plot: str, message: str
) -> None:
    pytest.importorskip("matplotlib")
    result = emotone("predict", calls.parent / path, "--plot", calls.parent / plot)
    assert result.status == 2
    assert message in result.err


def test_a_plot_without_its_package_is_refused_before_any_work(
    emotone: Callable[..., Any], calls: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    result = emotone("predict", calls / "a.wav", "--plot", tmp_path / "a.png")
    assert (result.status, result.out) == (2, "")
    assert "pip install 'emotone[plot]'" in result.err


def test_a_kept_result_is_not_drawn_and_that_is_reported(
    emotone: Callable[..., Any], calls: Path, tmp_path: Path
) -> None:
    pytest.importorskip("matplotlib")
    arguments = ("predict", calls / "a.wav", "--out", tmp_path / "out", "--plot", tmp_path / "a.png")
    assert emotone(*arguments[:-2]).status == 0
    assert "--overwrite replaces the 1 existing result, and draws it" in emotone(*arguments).err
    assert not (tmp_path / "a.png").exists()
    assert emotone(*arguments, "--overwrite").status == 0
    assert (tmp_path / "a.png").exists()


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:%b\nsize 120000\n" % (b"a" * 64)


def test_pointers_and_pages_are_reported_once_for_many(emotone: Callable[..., Any], calls: Path) -> None:
    for number in range(5):
        (calls / f"pointer-{number}.wav").write_bytes(POINTER)
    for number in range(2):
        (calls / f"page-{number}.mp3").write_bytes(b"<!DOCTYPE html>\n<html><body>404</body></html>")
    (calls / "text.wav").write_bytes(b"this is a text and no recording at all\n")
    result = emotone("predict", calls, "--format", "jsonl")
    assert result.status == 1
    pages, pointers, other, last = result.err.splitlines()
    first = [calls / f"pointer-{number}.wav" for number in range(3)]
    assert pointers.startswith(
        "emotone: error: 5 files are Git LFS pointers, not the recordings; run 'git lfs install'"
    )
    assert pointers.endswith(f": {first[0]}, {first[1]}, {first[2]} and 2 more")
    assert pages.endswith(f"download them again: {calls / 'page-0.mp3'}, {calls / 'page-1.mp3'}")
    assert "text.wav" in other
    assert last == "emotone: 8 of 11 failed"
    assert result.out.count('"error"') == 8  # every file has its own failure in the results

    alone = emotone("predict", calls / "pointer-0.wav")
    assert alone.status == 2
    assert f"{first[0]}: is a Git LFS pointer, not the recording; run 'git lfs pull'" in alone.err


def test_verbose_prints_how_a_recording_was_read_and_the_log_is_closed_again(
    emotone: Callable[..., Any], calls: Path
) -> None:
    result = emotone("predict", calls / "a.wav", "--verbose")
    assert result.status == 0
    assert "emotone: model tiny 0.1.0 from " in result.err
    assert f"emotone: {calls / 'a.wav'}: decoded as wav/pcm_16, 16000 Hz, 1 channel(s), 1 track(s)" in result.err
    assert emotone("predict", calls / "a.wav").err == ""
    both = emotone("predict", calls / "a.wav", "--verbose", "--quiet")
    assert (both.status, both.out) == (2, "")
    assert "--quiet and --verbose were given; allowed: one of them" in both.err


def test_a_long_recording_has_a_summary_unless_all_utterances_are_requested(
    emotone: Callable[..., Any], tmp_path: Path
) -> None:
    turns, rate = soundfile.read(Path(__file__).parents[3] / "examples" / "conversation.flac")
    path = tmp_path / f"{30 * 'long-'}.wav"
    soundfile.write(path, np.tile(turns, 12), rate)
    summary = emotone("predict", path)
    assert summary.status == 0
    assert "utterances; the emotion changes" in summary.out
    assert len(summary.out.splitlines()) < 40
    everything = emotone("predict", path, "--all-utterances")
    assert len(everything.out.splitlines()) > 40
    assert "share of speech" not in everything.out
    for text in (summary.out, everything.out):
        assert str(path) in text.splitlines()[0]  # names are never truncated
