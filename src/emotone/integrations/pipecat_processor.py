"""A frame processor for Pipecat (https://www.pipecat.ai): the emotions of the user's speech as frames.

It is placed after the input of the transport. Every frame is passed on at once and unchanged; the audio is analysed in
a thread. An `EmotionFrame` carries an event of a session. It is a system frame, so that an interruption of the agent
does not discard it. With `prompt=True`, a line about each utterance is also added to the agent's context.

With `rcs=True`, the processor is placed after the speech recogniser, and the text of each final transcription begins
with a reading of Pipecat's Real-time Context Standard (RCS): how the user sounded.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from emotone.errors import EmotoneError, missing_extra
from emotone.inference.events import UtteranceEnd, UtteranceStart
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
        event: start of an utterance, measurement, or end of an utterance with its emotion.

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
        options: of Pipecat's `FrameProcessor`.

    Raises:
        UsageError: the model can't be adapted.

    Example:
        >>> Pipeline([transport.input(), EmotionProcessor(emotone.load()), stt, ...])  # doctest: +SKIP

    """

    def __init__(
        self, model: Model, *, adapt: bool = False, prompt: bool = False, rcs: bool = False, **options: Any
    ) -> None:
        super().__init__(**options)
        self._turns: VoiceTurns | None = VoiceTurns(model, adapt=adapt)
        self._prompt = prompt
        self._rcs = rcs
        self._ended: list[UtteranceEnd] = []  # since the last transcription
        self._quiet = asyncio.Event()  # no utterance lasts
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
        reading, self._ended = context_reading(self._ended), []
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
            if isinstance(event, UtteranceStart):
                self._quiet.clear()
            elif isinstance(event, UtteranceEnd):
                self._ended = [*self._ended[-MAX_UTTERANCES:], event]
                self._quiet.set()
            await self.push_frame(EmotionFrame(event=event))
            if self._prompt and isinstance(event, UtteranceEnd):
                message: Any = {"role": "developer", "content": prompt_text(event)}
                await self.push_frame(LLMMessagesAppendFrame(messages=[message], run_llm=False))


def _events(turns: VoiceTurns, frame: InputAudioRawFrame | None) -> tuple[Event, ...]:
    if frame is None:
        return turns.end()
    return turns.push(frame.audio, rate=frame.sample_rate, channels=frame.num_channels)
