"""The images of a video, at equal distances in time: through PyAV, the extra `media`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from emotone.audio.media import MAX_START, OPTIONS, ZERO_BASED
from emotone.audio.source import ByteView, open_source
from emotone.errors import NotAudioError, TruncatedError, missing_extra

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from emotone.audio.source import Recording
    from emotone.types import Seconds

    Image: TypeAlias = NDArray[np.uint8]

QUARTER = 90  # degrees


@dataclass(frozen=True)
class VideoImages:
    """Images of a video.

    Attributes:
        images: [height, width, 3] red, green, blue, upright; image k is shown at (k + 0.5) x `every` seconds.
        every: seconds between images.
        notes: what a user should know about the file.

    """

    images: tuple[Image, ...]
    every: Seconds
    notes: tuple[str, ...] = ()


def read_images(recording: Recording, *, every: Seconds) -> VideoImages:
    """Return the images that a video shows at the middle of each interval; none if it has sound only.

    Images are found by their timestamps, so the rate of frames may vary. The first image is also shown before its
    time. A rotation that the container states is applied. Cover pictures of music are not a video.

    Args:
        recording: as in `emotone.audio.read.read`.
        every: length of an interval; the time counts from the start of the recording, as for its sound.

    Raises:
        MissingExtraError: PyAV is not installed.
        NotAudioError: FFmpeg can't open the file.
        TruncatedError: not a single image can be decoded.

    """
    try:
        import av
    except ImportError as error:
        raise missing_extra("av", "media", "reading images of a video") from error
    foreign = (av.FFmpegError, ValueError, ArithmeticError, EOFError, NotImplementedError)
    with open_source(recording) as source, ByteView(source) as view:
        try:
            container: Any = av.open(view, metadata_errors="ignore", options=OPTIONS)
        except foreign as error:
            raise NotAudioError(f"{source.name}: is not a recording that FFmpeg can open ({error})") from error
        notes: list[str] = []
        images: list[Image] = []
        with container:
            tracks = [one for one in container.streams.video if not one.disposition & one.disposition.attached_pic]
            if not tracks:
                return VideoImages((), every)
            origin = _origin(container, time_base=av.time_base)
            try:
                for image in _shown(container.decode(tracks[0]), origin=origin, every=every):
                    images.append(image)  # noqa: PERF402 - those before an error are kept
            except foreign as error:
                if not images:
                    raise TruncatedError(f"{source.name}: no image of the video can be decoded ({error})") from error
                notes.append(f"the video is damaged after {len(images) * every:.2f} s; later images are missing")
        return VideoImages(tuple(images), every, tuple(notes))


def _origin(container: Any, *, time_base: int) -> Seconds:
    """Return the timestamp of the start of the recording (see `emotone.audio.media`)."""
    start = float((container.start_time or 0) / time_base)
    return 0.0 if container.format.name.split(",")[0] in ZERO_BASED and 0 <= start <= MAX_START else start


def _shown(frames: Iterator[Any], *, origin: Seconds, every: Seconds) -> Iterator[Image]:
    """Yield the image at the middle of each interval: of the last frame that starts before it."""
    shown: Any = None
    wanted, end = every / 2, 0.0
    for frame in frames:
        start = end if frame.pts is None else float(frame.time) - origin
        while shown is not None and start > wanted:
            yield _image(shown)
            wanted += every
        length = float(frame.duration * frame.time_base) if frame.duration else 0.0
        shown, end = frame, start + length
    while shown is not None and (end > wanted or wanted == every / 2):
        yield _image(shown)
        wanted += every


def _image(frame: Any) -> Image:
    """Return a frame as red, green and blue, upright."""
    turned = np.rot90(frame.to_ndarray(format="rgb24"), round(frame.rotation / QUARTER) % 4)
    return np.ascontiguousarray(turned, np.uint8)
