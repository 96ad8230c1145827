"""`emotone predict`: pictures, messages and summaries, and inputs from public bug reports."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest
import soundfile

import emotone as package
from emotone.audio.read import read
from emotone.bundles.library import shipped_names

if TYPE_CHECKING:
    from collections.abc import Callable


# ----------------------------------------------------------------------------------------------------------------------
# `emotone predict`: pictures, messages, the log, and summaries of long recordings.


@pytest.mark.usefixtures("shipped")
def test_nothing_moves_where_there_is_no_terminal(emotone: Callable[..., Any], calls: Path) -> None:
    assert emotone("predict", calls, "--format", "jsonl").err == ""


@pytest.mark.usefixtures("shipped")
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


@pytest.mark.usefixtures("shipped")
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


@pytest.mark.usefixtures("shipped")
def test_a_plot_without_its_package_is_refused_before_any_work(
    emotone: Callable[..., Any], calls: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    result = emotone("predict", calls / "a.wav", "--plot", tmp_path / "a.png")
    assert (result.status, result.out) == (2, "")
    assert "pip install 'emotone[plot]'" in result.err


@pytest.mark.usefixtures("shipped")
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


@pytest.mark.usefixtures("shipped")
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


@pytest.mark.usefixtures("shipped")
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


@pytest.mark.usefixtures("shipped")
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


# ----------------------------------------------------------------------------------------------------------------------
# Inputs from public bug reports, through the command and the shipped model: the expected result of each of them.

FRAME = 0.13  # seconds: coders add up to two frames
SPEECH = 2.378  # seconds: duration of the recording that most files contain
CAF = "08_caf_piped_by_ffmpeg_size_minus_1.caf"  # readable without extras


class Expected(NamedTuple):
    """What a file gives.

    Attributes:
        duration: seconds, within `FRAME`.
        first: seconds: start of the first utterance, within 0.2.
        note: part of a note; None where there is none.
        media: whether FFmpeg is required.
        utterances: at least.

    """

    duration: float
    first: float = 0.3
    note: str | None = None
    media: bool = False
    utterances: int = 1


FILES = {
    "01_aac_adts_quiet_then_loud_refused_as_cut.aac": Expected(29.632, first=20.35, media=True, utterances=3),
    "02_aac_adts_behind_id3_hls_segment.aac": Expected(SPEECH, media=True),
    "03_mp3_two_files_concatenated_second_lost.mp3": Expected(7.1, note="2 streams, which were read one after another"),
    "04a_opus_chained_second_link_lost.opus": Expected(7.06, note="2 streams, which were read one after another"),
    "04b_vorbis_chained_second_link_lost.ogg": Expected(
        4.77, note="2 streams, which were read one after another", utterances=2
    ),
    "05a_opus_no_eos_flag_telegram_android.ogg": Expected(SPEECH),
    "05b_vorbis_no_eos_flag.ogg": Expected(SPEECH),
    "06a_flac_in_ogg.ogg": Expected(SPEECH, media=True),
    "06b_speex_in_ogg.ogg": Expected(SPEECH, media=True),
    "06c_m2ts_192_byte_packets.m2ts": Expected(SPEECH, media=True),
    "07_mp3_begins_mid_frame.mp3": Expected(4.65, first=0.03, note="not a complete MP3 frame"),
    CAF: Expected(SPEECH),
    "09_aiff_piped_by_sox_size_7f000008.aiff": Expected(SPEECH),
    "10a_video_sound_starts_at_5s.mp4": Expected(9.74, first=5.1, note="the sound starts at 4.9", media=True),
    "10b_video_sound_starts_at_5s.mkv": Expected(9.68, first=5.1, note="the sound starts at 4.9", media=True),
    "10c_gap_of_10s_in_timestamps.mka": Expected(
        14.8, note="gaps in the timestamps were filled with 10.00 s of silence", media=True, utterances=2
    ),
    "11_two_tracks_first_silent_second_default.mkv": Expected(
        SPEECH, note="has 2 audio tracks; track 1 was read (the default)", media=True
    ),
    "12_wav_extensible_24_bits_block_align_4.wav": Expected(SPEECH),
    "13_wav_64_bit_int_ends_the_batch.wav": Expected(SPEECH),
    "14_stereo_phase_inverted_said_no_speech.wav": Expected(SPEECH, note="the channels cancel each other"),
    "15_call_agent_left_customer_right_8k.wav": Expected(4.684, first=0.1),
    "22_mp3_last_frame_cut.mp3": Expected(4.75, first=0.16, note="the last MP3 frame is incomplete"),
    "23_wav_odd_list_chunk_without_pad.wav": Expected(SPEECH),
}
WITH_MEDIA = sorted(name for name, expected in FILES.items() if expected.media)


@pytest.fixture
def cases(shared: Path) -> Path:
    folder = shared / "cases"
    if not folder.is_dir():
        pytest.skip("no folder of cases")
    return folder


@pytest.fixture
def tree(cases: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Write a recording below a temporary folder, which is the current one."""
    if "default" not in shipped_names():
        pytest.skip("no model is shipped")
    monkeypatch.chdir(tmp_path)
    samples, rate = _samples(cases)

    def write(name: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, samples, rate)
        return path

    return write


