"""What a voice agent needs from a session: audio of a changing format in, events and a line for a prompt out."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emotone.inference.events import Event, UtteranceEnd, UtteranceInterim
    from emotone.inference.model import Model
    from emotone.inference.session import Session
    from emotone.types import Hertz


class VoiceTurns:
    """The session of one user in a call. It is started again where the format of the audio changes.

    Args:
        model: the model.
        adapt: see `Model.session`.
        interim: see `Model.session`; its result in a pause is known 0.3 s before the end of the utterance.

    Raises:
        UsageError: the model can't be adapted.

    Example:
        >>> turns = VoiceTurns(model)  # doctest: +SKIP
        >>> for event in turns.push(audio, rate=16000, channels=1):  # doctest: +SKIP
        ...     if isinstance(event, UtteranceEnd):
        ...         agent.note(prompt_text(event))

    """

    def __init__(self, model: Model, *, adapt: bool = False, interim: bool = False) -> None:
        self._model = model
        self._adapt = adapt
        self._interim = interim
        self._format: tuple[Hertz, int] = (16000, 1)
        self._session = self._started()

    def push(self, audio: bytes, *, rate: Hertz, channels: int) -> tuple[Event, ...]:
        """Add samples, signed 16-bit little-endian and interleaved, and return the events that they complete.

        Raises:
            RateError: a rate or a number of channels outside the allowed range.
            UsageError: a part of a sample.
            BundleError: the network fails.

        """
        last: tuple[Event, ...] = ()
        if (rate, channels) != self._format:
            last = self.end()
            self._format = (rate, channels)
            self._session = self._started()
        return (*last, *self._session.push(audio))

    def end(self) -> tuple[Event, ...]:
        """End the audio and return the last events; none where too little was pushed to analyse."""
        from emotone.errors import TooShortError

        try:
            return self._session.end()
        except TooShortError:
            return ()

    def _started(self) -> Session:
        rate, channels = self._format
        return self._model.session(
            rate=rate, channels=channels, encoding="s16le", adapt=self._adapt, interim=self._interim
        )


def prompt_text(event: UtteranceEnd | UtteranceInterim) -> str:
    """Return one line about an utterance, for the prompt of a language model.

    Example:
        >>> from emotone.inference.events import UtteranceEnd
        >>> from emotone.inference.segments import Clip
        >>> clip = Clip("anger", 0.81, False, {"anger": 0.81, "neutral": 0.19}, True)
        >>> print(prompt_text(UtteranceEnd(4.5, 1.0, clip, ())))
        The user's voice in the last utterance (3.5 s): anger (81 %). This is a guess about a voice, not a fact.

    """
    clip = event.clip
    unsure = ", unsure" if clip.unsure else ""
    share = "" if clip.confidence is None else f" ({round(100 * clip.confidence)} %{unsure})"
    seconds = event.time - event.start
    return (
        f"The user's voice in the last utterance ({seconds:.1f} s): {clip.label}{share}. "
        "This is a guess about a voice, not a fact."
    )


def context_reading(events: Sequence[UtteranceEnd | UtteranceInterim]) -> str:
    """Return the emotions of a turn as a reading of Pipecat's Real-time Context Standard (RCS) 0.1.

    It is empty where there is no utterance. A reading precedes the user's message in the context of a language model.
    It has the two most probable emotions, by the names of the model, and their probabilities as the mean over the
    utterances, weighted by duration.

    Example:
        >>> from emotone.inference.events import UtteranceEnd
        >>> from emotone.inference.segments import Clip
        >>> clip = Clip("anger", 0.71, False, {"anger": 0.71, "fear": 0.09, "neutral": 0.2}, True)
        >>> context_reading([UtteranceEnd(4.5, 1.0, clip, ())])
        '([emotion anger=0.71, neutral=0.20])'

    Reference: Pipecat, Real-time Context Standard 0.1 (alpha), docs.pipecat.ai, 2026.

    """
    seconds = sum(event.time - event.start for event in events)
    if not seconds:
        return ""
    weighted: dict[str, float] = {}
    for event in events:
        for label, probability in event.clip.probabilities.items():
            weighted[label] = weighted.get(label, 0.0) + probability * (event.time - event.start) / seconds
    first = sorted(weighted, key=weighted.__getitem__, reverse=True)[:2]
    return f"([emotion {', '.join(f'{label}={weighted[label]:.2f}' for label in first)}])"
