"""FFmpeg through PyAV, the extra `media`: m4a, mp4, avi, webm and whatever else it reads; of a video only the sound.

Containers with several tracks store when each block of sound is played. A decoder that only concatenates the blocks
would report too early times for everything after a gap, so late starts and gaps become silence of that length.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from emotone.audio.base import with_channels
from emotone.audio.identify import FFMPEG_ESTIMATES
from emotone.audio.layout import WHOLE_FILE, LogicalStream
from emotone.audio.samples import to_float32
from emotone.audio.source import ByteView, Track, check_track
from emotone.errors import AudioError, NotAudioError, TruncatedError, missing_extra

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from emotone.audio.source import Source
    from emotone.types import Array, Hertz, Seconds

TOLERANCE: Seconds = 0.1  # containers round timestamps to 1 ms, and encoders start up to 0.05 s early
MAX_GAP: Seconds = 3600.0  # a longer gap is a clock that was set, or a counter that overflowed
MAX_SILENCE = (
    100  # times the sound: more silence than this, and than one gap can be, is a wrong scale of the timestamps
)
MIN_NOTED: Seconds = 1.0

GATHERED = 1 << 14  # frames yielded at a time: codecs produce about a thousand
ALLOWANCE: Seconds = 0.5  # containers round their durations, and count what encoders add at the ends
NOTED: Seconds = 0.1  # a shorter difference is rounding
MAX_CODED_FRAME = 4096  # samples: HE-AAC, and FLAC's default
MAX_START: Seconds = 60.0  # a track that starts later than this in a file of its own was cut from a longer recording
ZERO_BASED = frozenset({"mov", "matroska"})  # containers whose timestamps count from the start of the recording
TIMELESS = FFMPEG_ESTIMATES - {"mpegts", "mpeg", "flv", "live_flv"}  # FFmpeg computes their timestamps from sizes
READABLE = frozenset({"u8", "s16", "s32", "flt", "dbl", "u8p", "s16p", "s32p", "fltp", "dblp"})  # by PyAV
OPTIONS = {"protocol_whitelist": "none"}  # playlists and session descriptions must not open other files or hosts


class Timeline:
    """Maps timestamps to sample positions.

    Args:
        rate: hertz.
        origin: timestamp of the start of the recording, in seconds; None for the first one.

    """

    def __init__(self, rate: Hertz, *, origin: Seconds | None) -> None:
        self._rate = rate
        self._origin = origin
        self._silence = 0
        self._late = 0
        self._jumps = 0
        self.at = 0
        """Samples per channel so far, silence included."""

    def silence_before(self, timestamp: Seconds | None) -> int:
        """Return the samples of silence before a block with this timestamp."""
        if timestamp is None:
            return 0
        if self._origin is None:
            self._origin = timestamp
        ahead = timestamp - self._origin - self.at / self._rate
        # With another clock, the block follows directly.
        if ahead > MAX_GAP or ahead < -TOLERANCE or self._is_wrong_scale(ahead):
            self._origin += ahead
            self._jumps += abs(ahead) >= MIN_NOTED
            return 0
        if ahead <= TOLERANCE:
            return 0
        count = round(ahead * self._rate)
        if self.at == 0:
            self._late = count
        else:
            self._silence += count
        return count

    def _is_wrong_scale(self, ahead: Seconds) -> bool:
        """Return whether a gap would make nearly everything silence, as timestamps in a wrong unit do."""
        sound = (self.at - self._silence - self._late) / self._rate
        silence = self._silence / self._rate + ahead
        return self.at > 0 and silence > MAX_GAP and silence > MAX_SILENCE * sound

    def notes(self) -> list[str]:
        """Return what callers should know about the clock."""
        notes = []
        if self._late:
            notes.append(f"the sound starts at {self._late / self._rate:.2f} s; there is silence before it")
        if self._silence:
            notes.append(f"gaps in the timestamps were filled with {self._silence / self._rate:.2f} s of silence")
        if self._jumps:
            notes.append(f"the timestamps jump {self._jumps} times; times are counted from the samples there")
        return notes


class MediaDecoder:
    """A recording that FFmpeg reads (see `decoder.Decoder`): one audio track.

    Args:
        source: the recording.
        stream: which bytes of it, and what is known about them.
        track: counted from 0, or "default" for the one marked as default, else the first.
        stored: whether the container stores its length; else FFmpeg's number is an estimate, and is ignored.
        purpose: what PyAV is needed for, in the message.

    Raises:
        MissingExtraError: PyAV is not installed.
        NotAudioError: FFmpeg can't open it, or it has no audio track.
        ChannelError: there is no such track.
        OSError: the source can't be opened.

    """

    def __init__(
        self,
        source: Source,
        *,
        stream: LogicalStream = WHOLE_FILE,
        track: Track = "default",
        stored: bool = True,
        purpose: str = "decoding this file",
    ) -> None:
        try:
            import av
        except ImportError as error:
            raise missing_extra("av", "media", f"{source.name}: {purpose}") from error
        self._name = source.name
        self._av = av
        self._foreign = (av.FFmpegError, ValueError, ArithmeticError, EOFError, NotImplementedError)
        self._stream = stream
        self._stored = stored and stream.stored
        # A file object, not a name: FFmpeg takes names such as "concat:..." or "http:..." as commands.
        self._view = ByteView(source, stream.pieces)
        self._container: Any = None
        self.notes = list(stream.notes)
        try:
            self._container = av.open(self._view, metadata_errors="ignore", options=OPTIONS)
            self._open_track(track)
        except self._foreign as error:
            self.close()
            raise NotAudioError(f"{source.name}: is not a recording that FFmpeg can open ({_said(error)})") from error
        except AudioError:
            self.close()
            raise

    def _open_track(self, track: Track) -> None:
        tracks = self._container.streams.audio
        self.tracks = len(tracks)
        if not tracks:
            raise NotAudioError(f"{self._name}: has no audio track; pass a recording with sound")
        index = check_track(track, tracks=self.tracks, name=self._name)
        if index is None:
            marked = [number for number, one in enumerate(tracks) if one.disposition & one.disposition.default]
            index = marked[0] if marked else 0
            if self.tracks > 1:
                kind = "the default" if marked else "the first; none is marked as default"
                self.notes.append(
                    f"the recording has {self.tracks} audio tracks; track {index} was read ({kind}); "
                    "choose with track=N or 'all' (--track)"
                )
        self._track = tracks[index]
        context = self._track.codec_context
        if context is None or not context.sample_rate:
            raise NotAudioError(f"{self._name}: FFmpeg has no decoder for its audio track; convert it to wav or flac")
        self._container_name = self._container.format.name.split(",")[0]
        self.rate = int(context.sample_rate)
        self.channels = int(context.channels)
        self._origin = self._start()
        self.frames = self._promised()
        self.format = f"{self._container_name}/{context.name}"

    def _start(self) -> Seconds | None:
        """Return the timestamp of the start of the recording, or None for that of its first block."""
        if self._container.start_time is None:
            return None
        start = float(self._container.start_time / self._av.time_base)
        return 0.0 if self._container_name in ZERO_BASED and 0 <= start <= MAX_START else start

    def _promised(self) -> int | None:
        """Return the samples until the end of the track, where the container stores its length."""
        if not self._stored or self._container_name in FFMPEG_ESTIMATES:
            return None
        track, container = self._track, self._container
        if track.duration is not None:
            late = 0.0
            if track.start_time is not None and self._origin is not None:
                late = float(track.start_time * track.time_base) - self._origin
            seconds = float(track.duration * track.time_base) + max(0.0, late)
        elif container.duration is not None and self.tracks == 1 and not container.streams.video:
            seconds = container.duration / self._av.time_base - (self._origin or 0.0)
        else:
            return None
        return max(0, round(seconds * self.rate)) or None

    def blocks(self, start: int) -> Generator[Array, None, None]:
        """Yield [frames, channels] from the frame `start` on.

        Everything before is decoded and dropped: seeking in compressed media is not exact.
        """
        timeline = Timeline(self.rate, origin=self._origin)
        waiting: list[Array] = []
        held = 0
        try:
            for block in self._timed_blocks(timeline):
                skip = min(max(start - timeline.at, 0), len(block))
                timeline.at += len(block)
                waiting.append(block[skip:])
                held += len(block) - skip
                if held >= GATHERED:
                    yield np.concatenate(waiting)
                    waiting, held = [], 0
        except self._foreign as error:
            if not self._is_last_frame(timeline.at):
                raise self._stopped(timeline.at, reason=_said(error)) from error
        if held:
            yield np.concatenate(waiting)
        self._check_end(timeline)

    def _timed_blocks(self, timeline: Timeline) -> Iterator[Array]:
        """Yield decoded blocks, and silence where the timestamps have gaps."""
        for frame in self._frames():
            timestamp = None if frame.pts is None or self._container_name in TIMELESS else float(frame.time)
            silence = timeline.silence_before(timestamp)
            while silence:
                count = min(silence, GATHERED)
                yield np.zeros((count, self.channels), np.float32)
                silence -= count
            channels = frame.layout.nb_channels
            samples: Any = to_float32(frame.to_ndarray(), name=self._name)
            block: Array = samples.T if frame.format.is_planar else samples.reshape(-1, channels)
            yield with_channels(block, self.channels)

    def _frames(self) -> Iterator[Any]:
        """Yield decoded frames at the rate of the first one, in a sample format that PyAV reads."""
        converter: Any = None
        converted = None
        for frame in self._container.decode(self._track):
            kind = (frame.sample_rate, frame.layout.nb_channels)
            if kind != (self.rate, self.channels):
                self._note_change(*kind)
            if frame.sample_rate == self.rate and frame.format.name in READABLE:
                yield frame
                continue
            key = (*kind, frame.format.name)
            if key != converted:
                if converter is not None:
                    yield from converter.resample(None)
                converter = self._av.AudioResampler(format="fltp", layout=frame.layout, rate=self.rate)
                converted = key
            yield from converter.resample(frame)
        if converter is not None:
            yield from converter.resample(None)

    def _note_change(self, rate: Hertz, channels: int) -> None:
        """Note a format that can be converted to that of the first frame, and refuse another one."""
        words = f"from {self.rate} Hz, {self.channels} channels to {rate} Hz, {channels} channels"
        if channels != self.channels and 1 not in {channels, self.channels}:
            raise NotAudioError(f"{self._name}: changes {words} midway; convert it to wav or flac")
        note = f"the format changes {words}; the rest was converted"
        if note not in self.notes:
            self.notes.append(note)

    def _is_last_frame(self, at: int) -> bool:
        """Return whether decoding failed in the last coded frame of a file that ends within it."""
        return bool(self._stream.shortfall) and self.frames is not None and at >= self.frames - MAX_CODED_FRAME

    def _check_end(self, timeline: Timeline) -> None:
        """Raise where more is missing than containers round; note what the caller should know."""
        allowed = MAX_CODED_FRAME if self._stream.shortfall else ALLOWANCE * self.rate
        if self._view.failure is not None:
            raise self._stopped(timeline.at, reason=str(self._view.failure)) from self._view.failure
        if self._stream.shortfall and self.frames is None and not self._stream.notes:
            raise self._stopped(timeline.at, reason="the file ends within a coded frame")
        if self.frames is not None and timeline.at < self.frames - allowed:
            raise self._stopped(timeline.at, reason="no more samples")
        notes = timeline.notes()
        missing = 0.0 if self.frames is None else (self.frames - timeline.at) / self.rate
        if missing > NOTED and not self._stream.shortfall:
            notes.append(f"the sound ends {missing:.2f} s before the end that the container promises")
        if self._stream.shortfall and not self._stream.notes:
            notes.append(f"the file ends {self._stream.shortfall} bytes too early; its last coded frame is missing")
        self.notes += [note for note in notes if note not in self.notes]

    def _stopped(self, at: int, *, reason: str) -> TruncatedError:
        of = "" if self.frames is None else f" of {self.frames / self.rate:.2f} s"
        return TruncatedError(
            f"{self._name}: is truncated or damaged: decoding stops after {at / self.rate:.2f} s{of} ({reason}); "
            "copy or export it again"
        )

    def close(self) -> None:
        """Close the file."""
        if self._container is not None:
            self._container.close()
        self._view.close()


def _said(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)
