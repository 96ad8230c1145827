"""Faces in the images of a video: found by a detector of OpenCV, centred, and of one size. The extra `video`.

The Haar cascade is a file of the package `opencv-python-headless` below version 5, so nothing is downloaded.
"""

from __future__ import annotations

import os
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from emotone.audio.read import read
from emotone.audio.video import read_images
from emotone.errors import NotAudioError, missing_extra
from emotone.features.base import FaceTrack, VisualFeature

if TYPE_CHECKING:
    from emotone.audio.samples import Channel
    from emotone.audio.source import Recording
    from emotone.audio.video import Image
    from emotone.types import Array, Hertz, Seconds

    Box: TypeAlias = tuple[int, int, int, int]

CASCADE = "haarcascade_frontalface_default.xml"
WIDTH = 320  # pixels of the image that is searched: a face of a tenth of it is found, and 25 images take a second
SMALLEST = 0.1  # of the image's shorter side: smaller faces are those of bystanders
STEP, NEIGHBOURS = 1.1, 5  # between sizes; and overlapping finds that make a face: OpenCV's example
DARKEST = 1 / 256  # of the values of a face: zeros mean that there is none


def faces_for(feature: object, recording: Recording | object) -> FaceTrack | None:
    """Return the faces of a recording if the front end's rows contain faces.

    None for other front ends, and for file objects and samples: only the sound is used.

    Raises:
        AudioError: the recording can't be read.
        MissingExtraError: PyAV or OpenCV is not installed.

    """
    if not isinstance(feature, VisualFeature) or not isinstance(recording, str | os.PathLike | bytes):
        return None
    return feature.faces(recording)


def face_track(recording: Recording, *, every: Seconds, size: int, colour: bool) -> FaceTrack:
    """Return the faces of a video; a recording without images has none.

    Args:
        recording: as in `emotone.audio.read.read`.
        every: seconds between images.
        size: of the square faces, in pixels.
        colour: three channels; False gives one, the luminance.

    Raises:
        AudioError: the recording can't be read.
        MissingExtraError: PyAV or OpenCV is not installed.

    """
    video = read_images(recording, every=every)
    faces = np.zeros((len(video.images), size, size, 3 if colour else 1), np.float32)
    notes = list(video.notes)
    several = 0
    for place, image in enumerate(video.images):
        boxes = find_faces(image)
        several += len(boxes) > 1
        if boxes:
            faces[place] = centred_face(image, boxes[0], size=size, colour=colour)
    track = FaceTrack(faces, every)
    if several:
        notes.append(f"{several} of {len(faces)} images have several faces; the largest was used")
    if len(faces) and not track.found.any():
        notes.append("the video has no face from the front; only the sound was used")
    return FaceTrack(faces, every, tuple(notes))


def sound_of_video(
    recording: Recording,
    track: FaceTrack,
    *,
    rate: Hertz,
    channel: Channel = "mix",
    start: Seconds = 0.0,
    end: Seconds | None = None,
) -> Array:
    """Return the samples [time] of a recording, and silence of the same length for a video without sound.

    Args:
        recording: as in `emotone.audio.read.read`; this and the others too.
        track: its faces.
        rate: of the samples.
        channel: to read.
        start: in seconds.
        end: in seconds.

    Raises:
        AudioError: the recording can't be read, or has neither sound nor images.

    """
    try:
        signal, _ = read(recording, rate=rate, channel=channel, start=start, end=end)
    except NotAudioError:
        seconds = len(track.faces) * track.every
        span = (seconds if end is None else min(end, seconds)) - start
        if span <= 0:
            raise
        signal = np.zeros(round(span * rate), np.float32)
    return signal


def find_faces(image: Image) -> list[Box]:
    """Return the faces from the front in an image, the largest first: left, top, width and height in pixels.

    Faces of one size are in the order of their distances from the middle.
    """
    cv2 = _opencv()
    height, width = image.shape[:2]
    scale = min(1.0, WIDTH / width)
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    small = cv2.equalizeHist(cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))
    least = max(1, round(SMALLEST * min(small.shape)))
    found = _cascade().detectMultiScale(small, scaleFactor=STEP, minNeighbors=NEIGHBOURS, minSize=(least, least))
    boxes = [tuple(round(float(value) / scale) for value in box) for box in found]

    def order(box: Any) -> tuple[int, float]:
        left, top, wide, high = box
        return -wide * high, np.hypot(left + wide / 2 - width / 2, top + high / 2 - height / 2)

    return sorted(boxes, key=order)


def centred_face(image: Image, box: Box, *, size: int, colour: bool) -> Array:
    """Return a face [size, size, channels] float32 from 1/256 to 1: the square around it, resized.

    Pixels from beyond the image are those of its edge.
    """
    cv2 = _opencv()
    left, top, wide, high = box
    half = max(wide, high, 2) // 2
    row, column = top + high // 2, left + wide // 2
    rows = np.clip(np.arange(row - half, row + half), 0, image.shape[0] - 1)
    columns = np.clip(np.arange(column - half, column + half), 0, image.shape[1] - 1)
    cut = image[rows[:, None], columns]
    if not colour:
        cut = cv2.cvtColor(cut, cv2.COLOR_RGB2GRAY)
    smaller = 2 * half > size
    resized = cv2.resize(cut, (size, size), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)
    face: Array = np.maximum(resized.astype(np.float32) / 255, np.float32(DARKEST)).reshape(size, size, -1)
    return face


def _opencv() -> Any:
    try:
        import cv2
    except ImportError as error:
        raise missing_extra("opencv-python-headless", "video", "finding faces in a video") from error
    return cv2


@lru_cache(maxsize=1)
def _cascade() -> Any:
    cv2 = _opencv()
    return cv2.CascadeClassifier(cv2.data.haarcascades + CASCADE)
