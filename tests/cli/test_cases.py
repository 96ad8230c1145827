"""Inputs from public bug reports, through the command and the shipped model: the expected result of each of them."""

from __future__ import annotations

import json
import os
import shutil
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest
import soundfile

import emotone as package
from emotone.audio.read import read
from emotone.bundles.library import shipped_names

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif("default" not in shipped_names(), reason="no model is shipped"),
]

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


def test_every_file_has_an_expected_result(cases: Path) -> None:
    audio = {path.name for path in cases.iterdir() if path.suffix not in {".sh", ".py", ".md", ""}}
    assert audio - {"24_git_lfs_pointer.wav"} == set(FILES)


@pytest.mark.parametrize("name", WITH_MEDIA)
def test_without_ffmpeg_the_extra_is_named(
    emotone: Callable[..., Any], cases: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    result = emotone("predict", cases / name)
    assert (result.status, result.out) == (2, "")
    assert "emotone[media]" in result.err
    assert result.err.count("\n") == 1


def test_files_with_the_same_speech_have_the_same_label(emotone: Callable[..., Any], cases: Path) -> None:
    pytest.importorskip("av")
    names = [name for name, expected in FILES.items() if expected.duration == SPEECH]
    result = emotone("predict", *(cases / name for name in names), "--format", "jsonl", "--quiet")
    assert {line["clip"]["label"] for line in lines(result.out)} == {"anger"}


@pytest.mark.parametrize(("track", "speech"), [("0", False), ("1", True), ("all", True)])
def test_a_track_can_be_chosen(emotone: Callable[..., Any], cases: Path, track: str, speech: bool) -> None:
    pytest.importorskip("av")
    file = cases / "11_two_tracks_first_silent_second_default.mkv"
    result = emotone("predict", file, "--track", track, "--format", "json")
    assert json.loads(result.out)["clip"]["speech"] == speech


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


def test_the_same_name_in_two_folders_has_two_ids(emotone: Callable[..., Any], tree: Callable[[str], Path]) -> None:
    tree("a/x.wav")
    tree("b/x.wav")
    rows = emotone("predict", "a", "b", "--format", "rttm").out.splitlines()
    assert len({row.split()[1] for row in rows}) == 2


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


def test_git_lfs_pointers_are_reported_once(emotone: Callable[..., Any], cases: Path, tmp_path: Path) -> None:
    for name in ("a.wav", "b.wav", "c.wav"):
        shutil.copy(cases / "24_git_lfs_pointer.wav", tmp_path / name)
    result = emotone("predict", tmp_path, "--format", "jsonl")
    assert result.status == 2
    assert result.err.count("Git LFS pointer") == 1
    assert "3 files are Git LFS pointers, not the recordings; run 'git lfs install' and 'git lfs pull'" in result.err
    assert {line["error"]["code"] for line in lines(result.out)} == {"git_lfs_pointer"}
