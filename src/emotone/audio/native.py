"""libsndfile behind one border: wav, flac, ogg (vorbis, opus), mp3, aiff, NIST sphere, au, caf and more.

Every error of the library leaves here as one of ours. Files are handed over without their name, because libsndfile
and soundfile would believe a suffix such as .raw or .vox; the bytes decide.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from io import FileIO
from typing import TYPE_CHECKING, Any

import numpy as np
import soundfile

from emotone.errors import NotAudioError, TruncatedError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

    from emotone.audio.headers import Layout
    from emotone.types import Array

BLOCK = 1 << 15  # frames decoded at a time: 2 s at 16 kHz, 8 MB at most (64 channels)
NO_LENGTH = 1 << 62  # what libsndfile gives for streams without a known length is above
UNSUPPORTED_CODES = frozenset({4, 18, 64})  # unsupported encoding, not implemented, a wav coding it calls malformed
MP3_FORGIVEN = 1152  # frames: the first one may be silent where it builds on one that was cut off
CLAIMED = 64  # how much longer an mp3 without a counting tag is made to seem: the largest ratio of bit rates is 40


class UnsupportedError(NotAudioError):
    """libsndfile knows the container, but not the coding inside; another decoder may."""


class NativeDecoder:
    """A recording that libsndfile reads (see `decoder.Decoder`).

    Args:
        path: the file.
        layout: what its header told; libsndfile is shown some files otherwise than they are (see `headers.Layout`).
        noisy: whether the library may print to standard error about this kind of file.

    Raises:
        NotAudioError: not a file that the library can open.
        OSError: the file can't be opened.

    """

    def __init__(self, path: Path, *, layout: Layout | None = None, noisy: bool = False) -> None:
        self._name = str(path)
        self._quiet = quiet_stderr if noisy else contextlib.nullcontext
        self._bytes = _Bytes(path, layout=layout)
        try:
            with self._quiet():
                self._sound = _Sequential(self._bytes)
        except soundfile.LibsndfileError as error:
            self._bytes.close()
            raise _not_audio(error, name=self._name) from error
        self.rate = int(self._sound.samplerate)
        self.channels = int(self._sound.channels)
        frames = int(self._sound.frames)
        self.frames = frames if 0 <= frames < NO_LENGTH else None
        if layout is not None and layout.end is not None:
            self.frames = layout.frames
        self.format = f"{self._sound.format}/{self._sound.subtype}".lower()

    def blocks(self, start: int) -> Generator[Array, None, None]:
        """Yield [frames, channels] from the frame `start` on; a block is overwritten by the next one."""
        buffer = np.empty((BLOCK, self.channels), np.float32)
        at = 0
        try:
            if start and self.frames is not None:
                at = int(self._sound.seek(start))
            while True:
                with self._quiet():
                    block: Array = self._sound.read(out=buffer)
                skip = min(max(start - at, 0), len(block))  # where seeking was not possible
                at += len(block)
                if len(block) == 0:
                    break
                if skip < len(block):
                    yield block[skip:]
        except soundfile.LibsndfileError as error:
            raise self._stopped(self._reached(at), reason=_said(error)) from error
        if self._bytes.failure is not None:
            raise self._stopped(at, reason=str(self._bytes.failure)) from self._bytes.failure
        forgiven = MP3_FORGIVEN if "mpeg" in self.format else 0
        if self.frames is not None and at < self.frames - forgiven:
            raise self._stopped(at, reason="no more samples")

    def _stopped(self, at: int, *, reason: str) -> TruncatedError:
        of = "" if self.frames is None else f" of {self.frames / self.rate:.2f} s"
        return TruncatedError(
            f"{self._name}: is cut short or damaged: decoding stops after {at / self.rate:.2f} s{of} "
            f"({reason}); copy or export it again"
        )

    def _reached(self, at: int) -> int:
        """Return the frame at which decoding failed: within the block, where the library still knows."""
        try:
            return max(at, int(self._sound.tell()))
        except soundfile.LibsndfileError:
            return at

    def close(self) -> None:
        """Let go of the file."""
        self._sound.close()
        self._bytes.close()


class _Sequential(soundfile.SoundFile):  # type: ignore[misc]
    """Reads on without seeking.

    `SoundFile.read` ends every block of a seekable file with a seek to where it already is; an mp3 then decodes the
    same frames twice, and its samples depend on the size of the blocks.
    """

    def seekable(self) -> bool:
        return False


class _Bytes:
    """The bytes of a file, without a name, for libsndfile's callbacks; an error of the disk is kept, not printed."""

    def __init__(self, path: Path, *, layout: Layout | None) -> None:
        self._file = FileIO(path)
        self._unknown_at = layout.unknown_at if layout else None
        self._end = layout.end if layout else None
        self.failure: OSError | None = None
        self.tell = self._file.tell
        self.close = self._file.close

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        if whence == os.SEEK_END and self._end is not None:
            return self._file.seek(offset + self._end * CLAIMED)
        return self._file.seek(offset, whence)

    def readinto(self, buffer: Any) -> int:
        at = self._file.tell()
        try:
            count = self._file.readinto(buffer)
        except OSError as error:
            self.failure = error
            return 0
        if self._end is not None:
            if at > self._end:  # libmpg123 looks for a tag in the last 128 bytes of what the file seems to be
                buffer[:] = bytes(len(buffer))
                return len(buffer)
            return min(count, self._end - at)
        if self._unknown_at is not None:
            for byte in range(max(self._unknown_at, at), min(self._unknown_at + 4, at + count)):
                buffer[byte - at] = b"\xff"
        return count


def _not_audio(error: soundfile.LibsndfileError, *, name: str) -> NotAudioError:
    kind = UnsupportedError if error.code in UNSUPPORTED_CODES else NotAudioError
    return kind(
        f"{name}: is not a recording that can be decoded ({_said(error)}); allowed: wav, flac, ogg, opus, mp3, aiff, "
        "NIST sphere, and with the extra 'media' m4a, mp4, avi, webm"
    )


def _said(error: soundfile.LibsndfileError) -> str:
    """Return libsndfile's words, in the style of ours."""
    words = str(error.error_string).removeprefix("Error : ").rstrip(".")
    return "no sound in it" if "possibly a pipe" in words else words[:1].lower() + words[1:]


_quiet_lock = threading.Lock()
_quiet_depth = 0
_quiet_saved = -1


@contextlib.contextmanager
def quiet_stderr() -> Iterator[None]:
    """Send what C libraries write to standard error nowhere: libmpg123 prints warnings, and can't be told not to.

    The descriptor belongs to the whole process, so blocks of several threads are counted, and the last one restores it.
    """
    global _quiet_depth, _quiet_saved  # noqa: PLW0603
    with _quiet_lock:
        if _quiet_depth == 0:
            _quiet_saved = _redirect_stderr()
        _quiet_depth += 1
    try:
        yield
    finally:
        with _quiet_lock:
            _quiet_depth -= 1
            if _quiet_depth == 0 and _quiet_saved >= 0:
                os.dup2(_quiet_saved, 2)
                os.close(_quiet_saved)


def _redirect_stderr() -> int:
    """Return a copy of descriptor 2, which now leads nowhere; -1 where it is not standard error."""
    if sys.__stderr__ is None:  # closed from the start: 2 may be any file, even the recording itself
        return -1
    try:
        saved = os.dup(2)
    except OSError:
        return -1
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    return saved