def _samples(cases: Path) -> tuple[np.ndarray[Any, Any], int]:
    samples, rate = read(cases / CAF)
    return samples, rate


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.shared
@pytest.mark.parametrize("name", FILES)
def test_a_file_is_read_in_full(emotone: Callable[..., Any], cases: Path, name: str) -> None:
    expected = FILES[name]
    if expected.media:
        pytest.importorskip("av")
    result = emotone("predict", cases / name, "--format", "json")
    assert result.status == 0
    prediction = json.loads(result.out)
    assert prediction["duration"] == pytest.approx(expected.duration, abs=FRAME)
    assert prediction["clip"]["speech"]
    assert prediction["utterances"][0]["start"] == pytest.approx(expected.first, abs=0.2)
    assert len(prediction["utterances"]) >= expected.utterances
    notes = prediction.get("notes", [])
    assert len(notes) == (expected.note is not None)
    if expected.note is not None:
        assert expected.note in notes[0]
        assert expected.note in result.err  # the note is printed, too


@pytest.mark.shared
def test_every_file_has_an_expected_result(cases: Path) -> None:
    audio = {path.name for path in cases.iterdir() if path.suffix not in {".sh", ".py", ".md", ""}}
    assert audio - {"24_git_lfs_pointer.wav"} == set(FILES)


