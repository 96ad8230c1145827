"""The decoder of a recording: libsndfile where it can read the file, FFmpeg (`emotone.audio.media`) for the others.

libsndfile reads wav, flac, ogg (vorbis, opus), mp3, aiff, NIST sphere, au, caf and more. Every error of the library is
raised as one of emotone's. Files are opened without their name, because libsndfile and soundfile would trust a suffix
such as .raw or .vox; the bytes decide. libmpg123 prints warnings to standard error, and has no option against it: it is
silenced meanwhile.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import sys
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import soundfile

from emotone.audio.base import ChainedDecoder, StackedDecoder
from emotone.audio.headers import logical_streams
from emotone.audio.identify import HEAD_BYTES, check_audio_bytes, identify
from emotone.audio.layout import WHOLE_FILE, LogicalStream, part_starts
from emotone.audio.source import ByteView, check_track
from emotone.audio.wav import PcmDecoder
from emotone.errors import AudioError, MissingExtraError, MissingFileError, NotAudioError, TruncatedError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from emotone.audio.base import Decoder
    from emotone.audio.identify import Kind
    from emotone.audio.layout import LogicalStream
    from emotone.audio.source import Source, Track
    from emotone.types import Array

_lock = threading.Lock()
_depth = 0
_saved = -1

BLOCK = 1 << 15  # frames decoded at a time: 2 s at 16 kHz, 8 MB at most (64 channels)
UNKNOWN_FRAMES = 1 << 62  # libsndfile's number for streams of unknown length is above
CODED_FRAMES = {"mpeg": 1152, "vorbis": 8192, "opus": 5760}  # samples, the largest; part of the name of the format


@contextlib.contextmanager
def quiet_stderr() -> Iterator[None]:
    """Discard what is written to file descriptor 2 inside the block.

    The descriptor belongs to the whole process: blocks of several threads are counted, and the last one restores it.
    """
    global _depth, _saved  # noqa: PLW0603
    with _lock:
        if _depth == 0:
            _saved = _redirect()
        _depth += 1
    try:
        yield
    finally:
        with _lock:
            _depth -= 1
            if _depth == 0 and _saved >= 0:
                os.dup2(_saved, 2)
                os.close(_saved)


def _redirect() -> int:
    """Redirect descriptor 2 to nowhere and return a copy of it, or -1 where it is not standard error."""
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


class NativeDecoder:
    """A logical stream that libsndfile reads (see `decoder.Decoder`).

    Args:
        source: the recording.
        stream: which bytes of it, and what is known about them.
        noisy: whether the library may print to standard error about this kind of file.

    Raises:
        NotAudioError: the library can't open it.
        OSError: the source can't be opened.

    """

    def __init__(self, source: Source, *, stream: LogicalStream = WHOLE_FILE, noisy: bool = False) -> None:
        self._name = source.name
        self._stream = stream
        self._quiet = quiet_stderr if noisy else contextlib.nullcontext
        self._view = ByteView(source, stream.pieces, stretch=stream.stretch)
        try:
            with self._quiet():
                self._sound = _Sequential(self._view)
        except soundfile.LibsndfileError as error:
            self._view.close()
            raise NotAudioError(
                f"{self._name}: is not a recording that can be decoded ({_said(error)}); allowed: wav, flac, ogg, "
                "opus, mp3, aiff, NIST sphere, and with the extra 'media' m4a, mp4, avi, webm and more"
            ) from error
        self.rate = int(self._sound.samplerate)
        self.channels = int(self._sound.channels)
        self.tracks = 1
        frames = int(self._sound.frames)
        self.frames = frames if 0 <= frames < UNKNOWN_FRAMES else None
        if stream.stretch > 1:
            self.frames = stream.frames
        self.format = f"{self._sound.format}/{self._sound.subtype}".lower()
        self.notes = list(stream.notes)
        self._tolerance = stream.coded_frame or next(
            (samples for name, samples in CODED_FRAMES.items() if name in self.format), 0
        )

    def blocks(self, start: int) -> Generator[Array, None, None]:
        """Yield [frames, channels] from the frame `start` on; a block is overwritten by the next one."""
        buffer = np.empty((BLOCK, self.channels), np.float32)
        at = 0
        error: soundfile.LibsndfileError | None = None
        if start and self.frames is not None:
            at = self._seek(start)
        while error is None:
            try:
                with self._quiet():
                    block: Array = self._sound.read(out=buffer)
            except soundfile.LibsndfileError as raised:
                error = raised  # the samples before it are in the buffer
                block = buffer[: self._reached(at) - at]
            if len(block) == 0:
                break
            skip = min(max(start - at, 0), len(block))  # where seeking was not possible
            at += len(block)
            if skip < len(block):
                yield block[skip:]
        self._check_end(at, error=error)

    def _seek(self, start: int) -> int:
        try:
            with self._quiet():
                return int(self._sound.seek(start))
        except soundfile.LibsndfileError as error:
            raise self._stopped(0, reason=_said(error)) from error

    def _check_end(self, at: int, *, error: soundfile.LibsndfileError | None) -> None:
        """Raise where more than one coded frame is missing; note where one is."""
        failure = self._view.failure
        if failure is not None:
            raise self._stopped(at, reason=str(failure)) from failure
        missing = 0 if self.frames is None else self.frames - at
        if missing > self._tolerance or (error is not None and (self.frames is None or not self._tolerance)):
            raise self._stopped(at, reason="no more samples" if error is None else _said(error)) from error
        if missing > 0 and not self._stream.shortfall:
            note = f"the last {missing} samples, less than one coded frame, are missing"
            if note not in self.notes:
                self.notes.append(note)

    def _stopped(self, at: int, *, reason: str) -> TruncatedError:
        of = "" if self.frames is None else f" of {self.frames / self.rate:.2f} s"
        return TruncatedError(
            f"{self._name}: is truncated or damaged: decoding stops after {at / self.rate:.2f} s{of} "
            f"({reason}); copy or export it again"
        )

    def _reached(self, at: int) -> int:
        """Return the frame at which decoding failed: within the block, where the library still knows."""
        try:
            return min(max(at, int(self._sound.tell())), at + BLOCK)
        except soundfile.LibsndfileError:
            return at

    def close(self) -> None:
        """Close the file."""
        self._sound.close()
        self._view.close()


class _Sequential(soundfile.SoundFile):  # type: ignore[misc]
    """Reads on without seeking.

    `SoundFile.read` ends every block of a seekable file with a seek to its current position; an MP3 file then decodes
    the same frames twice, and its samples depend on the size of the blocks.
    """

    def seekable(self) -> bool:
        return False


def _said(error: soundfile.LibsndfileError) -> str:
    """Return libsndfile's message without its prefix."""
    words = str(error.error_string).removeprefix("Error : ").rstrip(".")
    return "no sound in it" if "possibly a pipe" in words else words[:1].lower() + words[1:]


