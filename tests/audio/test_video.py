"""Images of videos: those shown at equal distances in time, upright, whatever the rate of frames."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.videos import write_video

from emotone.audio.video import read_images
from emotone.errors import MissingExtraError, NotAudioError, TruncatedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SILENCE = np.zeros(16000, np.float32)


def grey(level: int) -> Any:
    return np.full((48, 64, 3), level, np.uint8)


def levels(images: tuple[Any, ...]) -> list[int]:
    """Return the mean of each image, rounded to tens: the codec changes values a little."""
    return [round(float(image.mean()), -1) for image in images]  # type: ignore[misc]


def test_an_image_is_that_of_the_last_frame_before_its_time(tmp_path: Path) -> None:
    # Frames at irregular times; images are wanted at 0.25, 0.75 and 1.25 s.
    path = write_video(
        tmp_path / "a.mkv", [grey(40), grey(80), grey(120), grey(160), grey(200)], [0.0, 0.2, 0.9, 1.2, 1.3]
    )
    found = read_images(path, every=0.5)
    assert levels(found.images)[:3] == [80, 80, 160]
    assert found.images[0].shape == (48, 64, 3)
    assert found.notes == ()


def test_the_first_image_is_shown_before_its_time_too(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mkv", [grey(40), grey(80)], [0.6, 0.8], sound=SILENCE)
    assert levels(read_images(path, every=0.4).images)[:2] == [40, 40]


def test_sound_alone_has_no_images(tmp_path: Path) -> None:
    assert read_images(write_video(tmp_path / "a.mkv", [], [], sound=SILENCE), every=0.5).images == ()


def test_a_stated_rotation_is_applied(tmp_path: Path) -> None:
    image = grey(40)
    image[:24] = 200  # bright at the top
    path = write_video(tmp_path / "a.mp4", [image], [0.0])
    content = bytearray(path.read_bytes())
    matrix = content.find(b"tkhd") + 44  # three rows of fixed-point numbers: a turn by 90 degrees
    turn = (0, 1, 0, -1, 0, 0, 0, 0, 0x4000)
    content[matrix : matrix + 36] = b"".join(int(value * 65536).to_bytes(4, "big", signed=True) for value in turn)
    (tmp_path / "turned.mp4").write_bytes(content)
    (turned,) = read_images(tmp_path / "turned.mp4", every=1.0).images[:1]
    assert turned.shape == (64, 48, 3)
    assert turned[:, 30:].mean() > turned[:, :18].mean() + 100  # the top is at the right after a clockwise turn


def test_a_video_that_breaks_off_keeps_its_first_images(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    noise = [rng.integers(0, 255, (48, 64, 3), np.uint8) for _ in range(20)]
    path = write_video(tmp_path / "a.mkv", noise, [0.1 * number for number in range(20)])
    content = path.read_bytes()
    (tmp_path / "cut.mkv").write_bytes(content[: len(content) // 2])
    assert 0 < len(read_images(tmp_path / "cut.mkv", every=0.2).images) < 10


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"no video" * 100)
    with pytest.raises((NotAudioError, TruncatedError), match=r"a\.mp4"):
        read_images(tmp_path / "a.mp4", every=0.5)


def test_errors_of_the_decoder_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_video(tmp_path / "a.mkv", [grey(40), grey(80)], [0.0, 0.5])

    def breaks(*_: Any, **__: Any) -> Iterator[Any]:
        yield grey(40)
        raise ValueError("damaged")

    monkeypatch.setattr("emotone.audio.video._shown", breaks)
    found = read_images(path, every=0.5)
    assert len(found.images) == 1
    assert found.notes == ("the video is damaged after 0.50 s; later images are missing",)

    def fails(*_: Any, **__: Any) -> Iterator[Any]:
        raise ValueError("damaged")

    monkeypatch.setattr("emotone.audio.video._shown", fails)
    with pytest.raises(TruncatedError, match=r"a\.mkv: no image of the video can be decoded \(damaged\)"):
        read_images(path, every=0.5)


def test_without_pyav_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingExtraError, match="emotone\\[media\\]"):
        read_images(tmp_path / "a.mkv", every=0.5)
