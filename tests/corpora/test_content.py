"""Test recordings in training data are found by their samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

import soundfile

from emotone.corpora.content import Overlap, content_hashes, overlap
from emotone.types import Utterance

if TYPE_CHECKING:
    from pathlib import Path

    from tests.corpora.conftest import Write


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