@contextlib.contextmanager
def open_recording(source: Source, *, track: Track = "default") -> Iterator[Decoder]:
    """Yield the decoder of a recording, chosen by its bytes; it is closed at the end of the block.

    Raises:
        MissingFileError: the file can't be read.
        EmptyAudioError: there are no samples after the header.
        TruncatedError: the header promises more than the file contains.
        NotAudioError: nothing can decode it.
        MissingExtraError: the extra `media` could, but is not installed.
        ChannelError: there is no such track.
        UsageError: `track` is neither a number nor "default" nor "all".

    """
    check_track(track, tracks=1 << 30, name=source.name)
    try:
        decoder = _open(source, track=track)
    except OSError as error:
        raise MissingFileError(f"{source.name}: can't be read: {error.strerror or error}") from error
    try:
        yield decoder
    finally:
        decoder.close()


JUST_CHANGED = 2_000_000_000  # ns: the coarsest clock of a file system in use


@dataclass(frozen=True, slots=True)
class _File:
    """A whole file of a source: its kind and its logical streams."""

    source: Source
    kind: Kind | None
    streams: tuple[LogicalStream, ...]


def _open(source: Source, *, track: Track) -> Decoder:
    openers = [
        functools.partial(_open_stream, file.source, stream, kind=file.kind)
        for file in _inspected(source)
        for stream in file.streams
    ]
    if len(openers) > 1:
        # Concatenated files of several tracks: the same choice in each of them.
        return ChainedDecoder([functools.partial(_open_tracks, opener, track) for opener in openers], name=source.name)
    return _open_tracks(openers[0], track)


