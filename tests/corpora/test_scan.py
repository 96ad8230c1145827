"""A corpus on disk: paths, content, duplicates, times and durations."""

from __future__ import annotations

import hashlib
import os
import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile

from emotone.corpora.base import CORPORA
from emotone.corpora.content import Overlap, content_hashes, measure, overlap, shared_recordings
from emotone.corpora.resolve import resolve
from emotone.corpora.scan import scan
from emotone.corpora.table import read_table
from emotone.corpora.table_rows import RecordingFinder, is_number, parse_seconds
from emotone.errors import AudioError, CorpusError
from emotone.types import Utterance

if TYPE_CHECKING:
    from pathlib import Path

    from tests.corpora.conftest import Write


# ----------------------------------------------------------------------------------------------------------------------
#

EMODB = CORPORA.get("emodb")


def touch(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def test_every_file_is_a_clip_or_listed(tmp_path: Path) -> None:
    touch(
        tmp_path, "wav/16a01Wb.wav", "wav/03a01Fa.WAV", "wav/other.wav", "clip.mp4", "readme.txt", "labels/03a01Fa.lab"
    )
    found = scan(EMODB, tmp_path)
    assert [(item.id, item.label, item.speaker, item.session) for item in found.utterances] == [
        ("03a01Fa", "happiness", "03", "03"),
        ("16a01Wb", "anger", "16", "16"),
    ]
    assert found.unrecognised == (tmp_path / "clip.mp4", tmp_path / "wav/other.wav")
    assert (found.name, found.root, found.problems) == ("emodb", tmp_path, ())


def test_hidden_files_and_archive_leftovers_are_no_recordings(tmp_path: Path) -> None:
    touch(tmp_path, "wav/03a01Fa.wav", "wav/._03a01Fa.wav", "__MACOSX/wav/16a01Wb.wav", ".trash/16a01Wb.wav")
    found = scan(EMODB, tmp_path)
    assert [item.id for item in found.utterances] == ["03a01Fa"]
    assert found.unrecognised == ()


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("a/03a01Fa.wav", "b/03a01Fa.wav"), "1 copy of a clip ignored"),
        (
            ("a/03a01Fa.flac", "a/03a01Fa.wav", "b/03a01Fa.wav"),
            "2 copies of clips ignored; the first: ",
        ),
    ],
)
def test_of_a_clip_in_two_layouts_one_is_used_and_the_other_reported(
    tmp_path: Path, names: tuple[str, ...], message: str
) -> None:
    found = scan(EMODB, touch(tmp_path, *names))
    assert [item.path for item in found.utterances] == [tmp_path / names[0]]
    assert found.repeated == tuple(tmp_path / name for name in names[1:])
    assert len(found.problems) == 1
    assert message in found.problems[0]


def test_links_are_followed_and_a_loop_is_walked_once(tmp_path: Path) -> None:
    touch(tmp_path / "elsewhere", "03a01Fa.wav")
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus/wav").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere/loop").symlink_to(tmp_path / "corpus")
    assert [item.id for item in scan(EMODB, tmp_path / "corpus").utterances] == ["03a01Fa"]


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="none does not exist"):
        scan(EMODB, tmp_path / "none")


def test_a_file_instead_of_a_folder(tmp_path: Path) -> None:
    touch(tmp_path, "03a01Fa.wav")
    with pytest.raises(CorpusError, match="is a file, not a folder"):
        scan(EMODB, tmp_path / "03a01Fa.wav")


def test_a_folder_that_can_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: object) -> object:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("os.scandir", refuse)
    with pytest.raises(CorpusError, match=r"can't read the folder .*: Permission denied"):
        scan(EMODB, tmp_path)


def test_a_sub_folder_that_can_not_be_read_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "wav/03a01Fa.wav", "locked/16a01Wb.wav")
    scandir = os.scandir

    def refuse(path: str) -> object:
        if path.endswith("locked"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr("os.scandir", refuse)
    found = scan(EMODB, tmp_path)
    assert [item.id for item in found.utterances] == ["03a01Fa"]
    assert found.problems == found.unreadable == (f"can't read the folder {tmp_path}/locked: Permission denied",)


# ----------------------------------------------------------------------------------------------------------------------
# Files of tables: found as written, with backslashes, in another case, and with a suggestion where none is found.


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "calls").mkdir()
    (tmp_path / "calls" / "One.wav").write_bytes(b"")
    return tmp_path


