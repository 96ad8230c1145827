"""Live sound: pushed as it comes, told about as soon as something is known, with the numbers of a whole recording.

Key idea: pushed sound is cut again, on the recording's own grid of 20 ms at the front end's rate, before anything
looks at it. So what a session tells, and in which order, does not depend on the pieces that were pushed by one bit;
and pieces of one sample cost no more than they must. As windows of whole multiples of 20 ms end on that grid, they do
not wait for it.

Order. Events come as they become known. Of one kind they are in the order of time; an utterance's start comes before
the first measurement that has its speech, and its end after every measurement that ends by then. A later measurement
may come before it: an end is known only after 0.5 s of silence, and no measurement waits for that.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import numpy as np

from emotone.audio.resample import Resampler
from emotone.audio.samples import MAX_CHANNELS, as_samples, check_channel, check_finite, check_rate, pick_channel
from emotone.errors import RateError, TooShortError, UsageError
from emotone.inference.engine import Engine
from emotone.inference.events import Measurement, UtteranceStart
from emotone.inference.utterances import Utterances

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import TracebackType

    from numpy.typing import ArrayLike

    from emotone.audio.samples import Channel
    from emotone.bundles.bundle import Bundle
    from emotone.inference.events import Event
    from emotone.inference.result import Segment
    from emotone.inference.utterances import Known
    from emotone.types import Array, Hertz

STEPS_PER_SECOND = 50  # 20 ms: what microphones and networks deliver; shorter steps cost more than they gain


class Session:
    """One stream of sound and all of its state. Built by `Model.session`; many may share a model, one per thread.

    Leaving its `with` block, or calling `end`, ends the sound. Nothing is lost then: `end` returns the last events,
    inside the block or after it.

    Args:
        bundle: the model.
        rate: hertz of what is pushed.
        channel: counted from 0, or "mix" for the mean of all.

    Raises:
        RateError: a rate or channel outside what is allowed.
        UsageError: `channel` is something else.

    Example:
        >>> import emotone
        >>> with emotone.load("default").session(rate=48000) as session:  # doctest: +SKIP
        ...     for chunk in microphone:
        ...         for event in session.push(chunk):
        ...             print(event.to_dict())
        ...     for event in session.end():
        ...         print(event.to_dict())

    """

    def __init__(self, bundle: Bundle, *, rate: Hertz, channel: Channel = "mix") -> None:
        self._rate = check_rate(rate, name="session")
        self._channel = check_channel(channel, channels=MAX_CHANNELS, name="session")
        self._channels = 0  # of the pieces; the first one says
        self._received = 0  # samples
        self._resampler = Resampler(self._rate, to=bundle.feature.rate)
        self._step = bundle.feature.rate // STEPS_PER_SECOND
        self._waiting: Array = np.zeros(0, np.float32)  # less than a step
        self._utterances = Utterances(bundle)
        self._engine = Engine(bundle, batch=1, listener=self._utterances)
        self._judged = 0
        self._closed = False
        self._ended = False
        self._at_work = False

    def push(self, samples: ArrayLike) -> tuple[Event, ...]:
        """Take the next samples and return what is known now.

        A piece that is refused is refused as a whole: the session goes on as if it had not been pushed.

        Args:
            samples: [time] or [channels, time], any number of them, none too; float (full scale 1) or int16, as
                `Model.predict` takes them.

        Raises:
            UsageError: the session has ended; or another type or shape of samples.
            RateError: another number of channels than before, or no such channel.
            NotFiniteError: a sample is NaN or infinite.
            BundleError: the net fails; the session is over then.

        """
        if self._closed:
            raise UsageError(
                "samples were pushed into a session that has ended; start another: model.session(rate=...)"
            )
        signal = self._checked(samples)
        if not signal.size:
            return ()
        with self._work():
            self._received += len(signal)
            return tuple(self._advance(self._resampler.push(signal)))

    def end(self) -> tuple[Event, ...]:
        """End the sound and return the last events; called again, there are none.

        Raises:
            TooShortError: too little was pushed to judge any of it, though not nothing.
            BundleError: the net fails.

        """
        self._closed = True
        if self._ended or not self._received:
            return ()
        with self._work():
            events = list(self._advance(self._resampler.finish()))
            try:
                _, segments = self._engine.finish(self._waiting)
            except TooShortError as error:
                self._ended = True
                raise TooShortError(f"session: {error}") from error
            events += _in_order(segments, self._utterances.finish())
            self._ended = True
        return tuple(events)

    def __enter__(self) -> Session:  # noqa: PYI034  (Self came with Python 3.11)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed = True

    @contextlib.contextmanager
    def _work(self) -> Iterator[None]:
        """Guard the state: after an error in the middle of it, going on would give other numbers."""
        if self._at_work:
            raise UsageError("the session broke off in an earlier call, or another thread is in it; start another")
        self._at_work = True
        yield
        self._at_work = False

    def _checked(self, samples: ArrayLike) -> Array:
        """Return one channel's signal [time] of a piece; the state is changed only where nothing is wrong."""
        given = np.asarray(samples)
        if not given.size and given.ndim in {1, 2}:
            return np.zeros(0, np.float32)
        if given.dtype == np.float32 and given.ndim == 1 and self._channels <= 1 and self._channel in {"mix", 0}:
            # The common case: one channel as it is. It comes fifty times a second, and all the rest takes longer.
            check_finite(given, rate=self._rate, name="samples", offset=self._received)
            self._channels = 1
            return given
        waveform = as_samples(given, self._rate, offset=self._received)
        channels = len(waveform)
        if self._channels not in {0, channels}:
            raise RateError(
                f"samples: {channels} channels were given after pieces of {self._channels}; "
                "allowed: the same number in every piece of a session"
            )
        check_channel(self._channel, channels=channels, name="samples")
        self._channels = channels
        return pick_channel(waveform.T, self._channel)

    def _advance(self, samples: Array) -> Iterator[Event]:
        """Work on all whole steps, and let the rest wait."""
        waiting = np.concatenate([self._waiting, samples])
        whole = len(waiting) // self._step * self._step
        for at in range(0, whole, self._step):
            step = waiting[at : at + self._step]
            judged = self._engine.push(step)
            segments: Sequence[Segment] = ()
            if judged > self._judged:
                self._judged, segments = judged, list(self._engine.take())
            yield from _in_order(segments, self._utterances.events())
        self._waiting = waiting[whole:].copy()  # a view would keep the whole piece alive


def _in_order(segments: Sequence[Segment], known: list[Known]) -> Iterator[Event]:
    """Yield what one step made known by the moment up to which it had to be heard: starts first, ends last."""
    if not (segments or known):
        return iter(())
    events: list[tuple[float, int, Event]] = [
        (one.moment, 0 if isinstance(one.event, UtteranceStart) else 2, one.event) for one in known
    ]
    events += [
        (one.end, 1, Measurement(one.start, one.end, one.label, one.probabilities, one.speech)) for one in segments
    ]
    return (event for _, _, event in sorted(events, key=lambda ranked: ranked[:2]))
