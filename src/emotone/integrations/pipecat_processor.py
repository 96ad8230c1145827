"""A frame processor for Pipecat (https://www.pipecat.ai): the emotions of the user's speech as frames.

It is placed after the input of the transport. Every frame is passed on at once and unchanged; the audio is analysed in
a thread. An `EmotionFrame` carries an event of a session. It is a system frame, so that an interruption of the agent
does not discard it. With `prompt=True`, a line about each utterance is also added to the agent's context.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from emotone.errors import EmotoneError, missing_extra
from emotone.inference.events import UtteranceEnd
from emotone.integrations.voice_turns import VoiceTurns, prompt_text

try:
    from pipecat.frames.frames import EndFrame, Frame, InputAudioRawFrame, LLMMessagesAppendFrame, SystemFrame
    from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
except ImportError as error:
    raise missing_extra("pipecat-ai", "pipecat", "a frame processor for Pipecat") from error

if TYPE_CHECKING:
    from emotone.inference.events import Event
    from emotone.inference.model import Model


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
        options: of Pipecat's `FrameProcessor`.

    Raises:
        UsageError: the model can't be adapted.

    Example:
        >>> Pipeline([transport.input(), EmotionProcessor(emotone.load()), stt, ...])  # doctest: +SKIP

    """

    def __init__(self, model: Model, *, adapt: bool = False, prompt: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self._turns: VoiceTurns | None = VoiceTurns(model, adapt=adapt)
        self._prompt = prompt

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Pass a frame on, and analyse it if it contains the user's audio."""
        await super().process_frame(frame, direction)
        if isinstance(frame, EndFrame):
            await self._analyse(None)  # the last events are pushed before the end
        await self.push_frame(frame, direction)
        if isinstance(frame, InputAudioRawFrame):
            await self._analyse(frame)

    async def _analyse(self, frame: InputAudioRawFrame | None) -> None:
        if self._turns is None:
            return
        try:
            events = await asyncio.to_thread(_events, self._turns, frame)
        except EmotoneError as error:
            self._turns = None
            await self.push_error(f"emotone: {error}", exception=error)
            return
        for event in events:
            await self.push_frame(EmotionFrame(event=event))
            if self._prompt and isinstance(event, UtteranceEnd):
                message: Any = {"role": "developer", "content": prompt_text(event)}
                await self.push_frame(LLMMessagesAppendFrame(messages=[message], run_llm=False))


def _events(turns: VoiceTurns, frame: InputAudioRawFrame | None) -> tuple[Event, ...]:
    if frame is None:
        return turns.end()
    return turns.push(frame.audio, rate=frame.sample_rate, channels=frame.num_channels)