@pytest.mark.shared
@pytest.mark.parametrize("name", WITH_MEDIA)
def test_without_ffmpeg_the_extra_is_named(
    emotone: Callable[..., Any], cases: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    result = emotone("predict", cases / name)
    assert (result.status, result.out) == (2, "")
    assert "emotone[media]" in result.err
    assert result.err.count("\n") == 1


@pytest.mark.shared
def test_files_with_the_same_speech_have_the_same_label(emotone: Callable[..., Any], cases: Path) -> None:
    pytest.importorskip("av")
    names = [name for name, expected in FILES.items() if expected.duration == SPEECH]
    result = emotone("predict", *(cases / name for name in names), "--format", "jsonl", "--quiet")
    assert {line["clip"]["label"] for line in lines(result.out)} == {"anger"}


@pytest.mark.shared
@pytest.mark.parametrize(("track", "speech"), [("0", False), ("1", True), ("all", True)])
def test_a_track_can_be_chosen(emotone: Callable[..., Any], cases: Path, track: str, speech: bool) -> None:
    pytest.importorskip("av")
    file = cases / "11_two_tracks_first_silent_second_default.mkv"
    result = emotone("predict", file, "--track", track, "--format", "json")
    assert json.loads(result.out)["clip"]["speech"] == speech


@pytest.mark.shared
def test_a_file_of_an_unusual_type_does_not_end_the_batch(emotone: Callable[..., Any], cases: Path) -> None:
    names = (
        CAF,
        "13_wav_64_bit_int_ends_the_batch.wav",
        "24_git_lfs_pointer.wav",
        "09_aiff_piped_by_sox_size_7f000008.aiff",
    )
    result = emotone("predict", *(cases / name for name in names), "--format", "jsonl")
    assert result.status == 1
    assert [line.get("error", {}).get("code") for line in lines(result.out)] == [None, None, "git_lfs_pointer", None]


@pytest.mark.shared
def test_each_side_of_a_call_has_a_result_in_every_format(emotone: Callable[..., Any], cases: Path) -> None:
    file = cases / "15_call_agent_left_customer_right_8k.wav"
    objects = lines(emotone("predict", file, "--channel", "each", "--format", "jsonl").out)
    assert [(one["channel"], one["rate"]) for one in objects] == [(0, 8000), (1, 8000)]
    assert [one["utterances"][0]["start"] for one in objects] == pytest.approx([0.3, 0.1], abs=0.2)
    table = emotone("predict", file, "--channel", "each", "--format", "csv").out.splitlines()
    assert {row.removeprefix(f"{file},").partition(",")[0] for row in table[1:]} == {"0", "1"}
    rttm = emotone("predict", file, "--channel", "each", "--format", "rttm").out.splitlines()
    assert {row.split()[2] for row in rttm} == {"1", "2"}
    text = emotone("predict", file, "--channel", "each").out
    assert "channel 0" in text
    assert "channel 1" in text


@pytest.mark.shared
def test_linked_folders_are_read_once_and_loops_end(emotone: Callable[..., Any], tree: Callable[[str], Path]) -> None:
    store = tree("store/one.wav").parent
    top = tree("tree/a.wav").parent
    locked = tree("tree/locked/b.wav").parent
    (top / "linked").symlink_to(store)
    (top / "loop").symlink_to(".")
    locked.chmod(0)
    try:
        readable = os.access(locked, os.R_OK)  # the administrator may read everything
        results = [emotone("predict", argument, "--format", "jsonl") for argument in ("tree", "tree/**/*.wav")]
    finally:
        locked.chmod(0o700)
    for result in results:
        found = {line["file"] for line in lines(result.out) if "error" not in line}
        failed = {line["file"] for line in lines(result.out) if "error" in line}
        assert found == {"tree/a.wav", "tree/linked/one.wav", *(["tree/locked/b.wav"] if readable else [])}
        assert failed == (set() if readable else {"tree/locked"})
        assert result.status == (0 if readable else 1)


@pytest.mark.shared
def test_a_long_name_gives_a_result_with_a_shortened_name(
    emotone: Callable[..., Any], tree: Callable[[str], Path]
) -> None:
    tree("long/a.wav")
    tree(f"long/{83 * '日'}.wav")
    assert emotone("predict", "long", "--format", "textgrid", "--out", "out").status == 0
    names = sorted(os.listdir("out"))  # noqa: PTH208  (the current folder is temporary)
    assert names[0] == "a.TextGrid"
    assert names[1].startswith("日日")
    assert len(names) == 2
    assert len(os.fsencode(names[1])) < 255


@pytest.mark.shared
def test_the_same_name_in_two_folders_has_two_ids(emotone: Callable[..., Any], tree: Callable[[str], Path]) -> None:
    tree("a/x.wav")
    tree("b/x.wav")
    rows = emotone("predict", "a", "b", "--format", "rttm").out.splitlines()
    assert len({row.split()[1] for row in rows}) == 2


@pytest.mark.shared
def test_pieces_of_a_session_are_right_or_refused(cases: Path) -> None:
    model = package.load("default")
    samples, rate = _samples(cases)
    whole = (samples * 32767).astype("<i2")

    def events(piece: Any, **options: Any) -> list[Any]:
        with model.session(rate=rate, **options) as session:
            return [*session.push(piece), *session.end()]

    expected = events(whole)
    assert [event.type for event in expected][:1] == ["utterance.start"]
    assert events(whole.astype(">i2")) == expected
    assert events(whole.tobytes(), encoding="s16le") == expected
    for content in (whole.tobytes(), bytearray(whole.tobytes())):
        with pytest.raises(package.EmotoneError, match=r"sample format is unknown.*encoding='s16le'"):
            events(content)
    with pytest.raises(package.EmotoneError, match="transpose it, or pass channels=2"):
        events(np.repeat(whole[:16, None], 2, axis=1))
    assert events(np.repeat(whole[:, None], 2, axis=1), channels=2) == expected


@pytest.mark.shared
def test_git_lfs_pointers_are_reported_once(emotone: Callable[..., Any], cases: Path, tmp_path: Path) -> None:
    for name in ("a.wav", "b.wav", "c.wav"):
        shutil.copy(cases / "24_git_lfs_pointer.wav", tmp_path / name)
    result = emotone("predict", tmp_path, "--format", "jsonl")
    assert result.status == 2
    assert result.err.count("Git LFS pointer") == 1
    assert "3 files are Git LFS pointers, not the recordings; run 'git lfs install' and 'git lfs pull'" in result.err
    assert {line["error"]["code"] for line in lines(result.out)} == {"git_lfs_pointer"}
