"""One channel of a session: its samples on the recording's own grid, its engine, and its events."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from emotone.audio.samples import Resampler
from emotone.audio.speech_network import CHUNK, EARLY, RATE
from emotone.errors import TooShortError
from emotone.inference.engine import Engine
from emotone.inference.events import Measurement
from emotone.inference.running_adaptation import RunningAdaptation
from emotone.inference.segments import Segments

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from emotone.bundles.bundle import Bundle
    from emotone.inference.engine import EngineEvent
    from emotone.inference.events import Event
    from emotone.inference.result import Channel
    from emotone.types import Array, Hertz

STEP = EARLY * CHUNK  # samples: 96 ms
STEPS_PER_SECOND = 50  # 20 ms: what microphones and networks deliver; shorter steps cost more than they gain


def step_samples(bundle: Bundle) -> int:
    """Return how many samples, at the rate of the front end, are analysed at a time.

    The speech detector decides after every few chunks of samples, and no event can arise in between. Where the front
    end has its rate, a step is so many chunks: shorter ones would cost more and give the same events.
    """
    if bundle.manifest.windows.speech_only and bundle.feature.rate == RATE:
        return STEP
    return bundle.feature.rate // STEPS_PER_SECOND


class ChannelStream:
    """The analysis of one channel. Built by `Session`.

    Args:
        bundle: the model.
        rate: hertz of the samples.
        channel: what the events state.
        adapt: whether the statistics of the model follow the channel's utterances.
        interim: whether utterances have interim results.

    Raises:
        UsageError: the model can't be adapted.

    """

    def __init__(self, bundle: Bundle, *, rate: Hertz, channel: Channel, adapt: bool, interim: bool) -> None:
        self._channel: Channel = channel
        self._adapted = adapt or bundle.manifest.adaptation is not None
        self._rate = rate
        self._analysed_rate = bundle.feature.rate
        self._resampler = Resampler(rate, to=bundle.feature.rate)
        self._step = step_samples(bundle)
        self._pushed = 0  # samples
        self._stored: list[Array] = []  # pieces that complete no step, at the rate of the session
        self._waiting: Array = np.zeros(0, np.float32)  # resampled, less than a step
        adaptation = RunningAdaptation(bundle) if adapt else None
        self._engine = Engine(bundle, batch=1, adaptation=adaptation, interim=interim)
        self._analysed = 0  # samples, at the rate of the front end
        self._storable = self._count_storable()

    def only_stores(self, samples: int) -> bool:
        """Return whether so many further samples complete no event."""
        return self._pushed + samples <= self._storable

    def _count_storable(self) -> int:
        """Return how many samples can have been pushed before the next event.

        Resampled audio is never longer than the audio that was pushed.
        """
        needed = self._analysed + max(self._step, self._engine.missing)
        return (needed - 1) * self._rate // self._analysed_rate

    def store(self, samples: Array) -> None:
        """Keep samples [time] that complete no event."""
        self._pushed += len(samples)
        self._stored.append(np.array(samples, np.float32))  # a copy: the caller may reuse its buffer

    def push(self, samples: Array) -> list[list[Event]]:
        """Return the events of each step of the grid that the samples [time] complete.

        Raises:
            BundleError: the network fails.

        """
        self._pushed += len(samples)
        return self._steps(self._resampler.push(self._taken(samples)))

    def drain(self) -> list[list[Event]]:
        """Return the events of each step that is complete after the last sample, before `finish`."""
        stored = self._taken(np.zeros(0, np.float32))
        last = [self._resampler.push(stored)] if len(stored) else []
        return self._steps(np.concatenate([*last, self._resampler.finish()]))

    def finish(self) -> list[Event]:
        """Return the last events.

        Raises:
            TooShortError: too little audio was pushed to analyse.
            BundleError: the network fails.

        """
        try:
            return list(self._public(self._engine.finish(self._waiting)))
        except TooShortError as error:
            raise TooShortError(f"session: {error}") from error

    def _taken(self, samples: Array) -> Array:
        """Return the stored samples with these after them, and store none."""
        joined = np.concatenate([*self._stored, samples]) if self._stored else samples
        self._stored = []
        return joined

    def _steps(self, samples: Array) -> list[list[Event]]:
        waiting = np.concatenate([self._waiting, samples]) if len(self._waiting) else samples
        whole = len(waiting) // self._step * self._step
        starts = range(0, whole, self._step)
        events = [list(self._public(self._engine.push(waiting[at : at + self._step]))) for at in starts]
        self._analysed += whole
        self._storable = self._count_storable()
        self._waiting = waiting[whole:].copy()  # a view would keep the whole piece in memory
        return events

    def _public(self, events: Iterable[EngineEvent]) -> Iterator[Event]:
        """Yield events with the channel, and one `Measurement` per window instead of arrays of windows."""
        channel, adapted = self._channel, self._adapted
        for event in events:
            if isinstance(event, Segments):
                for one in event:
                    yield Measurement(
                        one.start, one.end, one.label, one.probabilities, channel=channel, adapted=adapted
                    )
            else:
                yield replace(event, channel=channel, adapted=adapted)
