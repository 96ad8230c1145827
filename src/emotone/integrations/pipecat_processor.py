"""A frame processor for Pipecat (https://www.pipecat.ai): the emotions of the user's speech as frames.

It is placed after the input of the transport. Every frame is passed on at once and unchanged; the audio is analysed in
a thread. An `EmotionFrame` carries an event of a session. It is a system frame, so that an interruption of the agent
does not discard it. With `prompt=True`, a line about each utterance is also added to the agent's context.

With `eager=True`, both the line and the reading use the result at a pause of 0.2 s, which is the final one unless the
user continues.

With `rcs=True`, the processor is placed after the speech recogniser, and the text of each final transcription begins
with a reading of Pipecat's Real-time Context Standard (RCS): how the user sounded.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from emotone.errors import EmotoneError, missing_extra
from emotone.inference.events import UtteranceEnd, UtteranceInterim, UtteranceStart
from emotone.integrations.voice_turns import VoiceTurns, context_reading, prompt_text

try:
    from pipecat.frames.frames import (
        EndFrame,
        Frame,
        InputAudioRawFrame,
        LLMMessagesAppendFrame,
        SystemFrame,
        TranscriptionFrame,
    )
    from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
except ImportError as error:
    raise missing_extra("pipecat-ai", "pipecat", "a frame processor for Pipecat") from error

if TYPE_CHECKING:
    from emotone.inference.events import Event
    from emotone.inference.model import Model
    from emotone.types import Seconds

WAIT: Seconds = 1.5  # for the end of an utterance that is transcribed already; it is known 0.8 s after it
MAX_UTTERANCES = 20  # of one reading, where nothing is transcribed for long


@dataclass
class EmotionFrame(SystemFrame):  # type: ignore[misc, unused-ignore]
    """An event of a session.

    Attributes:
        event: start of an utterance, measurement, or end of an utterance with its emotion; with `eager`, also the
            emotion of an utterance so far.

    """

    event: Event | None = None


class EmotionProcessor(FrameProcessor):  # type: ignore[misc, unused-ignore]
    """Pushes an `EmotionFrame` for every event in the user's audio.

    A network that fails pushes an error frame, and audio is then passed on without analysis.

    Args:
        model: the model.
        adapt: adapt the model to the user's utterances; see `Model.session`.
        prompt: add a line about each utterance to the context of the agent, without making it answer.
        rcs: begin the text of each final transcription with a reading of the Real-time Context Standard. One that
            arrives while an utterance lasts waits for its end, for up to 1.5 s.
        eager: push a frame for interim results, too, and use the result at a pause of 0.2 s, which is known 0.3 s
            before the end of the utterance. Where the utterance continues after the pause, there is another line, or
            another reading, of the whole utterance.
        options: of Pipecat's `FrameProcessor`.

    Raises:
        UsageError: the model can't be adapted.

    Example:
        >>> Pipeline([transport.input(), EmotionProcessor(emotone.load()), stt, ...])  # doctest: +SKIP

    """

    def __init__(
        self,
        model: Model,
        *,
        adapt: bool = False,
        prompt: bool = False,
        rcs: bool = False,
        eager: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self._turns: VoiceTurns | None = VoiceTurns(model, adapt=adapt, interim=eager)
        self._prompt = prompt
        self._rcs = rcs
        self._results: list[UtteranceEnd | UtteranceInterim] = []  # one per utterance since the last transcription
        self._latest: UtteranceEnd | UtteranceInterim | None = None  # result of the present utterance
        self._quiet = asyncio.Event()  # no utterance lasts, other than one with a result at a pause
        self._quiet.set()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Pass a frame on, and analyse it if it contains the user's audio."""
        await super().process_frame(frame, direction)
        if isinstance(frame, EndFrame):
            await self._analyse(None)  # the last events are pushed before the end
        if self._rcs and isinstance(frame, TranscriptionFrame):
            await self._add_reading(frame)
        await self.push_frame(frame, direction)
        if isinstance(frame, InputAudioRawFrame):
            await self._analyse(frame)

    async def _add_reading(self, frame: TranscriptionFrame) -> None:
        """Begin the text of a transcription, in place, with the reading of the utterances before it."""
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._quiet.wait(), WAIT)
        reading, self._results = context_reading(self._results), []
        if reading:
            frame.text = f"{reading} {frame.text}"

    async def _analyse(self, frame: InputAudioRawFrame | None) -> None:
        if self._turns is None:
            return
        try:
            events = await asyncio.to_thread(_events, self._turns, frame)
        except EmotoneError as error:
            self._turns = None
            self._quiet.set()
            await self.push_error(f"emotone: {error}", exception=error)
            return
        for event in events:
            found = self._noted(event)
            await self.push_frame(EmotionFrame(event=event))
            if self._prompt and found is not None:
                message: Any = {"role": "developer", "content": prompt_text(found)}
                await self.push_frame(LLMMessagesAppendFrame(messages=[message], run_llm=False))

    def _noted(self, event: Event) -> UtteranceEnd | UtteranceInterim | None:
        """Return the event if it has a new result of an utterance that has ended, or may have ended."""
        if isinstance(event, UtteranceEnd) or (isinstance(event, UtteranceInterim) and event.paused):
            self._quiet.set()
            latest = self._latest
            if latest is not None and latest.time == event.time:
                return None  # the end of an utterance repeats the result at the pause before it
            others = self._results[:-1] if self._results and self._results[-1] is latest else self._results
            self._results = [*others[-MAX_UTTERANCES:], event]
            self._latest = event
            return event
        if isinstance(event, UtteranceStart):
            self._latest = None
        if isinstance(event, UtteranceStart | UtteranceInterim):
            self._quiet.clear()
        return None


def _events(turns: VoiceTurns, frame: InputAudioRawFrame | None) -> tuple[Event, ...]:
    if frame is None:
        return turns.end()
    return turns.push(frame.audio, rate=frame.sample_rate, channels=frame.num_channels)
