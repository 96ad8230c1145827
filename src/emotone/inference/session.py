"""Live audio: push samples as they arrive and get events as soon as they are known, equal to the offline results.

Pushed audio is re-cut on the recording's own grid at the front end's rate before it is analysed. The events of a
session and their order therefore do not depend on the pieces that were pushed, and pieces of one sample cost little. A
step of the grid is 96 ms, after which the speech detector may decide, or 20 ms where the front end has another rate.

Events arrive in the order of time: the start of an utterance, its measurements, its end. A measurement is emitted when
its window is certain to be inside the utterance: as soon as there is speech at or after the window's end. The end of
an utterance is emitted after 0.5 s of silence. Where each channel is analysed by itself, the events of the channels are
merged step by step of the grid.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import numpy as np

from emotone.audio.samples import (
    ENCODINGS,
    MAX_CHANNELS,
    as_samples,
    check_channel,
    check_channels,
    check_finite,
    check_rate,
    decoded,
    pick_channel,
    to_float32,
)
from emotone.errors import RateError, UsageError, unknown_name
from emotone.inference.channel_stream import ChannelStream

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from numpy.typing import ArrayLike, NDArray

    from emotone.audio.samples import Encoding
    from emotone.bundles.bundle import Bundle
    from emotone.inference.events import Event
    from emotone.inference.result import Selection
    from emotone.types import Array, Hertz


class Session:
    """One audio stream and all of its state. Built by `Model.session`; several sessions can share a model.

    Leaving its `with` block, or calling `end`, ends the audio. Nothing is lost: `end` returns the last events, inside
    the block or after it.

    The mix of a session is always the mean of the channels. Unlike `Model.predict`, which examines the first 30 seconds
    of a recording, a session does not replace a mix that cancels: for channels with inverted phase, choose one of them.

    Args:
        bundle: the model.
        rate: hertz of the samples that will be pushed.
        channel: counted from 0; "mix" for the mean of all; or "each" to analyse every channel by itself, as for calls
            with one speaker per channel.
        channels: number of channels of the pieces, for interleaved samples and blocks [time, channels]; required with
            "each".
        encoding: of pieces that are bytes: "s16le" or "f32le".
        adapt: adapt the model to the utterances of the session, without labels; each channel by itself. Only for models
            with embeddings (see `Model.adapt`).
        interim: return an `UtteranceInterim` after every second of an utterance, and when speech has paused for 0.2 s.
            Before the first window of the utterance is complete, the former is one more run of the network. The latter
            is one more only if the utterance continues.

    Raises:
        RateError: a rate or channel outside the allowed range.
        UsageError: `channel`, `channels` or `encoding` is something else; or the model can't be adapted.

    Example:
        >>> import emotone
        >>> with emotone.load("default").session(rate=48000) as session:  # doctest: +SKIP
        ...     for chunk in microphone:
        ...         for event in session.push(chunk):
        ...             print(event.to_dict())
        ...     for event in session.end():
        ...         print(event.to_dict())

    """

    def __init__(
        self,
        bundle: Bundle,
        *,
        rate: Hertz,
        channel: Selection = "mix",
        channels: int | None = None,
        encoding: Encoding | None = None,
        adapt: bool = False,
        interim: bool = False,
    ) -> None:
        self._declared = _checked_channels(channels)
        if encoding is not None and encoding not in ENCODINGS:
            raise unknown_name("encoding", str(encoding), ENCODINGS)
        self._encoding = encoding
        self._rate = check_rate(rate, name="session")
        self._channel: Selection = channel
        if channel != "each":
            self._channel = check_channel(channel, channels=self._declared or MAX_CHANNELS, name="session")
        elif self._declared is None:
            raise UsageError("session: channel='each' needs the number of channels; add it, e.g. channels=2")
        self._time_first = False  # whether blocks are [time, channels]; decides about square ones
        self._channels = 0  # of the pieces; set by the first one
        self._received = 0  # samples
        analysed = range(self._declared or 0) if self._channel == "each" else [self._channel]
        self._streams = [
            ChannelStream(bundle, rate=self._rate, channel=one, adapt=adapt, interim=interim) for one in analysed
        ]
        self._closed = False
        self._ended = False
        self._busy = False

    def push(self, samples: ArrayLike | bytes) -> tuple[Event, ...]:
        """Add samples and return the events that they complete.

        A piece that is refused is refused as a whole: the session continues as if it had not been pushed.

        Args:
            samples: [time] or [channels, time], any number of them including none; float (full scale 1) or integers,
                as for `Model.predict`; bytes if the session has an encoding.

        Raises:
            UsageError: the session has ended; or another type or shape of samples.
            RateError: another number of channels than before, or no such channel.
            NotFiniteError: a sample is NaN or infinite.
            BundleError: the network fails; the session is then unusable.

        """
        if self._closed:
            raise UsageError(
                "the session has ended, so it takes no more samples; start a new one: model.session(rate=...)"
            )
        signal = self._checked(samples)
        if not signal.size:
            return ()
        self._begin()
        samples_pushed = signal.shape[-1]
        stores = self.only_stores(samples_pushed)
        self._received += samples_pushed
        events: tuple[Event, ...] = ()
        if stores:
            for one, part in self._divided(signal):
                one.store(part)
        else:
            events = tuple(_merged([one.push(part) for one, part in self._divided(signal)]))
        self._busy = False
        return events

    def only_stores(self, samples: int) -> bool:
        """Return whether a piece of so many samples per channel returns no events, whatever it contains.

        `push` then only checks and stores it, in microseconds: a server need not use a thread for it.

        Example:
            >>> session = emotone.load("default").session(rate=16000)  # doctest: +SKIP
            >>> session.only_stores(320), session.only_stores(16000)  # doctest: +SKIP
            (True, False)

        """
        return all(one.only_stores(samples) for one in self._streams)

    def end(self) -> tuple[Event, ...]:
        """End the audio and return the last events; further calls return none.

        Raises:
            TooShortError: too little audio was pushed to analyse, but not none.
            BundleError: the network fails.

        """
        self._closed = True
        if self._ended or not self._received:
            return ()
        self._begin()
        events = list(_merged([one.drain() for one in self._streams]))
        self._ended = True
        try:
            for one in self._streams:
                events += one.finish()
        finally:
            self._busy = False
        return tuple(events)

    def __enter__(self) -> Session:  # noqa: PYI034  (Self came with Python 3.11)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed = True

    def _begin(self) -> None:
        """Guard the state: after an error in the middle of a call, later results would be wrong."""
        if self._busy:
            raise UsageError("an earlier call failed, or another thread uses the session; start a new one")
        self._busy = True

    def _checked(self, samples: ArrayLike | bytes) -> Array:
        """Return the channel [time], or all channels [channels, time], of a piece that is valid."""
        if self._encoding is None and type(samples) is np.ndarray and samples.size and self._is_plain(samples):
            # The common case, fifty times per second; all other checks take longer than the analysis.
            self._channels = 1
            return check_finite(samples, rate=self._rate, name="samples", offset=self._received)
        given: Any = samples
        encoding = self._encoding
        if not isinstance(samples, bytes | bytearray | memoryview):
            if encoding is not None:
                decoded(samples, encoding=encoding)  # states that the encoding is for bytes
            with contextlib.suppress(TypeError, ValueError, RuntimeError):  # `as_samples` states what is wrong
                given = np.asarray(samples)
                if not given.size and given.ndim in {1, 2}:
                    return np.zeros(0, np.float32)
                given = self._oriented(given)
        elif encoding is None:
            raise UsageError(
                f"samples: a {type(samples).__name__} was given, whose sample format is unknown; start the session "
                "with it, e.g. model.session(rate=16000, encoding='s16le'), or use numpy.frombuffer(data, '<i2')"
            )
        elif not len(samples):
            return np.zeros(0, np.float32)
        else:
            given, encoding = decoded(samples, encoding=encoding), None
            if self._declared in {None, 1}:
                given = to_float32(given, name="samples")
        if self._is_plain(given):
            if self._encoding != "s16le":  # whole numbers are always finite
                check_finite(given, rate=self._rate, name="samples", offset=self._received)
            self._channels = 1
            plain: Array = given
            return plain
        waveform = as_samples(given, self._rate, channels=self._declared, encoding=encoding, offset=self._received)
        channels = len(waveform)
        if self._channels not in {0, channels}:
            raise RateError(
                f"samples: {channels} channels were given after pieces of {self._channels}; "
                "allowed: the same number in every piece of a session"
            )
        if self._channel != "each":
            check_channel(self._channel, channels=channels, name="samples")
        self._channels = channels
        return waveform if self._channel == "each" else pick_channel(waveform.T, self._channel)

    def _oriented(self, given: NDArray[Any]) -> NDArray[Any]:
        """Return a block; a square one, which could be read in two ways, has the axes of the blocks before it."""
        if self._declared is None or given.ndim != 2:
            return given
        if given.shape[0] != given.shape[1]:
            self._time_first = given.shape[1] == self._declared
            return given
        return given.T if self._time_first else given

    def _is_plain(self, given: Any) -> bool:
        """Return whether a piece is one channel of float32 and can be used as it is."""
        if not isinstance(given, np.ndarray) or given.ndim != 1 or given.dtype != np.float32:
            return False
        return self._channels <= 1 and self._declared in {None, 1} and self._channel in {"mix", 0}

    def _divided(self, signal: Array) -> Iterator[tuple[ChannelStream, Array]]:
        return zip(self._streams, [signal] if signal.ndim == 1 else signal, strict=True)


def _merged(channels: list[list[list[Event]]]) -> Iterator[Event]:
    """Yield the events of all channels step by step, so that their order does not depend on the pieces."""
    for step in zip(*channels, strict=True):
        for events in step:
            yield from events


def _checked_channels(channels: Any) -> int | None:
    """Return the declared number of channels; raise `UsageError` or `RateError` for what is no such number."""
    if channels is None:
        return None
    if isinstance(channels, bool) or not isinstance(channels, int | np.integer):
        raise UsageError(f"session: channels={channels!r} was given; allowed: a whole number from 1 to {MAX_CHANNELS}")
    return check_channels(int(channels), name="session")