def test_a_file_is_found_as_written_with_backslashes_and_in_another_case(folder: Path) -> None:
    finder = RecordingFinder(folder)
    assert finder.find("calls/One.wav") == (folder / "calls" / "One.wav", "calls/One.wav")
    assert finder.find("calls\\One.wav") == (folder / "calls" / "One.wav", "calls/One.wav")
    assert finder.find("Calls/one.WAV")[0] == folder / "calls" / "One.wav"
    assert finder.find("./calls/../calls/one.wav")[0].resolve() == (folder / "calls" / "One.wav").resolve()


@pytest.mark.parametrize("file", ["calls/other.wav", "nothing/One.wav", "calls/One.wav/One.wav", "calls", "x\0y/a.wav"])
def test_what_is_no_file_is_refused(folder: Path, file: str) -> None:
    with pytest.raises(CorpusError, match="no such file"):
        RecordingFinder(folder).find(file)


# ----------------------------------------------------------------------------------------------------------------------
# Test recordings in training data are found by their samples.


def clip(path: Path, *, start: float = 0.0) -> Utterance:
    return Utterance(f"{path.name}-{start:g}", path.parent.name, path, start, None, "s", "s", "anger")


def test_copies_are_found_under_another_name_and_in_another_lossless_format(write: Write, tmp_path: Path) -> None:
    first, second = write("train/a.wav"), write("train/b.wav")
    samples, rate = soundfile.read(first)
    (tmp_path / "test").mkdir()
    soundfile.write(tmp_path / "test/renamed.flac", samples, rate)
    trained = content_hashes([clip(first), clip(second), clip(second, start=0.1)])
    assert len(trained) == 2
    test = [
        clip(tmp_path / "test/renamed.flac"),
        clip(tmp_path / "test/renamed.flac", start=0.2),
        clip(write("test/c.wav")),
    ]
    found = overlap(trained.values(), test)
    assert found == Overlap(("test/renamed.flac-0", "test/renamed.flac-0.2"), tested=3)
    assert found
    assert str(found).startswith("2 of 3 test clips occur in the training data")


def test_other_recordings_do_not_overlap(write: Write) -> None:
    found = overlap(content_hashes([clip(write("a.wav"))]).values(), [clip(write("b.wav"))])
    assert not found
    assert str(found) == "none of 1 test clips occurs in the training data"


def test_an_unreadable_recording_is_counted(write: Write, tmp_path: Path) -> None:
    (tmp_path / "bad.wav").write_bytes(b"not a recording")
    found = overlap(["0" * 16], [clip(tmp_path / "bad.wav"), clip(write("a.wav"))])
    assert found == Overlap((), tested=2, unreadable=1)


def test_known_hashes_are_used(tmp_path: Path) -> None:
    path = tmp_path / "absent.wav"
    assert overlap(["aa"], [clip(path)], hashes={path: "aa"}).keys == (clip(path).key,)


def test_progress_counts_recordings(write: Write) -> None:
    seen: list[tuple[int, int]] = []
    path = write("a.wav")
    content_hashes([clip(path), clip(path, start=0.1), clip(write("b.wav"))], progress=lambda *done: seen.append(done))
    assert seen == [(1, 2), (2, 2)]


# ----------------------------------------------------------------------------------------------------------------------
#


@pytest.fixture
def two(write: Write, tmp_path: Path) -> tuple[Path, Path]:
    """Two tables of three recordings each, of which two are the same."""
    for name in ("one/a.wav", "one/b.wav", "one/c.wav", "two/z.wav"):
        write(name)
    shutil.copy(tmp_path / "one/a.wav", tmp_path / "two/x.wav")
    rows = "file,label\na.wav,anger\nb.wav,fear\nc.wav,fear\n"
    (tmp_path / "one/t.csv").write_text(rows, "utf-8")
    (tmp_path / "two/t.csv").write_text("file,label\nx.wav,fear\nz.wav,fear\n../one/b.wav,fear\n", "utf-8")
    return tmp_path / "one/t.csv", tmp_path / "two/t.csv"


def test_equal_files_are_found_under_any_name(two: tuple[Path, Path]) -> None:
    scans = {name: read_table(path, name=name) for name, path in zip(("one", "two"), two, strict=True)}
    one, other = (path.parent for path in two)
    assert shared_recordings(scans) == {
        ("one", "two"): [(one / "a.wav", other / "x.wav"), (one / "b.wav", other / "../one/b.wav")]
    }


