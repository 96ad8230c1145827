"""FFmpeg through PyAV, the extra `media`: m4a, mp4, avi, webm and whatever else it reads; of a video only the sound."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from emotone.audio.samples import to_float32
from emotone.errors import NotAudioError, TruncatedError, missing_extra

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from emotone.types import Array

GATHERED = 1 << 14  # frames handed on at a time: codecs give about a thousand
FORGIVEN_SECONDS = 0.5  # containers round their durations, and count what encoders add at the ends


class MediaDecoder:
    """A recording that FFmpeg reads (see `decoder.Decoder`): the first sound track.

    Args:
        path: the file.
        purpose: what the message says that PyAV is needed for.

    Raises:
        MissingExtraError: PyAV is not installed.
        NotAudioError: FFmpeg can't open it, or it has no sound track.

    """

    def __init__(self, path: Path, *, purpose: str) -> None:
        try:
            import av
        except ImportError as error:
            raise missing_extra("av", "media", f"{path}: {purpose}") from error
        self._name = str(path)
        self._error: type[Exception] = av.FFmpegError
        # An open file, not a name: FFmpeg takes names such as "concat:..." or "http:..." as commands.
        self._file = path.open("rb")
        try:
            self._container: Any = av.open(self._file, metadata_errors="ignore")
            self._open_track()
        except (av.FFmpegError, NotAudioError, ValueError) as error:
            self._file.close()
            if isinstance(error, NotAudioError):
                raise
            raise NotAudioError(f"{path}: is not a recording that FFmpeg can open ({_said(error)})") from error

    def _open_track(self) -> None:
        tracks = self._container.streams.audio
        if not tracks:
            raise NotAudioError(f"{self._name}: has no sound track; give a recording with sound")
        self._track = tracks[0]
        context = self._track.codec_context
        if context is None or not context.sample_rate:
            raise NotAudioError(f"{self._name}: FFmpeg has no decoder for its sound track; convert it to wav or flac")
        self.rate = int(context.sample_rate)
        self.channels = int(context.channels)
        self.frames = self._count()
        self.format = f"{self._container.format.name.split(',')[0]}/{context.name}"

    def _count(self) -> int | None:
        if self._track.duration is None:
            return None
        return max(0, round(float(self._track.duration * self._track.time_base) * self.rate)) or None

    def blocks(self, start: int) -> Generator[Array, None, None]:
        """Yield [frames, channels] from the frame `start` on.

        Everything before is decoded and dropped: seeking in compressed media is not exact.
        """
        waiting: list[Array] = []
        at = held = 0
        try:
            for frame in self._container.decode(self._track):
                block = self._block(frame)
                skip = min(max(start - at, 0), len(block))
                at += len(block)
                waiting.append(block[skip:])
                held += len(block) - skip
                if held >= GATHERED:
                    yield np.concatenate(waiting)
                    waiting, held = [], 0
        except self._error as error:
            raise self._stopped(at, reason=_said(error)) from error
        if held:
            yield np.concatenate(waiting)
        if self.frames is not None and at < self.frames - FORGIVEN_SECONDS * self.rate:
            raise self._stopped(at, reason="no more samples")

    def _block(self, frame: Any) -> Array:
        """Return [frames, channels] of one decoded frame, planar or packed."""
        channels = frame.layout.nb_channels
        if (frame.sample_rate, channels) != (self.rate, self.channels):
            raise NotAudioError(
                f"{self._name}: changes from {self.rate} Hz, {self.channels} channels to {frame.sample_rate} Hz, "
                f"{channels} channels midway; convert it to wav or flac"
            )
        samples: Any = to_float32(frame.to_ndarray(), name=self._name)
        block: Array = samples.T if frame.format.is_planar else samples.reshape(-1, channels)
        return block

    def _stopped(self, at: int, *, reason: str) -> TruncatedError:
        of = "" if self.frames is None else f" of {self.frames / self.rate:.2f} s"
        return TruncatedError(
            f"{self._name}: is cut short or damaged: decoding stops after {at / self.rate:.2f} s{of} ({reason}); "
            "copy or export it again"
        )

    def close(self) -> None:
        """Let go of the file."""
        self._container.close()
        self._file.close()


def _said(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)