def _open_tracks(opener: functools.partial[Decoder], track: Track) -> Decoder:
    """Return the decoder of one track, or of all tracks as one."""
    decoder = opener(track=track)
    if track != "all" or decoder.tracks == 1:
        return decoder
    count = decoder.tracks
    decoder.close()
    with contextlib.ExitStack() as opened:
        decoders = []
        for index in range(count):
            decoders.append(opener(track=index))
            opened.callback(decoders[-1].close)
        opened.pop_all()
    return StackedDecoder(decoders)


def _inspected(source: Source) -> tuple[_File, ...]:
    """Return the files of a source, cached while the file does not change: parts of it are often read in turn."""
    if source.path is None:
        return _inspect(source)
    found = source.path.stat()
    if time.time_ns() - found.st_mtime_ns < JUST_CHANGED:  # another change may get the same time
        return _inspect(source)
    return _inspect_once(source, found.st_mtime_ns, found.st_ino)


@functools.lru_cache(maxsize=64)
def _inspect_once(source: Source, _changed: int, _inode: int) -> tuple[_File, ...]:
    return _inspect(source)


def _inspect(source: Source) -> tuple[_File, ...]:
    with source.open_buffered() as file:
        check_audio_bytes(file.read(HEAD_BYTES), name=source.name)
        kind, offset = identify(file)
        starts = [0] if kind is None or offset else part_starts(file, kind=kind.name, size=source.size)
    name = kind.name if kind else ""
    if len(starts) == 1:
        return (_File(source, kind, logical_streams(source, kind=name, offset=offset)),)
    parts = [source.part(start, stop) for start, stop in itertools.pairwise([*starts, source.size])]
    return tuple(_File(part, kind, logical_streams(part, kind=name)) for part in parts)


def _open_stream(source: Source, stream: LogicalStream, *, kind: Kind | None, track: Track = "default") -> Decoder:
    decoder: Decoder
    if stream.pcm is not None:
        decoder = PcmDecoder(source, coding=stream.pcm, stream=stream)
    elif kind is not None and kind.decoder == "ffmpeg":
        return _media(source, stream, kind=kind, track=track, purpose=f"decoding {source.suffix or kind.name} files")
    elif not stream.native:
        return _media(source, stream, kind=kind, track=track, purpose=_inside(kind))
    else:
        try:
            decoder = NativeDecoder(source, stream=stream, noisy=kind is None or kind.name == "mp3")
        except NotAudioError as refusal:
            return _after_refusal(source, stream, kind=kind, track=track, refusal=refusal)
    try:
        check_track(track, tracks=1, name=source.name)
    except AudioError:
        decoder.close()
        raise
    return decoder


def _after_refusal(
    source: Source, stream: LogicalStream, *, kind: Kind | None, track: Track, refusal: NotAudioError
) -> Decoder:
    """Return FFmpeg's decoder for what libsndfile refuses; where FFmpeg refuses it too, the first refusal is raised."""
    try:
        return _media(source, stream, kind=kind, track=track, purpose=_inside(kind))
    except MissingExtraError:
        if kind is None:  # perhaps no recording at all: the refusal names the extra, too
            raise refusal from None
        raise
    except NotAudioError as error:
        if "no audio track" in str(error):
            raise
        raise refusal from error


def _inside(kind: Kind | None) -> str:
    return f"decoding what is inside this {kind.name} file" if kind else "decoding this file"


def _media(source: Source, stream: LogicalStream, *, kind: Kind | None, track: Track, purpose: str) -> Decoder:
    from emotone.audio.media import MediaDecoder

    stored = kind is None or kind.length == "stored"
    return MediaDecoder(source, stream=stream, track=track, stored=stored, purpose=purpose)