def test_copies_within_one_corpus_are_left_to_the_check(two: tuple[Path, Path]) -> None:
    shutil.copy(two[0].parent / "a.wav", two[0].parent / "c.wav")
    assert shared_recordings({"one": read_table(two[0], name="one")}) == {}


def test_empty_and_missing_files_are_equal_to_none(two: tuple[Path, Path]) -> None:
    scans = {name: read_table(path, name=name) for name, path in zip(("one", "two"), two, strict=True)}
    (two[0].parent / "b.wav").write_bytes(b"")
    (two[0].parent / "a.wav").unlink()
    assert shared_recordings(scans) == {}


def test_they_are_refused_together(two: tuple[Path, Path]) -> None:
    with pytest.raises(
        CorpusError,
        match=r"one and two contain the same 2 recordings, so no protocol can be speaker-independent; .*; the f",
    ):
        resolve([f"one={two[0]}", f"two={two[1]}"])
    two[1].write_text("file,label\nx.wav,fear\n", "utf-8")
    with pytest.raises(CorpusError, match="contain the same 1 recording, "):
        resolve([f"one={two[0]}", f"two={two[1]}"])


# ----------------------------------------------------------------------------------------------------------------------
#

RATE = 16000


def test_a_tone(write: Write) -> None:
    found = measure(write("a.wav", 0.5 * np.sin(2 * np.pi * 100 * np.arange(RATE) / RATE)))
    assert (found.rate, found.channels, found.seconds, found.clipped) == (RATE, 1, 1.0, 0.0)
    assert found.peak == pytest.approx(0.5, abs=1e-4)


def test_clipped_samples_have_a_neighbour_at_full_scale(write: Write) -> None:
    signal = np.zeros(1000)
    signal[[10, 100, 101, 500, 501, 502, 998, 999]] = [1, 1, -1, -1, -1, -1, 1, 1]
    assert measure(write("a.wav", signal)).clipped == pytest.approx(7 / 1000)  # the one at 10 is a peak


def test_the_hash_is_that_of_the_samples_whatever_the_file(write: Write, tmp_path: Path) -> None:
    path = write("a.wav")
    samples, rate = soundfile.read(path, dtype="float32")
    soundfile.write(tmp_path / "b.flac", samples, rate, subtype="PCM_16")
    expected = hashlib.sha256(samples.astype("<f4").tobytes()).hexdigest()
    assert measure(path).sha256 == measure(tmp_path / "b.flac").sha256 == expected
    assert path.read_bytes() != (tmp_path / "b.flac").read_bytes()


def test_a_long_recording_is_measured_in_pieces(write: Write) -> None:
    signal = np.zeros(RATE * 90)
    signal[RATE * 80] = 0.25
    found = measure(write("a.wav", signal))
    assert (found.seconds, found.peak) == (90.0, 0.25)


def test_what_is_no_recording(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"nothing")
    with pytest.raises(AudioError, match=r"a\.wav"):
        measure(tmp_path / "a.wav")


# ----------------------------------------------------------------------------------------------------------------------
# Times as tables of people and programs write them.


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("1.25", 1.25),
        ("1e1", 10.0),
        ("0 days 00:00:00", 0.0),
        ("0 days 00:00:01.500000", 1.5),
        ("0 days 00:00:02.380000000", 2.38),
        ("1 days 01:00:00", 90000.0),
        ("1 day, 1:00:00", 90000.0),
        ("2 days", 172800.0),
        ("1:02:03.5", 3723.5),
        ("00:01:01", 61.0),
        ("1:05", 65.0),
        ("", None),
        ("NaT", None),
        ("nan", None),
        ("<NA>", None),
    ],
)
def test_times_are_read(text: str, seconds: float | None) -> None:
    assert parse_seconds(text) == seconds


@pytest.mark.parametrize(
    "text", ["one", "-1", "inf", "-1 days +23:59:58", "1:2:3:4", "1:", ":5", "1 hour", "1.5s", "days"]
)
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_seconds(text)


@pytest.mark.parametrize(("text", "number"), [("1.5", True), ("1:05", False), ("NaT", False)])
def test_plain_numbers_are_not_clock_times(text: str, number: bool) -> None:
    assert is_number(text) is number
