"""Any recording as a signal [time], float32, full scale 1: at once, or streamed in bounded memory.

    probe             what a file is, from its header
    read              a recording, or a part of it
    stream            the same samples in pieces
    stream_channels   all channels in one pass, in pieces [channels, time]
    as_samples        samples given in Python as a waveform

A recording is a path, the bytes of a whole file, or a file object opened in binary mode. The bytes decide how it is
decoded, not its suffix. libsndfile reads wav, flac, ogg, opus, mp3, aiff, NIST sphere and more; FFmpeg, with the extra
`media`, reads m4a, mp4, avi, webm and whatever libsndfile refuses. Everything that can be wrong with a recording is
raised here as an `AudioError` of one line; no exception of another library leaves these functions.

A recording is read in full or not at all: concatenated files, chained Ogg streams, late starts and gaps in the
timestamps included. What callers should know about a recording that was read (a missing last frame, several tracks,
channels that cancel) is in the notes of the result.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from emotone.audio.decoder import open_recording
from emotone.audio.samples import Channel, as_samples
from emotone.audio.source import Recording, Track, open_source, spool
from emotone.audio.streams import RecordingStream, StreamInfo, channel_pieces, check_decoder, signal_pieces
from emotone.errors import UsageError

if TYPE_CHECKING:
    from emotone.types import Array, Hertz, Seconds, Utterance

__all__ = [
    "AudioInfo",
    "Channel",
    "Recording",
    "RecordingStream",
    "Signal",
    "Track",
    "as_samples",
    "probe",
    "read",
    "spool",
    "stream",
    "stream_channels",
    "stream_with_rate",
]


@dataclass(frozen=True, slots=True)
class AudioInfo:
    """What the header of a recording contains.

    Attributes:
        rate: hertz.
        channels: number of channels.
        duration: seconds, or None where the container does not store it.
        format: container and coding, e.g. "wav/pcm_16", "ogg/opus", "mov/aac".
        tracks: number of audio tracks.
        notes: what the caller should know, as far as the header shows it.

    """

    rate: Hertz
    channels: int
    duration: Seconds | None
    format: str
    tracks: int = 1
    notes: tuple[str, ...] = ()


class _Pair(NamedTuple):
    samples: Array
    rate: Hertz


class Signal(_Pair):
    """A recording that was read: unpacks as `samples, rate`, with `notes` as an attribute.

    Attributes:
        samples: [time].
        rate: hertz.
        notes: what the caller should know about the recording, one sentence each.

    """

    notes: tuple[str, ...]

    def __new__(cls, samples: Array, rate: Hertz, notes: tuple[str, ...] = ()) -> Signal:  # noqa: PYI034
        """Build the pair, and attach the notes."""
        self = super().__new__(cls, samples, rate)
        self.notes = notes
        return self


def probe(recording: Recording, *, track: Track = "default", name: str | None = None) -> AudioInfo:
    """Return what the header of a recording contains; nothing is decoded.

    Args:
        recording: a path, the bytes of a whole file, or a binary file object.
        track: as of `read`.
        name: how messages name the recording; default: its path.

    Raises:
        AudioError: as `read`, as far as the header shows it.
        MissingExtraError: the extra `media` is needed.

    Example:
        >>> probe("call.wav")  # doctest: +SKIP
        AudioInfo(rate=8000, channels=2, duration=61.3, format='wav/ulaw', tracks=1, notes=())

    """
    with open_source(recording, name=name) as source, open_recording(source, track=track) as decoder:
        check_decoder(decoder, name=source.name)
        duration = None if decoder.frames is None else decoder.frames / decoder.rate
        return AudioInfo(decoder.rate, decoder.channels, duration, decoder.format, decoder.tracks, tuple(decoder.notes))


def read(
    recording: Recording,
    *,
    rate: Hertz | None = None,
    channel: Channel = "mix",
    start: Seconds = 0.0,
    end: Seconds | None = None,
    track: Track = "default",
    name: str | None = None,
) -> Signal:
    """Return a recording, or a part of it, as a signal [time] and its rate.

    Args:
        recording: a path, the bytes of a whole file, or a binary file object.
        rate: hertz to resample to (a part is cut before it is resampled); None keeps the recording's own.
        channel: from 0, or "mix" for the mean of all. Where that mean cancels (inverted phase), it is replaced by the
            loudest channel, with a note.
        start: seconds.
        end: seconds; None for the end. Up to 0.1 s past the end of the recording counts as its end.
        track: audio track from 0; "default" for the one marked as default, else the first; "all" for all tracks, as
            if they were channels of one.
        name: how messages name the recording; default: its path.

    Returns:
        Signal: unpacks as `samples, rate`; `notes` is an attribute.

    Raises:
        MissingFileError: there is no such file, it is a folder, or it can't be read.
        NotAudioError: nothing can decode it. Git LFS pointers and HTML pages have subclasses with their own codes.
        EmptyAudioError: no bytes, or no samples.
        TruncatedError: the header promises more than the file contains, by more than one coded frame, or decoding
            stops midway.
        NotFiniteError: a sample is NaN or infinite.
        RateError: a rate or number of channels outside what is allowed, or there is no such channel or track.
        TooShortError: it ends before `end`.
        UsageError: `start` and `end` are no stretch of time, or another argument is no allowed value.
        MissingExtraError: the extra `media` is needed.

    Example:
        >>> signal, rate = read("call.wav", rate=16000)  # doctest: +SKIP

    """
    if not 0 <= start < np.inf or not (end is None or end > start):
        raise UsageError(f"the part from {start} s to {end} s was requested; allowed: 0 <= start < end")
    info = StreamInfo()
    pieces = list(
        signal_pieces(recording, info, rate=rate, channel=channel, start=start, end=end, track=track, name=name)
    )
    samples = pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
    return Signal(samples, rate or info.rate, tuple(info.notes))


def stream(
    recording: Recording,
    *,
    rate: Hertz,
    channel: Channel = "mix",
    track: Track = "default",
    name: str | None = None,
) -> RecordingStream:
    """Return an iterator over a recording in pieces [time] of a few seconds, at `rate`, in bounded memory.

    Concatenated, the pieces are exactly what `read` returns. An error may come after the first pieces. The attribute
    `notes` is complete at the end of the iteration. Arguments as of `read`.

    Raises:
        AudioError: as `read`, when the iteration reaches it.

    Example:
        >>> for piece in stream("day.flac", rate=16000):  # doctest: +SKIP
        ...     detector.push(piece)

    """
    info = StreamInfo()
    pieces = signal_pieces(recording, info, rate=rate, channel=channel, start=0.0, end=None, track=track, name=name)
    return RecordingStream(pieces, info)


def stream_channels(
    recording: Recording, *, rate: Hertz, track: Track = "default", name: str | None = None
) -> RecordingStream:
    """Return an iterator over all channels of a recording in one pass, in pieces [channels, time].

    Row i of the concatenated pieces is what `read(..., channel=i)` returns. The attribute `channels` is the number of
    channels. Arguments as of `read`.

    Raises:
        AudioError: as `read`, when the iteration reaches it.

    Example:
        >>> with stream_channels("call.wav", rate=16000) as pieces:  # doctest: +SKIP
        ...     detectors = [ActivityDetector() for _ in range(pieces.channels)]

    """
    info = StreamInfo()
    return RecordingStream(channel_pieces(recording, info, rate=rate, track=track, name=name), info)


def stream_with_rate(
    recording: Recording,
    *,
    rate: Hertz,
    channel: Channel = "mix",
    track: Track = "default",
    name: str | None = None,
) -> tuple[Hertz, RecordingStream]:
    """Return the recording's own rate, and its pieces as `stream` yields them; the file is opened once.

    Raises:
        AudioError: as `read`: at once as far as the header and the first piece show it, later for the rest.

    """
    pieces = stream(recording, rate=rate, channel=channel, track=track, name=name)
    return pieces.rate, pieces


def read_utterance(utterance: Utterance, *, rate: Hertz) -> Array:
    """Return the samples [time] of an utterance of a corpus: its channel, or the mix, from its start to its end.

    Raises:
        AudioError: it can't be read.
        MissingExtraError: its format needs a package that is not installed.

    """
    channel: Channel = "mix" if utterance.channel is None else utterance.channel
    signal, _ = read(utterance.path, rate=rate, channel=channel, start=utterance.start, end=utterance.end)
    return signal
