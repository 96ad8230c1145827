"""The choice of a decoder for a recording."""

from __future__ import annotations

import contextlib
import functools
import itertools
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emotone.audio.concatenated import part_starts
from emotone.audio.headers import logical_streams
from emotone.audio.identify import HEAD_BYTES, check_audio_bytes, identify
from emotone.audio.joined import ChainedDecoder, StackedDecoder
from emotone.audio.native import NativeDecoder
from emotone.audio.samples import check_track
from emotone.audio.wav import PcmDecoder
from emotone.errors import AudioError, MissingExtraError, MissingFileError, NotAudioError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from emotone.audio.base import Decoder
    from emotone.audio.identify import Kind
    from emotone.audio.layout import LogicalStream
    from emotone.audio.samples import Track
    from emotone.audio.source import Source


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
