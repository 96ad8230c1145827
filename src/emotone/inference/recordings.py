"""From one recording to its prediction: decode, resample, analyse, and measure the envelope, in bounded memory."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from emotone.errors import EmotoneError, NotAudioError, TooShortError
from emotone.features.base import VisualFeature
from emotone.inference.buffers import EnvelopeMeter
from emotone.inference.engine import BLOCK_SECONDS, Analyser, analyse
from emotone.inference.inputs import check_file, checked_samples, is_file
from emotone.inference.result import Failure, ModelInfo, Prediction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from emotone.audio.source import Recording, Track
    from emotone.audio.streams import RecordingStream
    from emotone.bundles.bundle import Bundle
    from emotone.features.base import FaceTrack
    from emotone.inference.buffers import Envelope
    from emotone.inference.engine import Analysis
    from emotone.inference.result import Channel, Selection
    from emotone.types import Array, Hertz, Seconds

Progress: TypeAlias = "Callable[[Seconds, Seconds | None], None]"
"""Called with the seconds that are analysed, and with the duration or None where it is not known in advance."""

MILLISECONDS = 3  # digits of reported seconds

logger = logging.getLogger(__name__)
CAN_FAIL = (EmotoneError, OSError, MemoryError)
"""What a bad recording raises, or a full machine. Only this recording fails."""


class ProgressReport:
    """Calls a callback while a recording is analysed, with a duration that never is below what is analysed.

    Args:
        progress: the callback, or None for no reports.
        recording: a path or the bytes of a file, whose header is read for the duration.
        duration: seconds, where it is known already.
        track: of the recording.
        name: how messages name the recording.

    """

    def __init__(
        self,
        progress: Progress | None,
        recording: Any = None,
        *,
        duration: Seconds | None = None,
        track: Track = "default",
        name: str | None = None,
    ) -> None:
        self._progress = progress
        self._total = duration
        # The header of an open file object can't be read without moving its position.
        if progress is not None and isinstance(recording, str | os.PathLike | bytes | bytearray | memoryview):
            from emotone.audio.read import probe

            self._total = probe(recording, track=track, name=name).duration

    def update(self, done: Seconds) -> None:
        """Report seconds that are analysed."""
        if self._progress is not None:
            total = None if self._total is None else round(max(self._total, done), MILLISECONDS)
            self._progress(round(done, MILLISECONDS), total)

    def finish(self, duration: Seconds) -> None:
        """Report the end, at which the duration is known."""
        if self._progress is not None:
            self._progress(round(duration, MILLISECONDS), round(duration, MILLISECONDS))


def failure_of(error: Exception, path: str | Path, shown: str) -> Failure:
    """Return the failure of a recording that one of `CAN_FAIL` stopped; `shown` is the name that the user knows."""
    if isinstance(error, EmotoneError):
        message = str(error)  # standard input is read from a temporary file
        named = message if os.fspath(path) == shown else message.replace(os.fspath(path), "standard input")
        return Failure(shown, error.code, named)
    if isinstance(error, MemoryError):
        return Failure(shown, "memory", f"{shown}: not enough memory; use fewer workers")
    reason = error.strerror if isinstance(error, OSError) else None
    return Failure(shown, "missing_file", f"{shown}: cannot be read: {reason or error}")


def predict_file(
    bundle: Bundle, recording: Any, *, channel: Channel, track: Track, name: str | None, progress: Progress | None
) -> Prediction:
    """Return the prediction of a file; arguments and errors as for `Model.predict`."""
    from emotone.audio.read import stream_with_rate

    shown = "standard input" if name == "-" else name
    faces = _faces(bundle, recording)
    seen = () if faces is None else faces.notes
    try:
        report = ProgressReport(progress, recording, track=track, name=shown)
        rate, blocks = stream_with_rate(recording, rate=bundle.feature.rate, channel=channel, track=track, name=shown)
    except NotAudioError:
        if faces is None or not faces.found.any():
            raise
        rate = bundle.feature.rate
        from emotone.features.faces import sound_of_video

        silence = sound_of_video(recording, faces, rate=rate)
        report = ProgressReport(progress, duration=len(silence) / rate)
        analysis, envelope = _analyse(bundle, [silence], report, name=shown, faces=faces)
        notes = ("the video has no sound; only faces were used", *seen)
        return _prediction(bundle, analysis, rate=rate, channel=channel, name=name, notes=notes, envelope=envelope)
    with blocks:
        _log_stream(blocks, name=shown)
        analysis, envelope = _analyse(bundle, blocks, report, name=shown, faces=faces)
    notes = (*blocks.notes, *seen)
    return _prediction(bundle, analysis, rate=rate, channel=channel, name=name, notes=notes, envelope=envelope)


def predict_samples(
    bundle: Bundle,
    samples: Any,
    *,
    rate: Any,
    channel: Channel,
    channels: int | None,
    name: str | None,
    progress: Progress | None,
) -> Prediction:
    """Return the prediction of samples [channels, time] or [time]; arguments and errors as for `Model.predict`."""
    from emotone.audio.samples import resampled

    signal, hertz, notes = signal_of_samples(samples, rate=rate, channel=channel, channels=channels, name=name)
    report = ProgressReport(progress, duration=len(signal) / hertz)
    blocks = resampled([signal], rate=hertz, to=bundle.feature.rate)
    analysis, envelope = _analyse(bundle, blocks, report, name=name)
    return _prediction(bundle, analysis, rate=hertz, channel=channel, name=name, notes=notes, envelope=envelope)


def signal_of_samples(
    samples: Any, *, rate: Any, channel: Channel, channels: int | None, name: str | None
) -> tuple[Array, Hertz, tuple[str, ...]]:
    """Return one signal [time] of samples, its rate, and notes; arguments and errors as for `Model.predict`."""
    from emotone.audio.samples import as_samples, check_channel, check_rate, pick_channel
    from emotone.audio.streams import mix_samples

    waveform = as_samples(samples, rate, channels=channels)
    hertz = check_rate(rate, name="samples")
    if check_channel(channel, channels=len(waveform), name=name or "samples") == "mix":
        signal, notes = mix_samples(waveform, rate=hertz)
        return signal, hertz, notes
    return pick_channel(waveform.T, channel), hertz, ()


def read_part(
    recording: Any,
    *,
    rate: Any,
    channel: Channel,
    track: Track,
    start: Seconds,
    end: Seconds | None,
    name: str | None,
) -> tuple[Array, Hertz]:
    """Return a part of a file or of samples as a signal [time], and its rate; arguments as for `Model.explain`."""
    from emotone.audio.read import read

    if is_file(recording):
        check_file(recording, rate=rate)
        signal, hertz = read(recording, channel=channel, track=track, start=start, end=end, name=name)
        return signal, hertz
    samples = checked_samples(recording, rate=rate)
    whole, hertz, _ = signal_of_samples(samples, rate=rate, channel=channel, channels=None, name=name)
    return whole[round(start * hertz) : None if end is None else round(end * hertz)], hertz


def predict_channels(
    bundle: Bundle, recording: Recording, *, track: Track, name: str | None, progress: Progress | None
) -> tuple[Prediction, ...]:
    """Return one prediction per channel of a file; arguments and errors as for `Model.predict`."""
    from emotone.audio.read import stream_channels

    report = ProgressReport(progress, recording, track=track, name=name)
    with stream_channels(recording, rate=bundle.feature.rate, track=track, name=name) as pieces:
        _log_stream(pieces, name=name)
        meters = [EnvelopeMeter(bundle.feature.rate) for _ in range(pieces.channels)]

        def measured() -> Iterator[Array]:
            for piece in pieces:
                for meter, samples in zip(meters, piece, strict=True):
                    meter.add(samples)
                yield piece
                report.update(meters[0].seconds)

        analyses = _analyse_channels(bundle, measured(), channels=pieces.channels, name=name)
        rate, notes = pieces.rate, pieces.notes
    report.finish(meters[0].seconds)
    results = enumerate(zip(analyses, meters, strict=True))
    return tuple(
        _prediction(bundle, analysis, rate=rate, channel=channel, name=name, notes=notes, envelope=meter.envelope())
        for channel, (analysis, meter) in results
    )


def analyse_file(
    bundle: Bundle, recording: Recording, *, channel: Selection, track: Track, name: str | None
) -> tuple[Analysis, ...]:
    """Return the analysis of a file, or with `channel="each"` of every channel; arguments and errors as for `Model`."""
    from emotone.audio.read import stream, stream_channels

    if channel == "each":
        with stream_channels(recording, rate=bundle.feature.rate, track=track, name=name) as pieces:
            return _analyse_channels(bundle, pieces, channels=pieces.channels, name=name)
    faces = _faces(bundle, recording)
    with stream(recording, rate=bundle.feature.rate, channel=channel, track=track, name=name) as blocks:
        return (_named(lambda: analyse(bundle, _rejoined(bundle, blocks), faces=faces), name=name),)


def _analyse_channels(
    bundle: Bundle, pieces: Iterable[Array], *, channels: int, name: str | None
) -> tuple[Analysis, ...]:
    """Return the analysis of every channel of pieces [channels, time] at the front end's rate."""
    analysers = [Analyser(bundle) for _ in range(channels)]
    for piece in pieces:
        for analyser, samples in zip(analysers, piece, strict=True):
            analyser.push(np.ascontiguousarray(samples))
    return tuple(_named(analyser.finish, name=name) for analyser in analysers)


def _analyse(
    bundle: Bundle,
    blocks: Iterable[Array],
    report: ProgressReport,
    *,
    name: str | None,
    faces: FaceTrack | None = None,
) -> tuple[Analysis, Envelope]:
    """Return the analysis of blocks at the front end's rate, and their envelope."""
    meter = EnvelopeMeter(bundle.feature.rate)

    def measured() -> Iterator[Array]:
        for block in _rejoined(bundle, blocks):
            report.update(meter.seconds)
            meter.add(block)
            yield block

    analysis = _named(lambda: analyse(bundle, measured(), faces=faces), name=name)
    report.finish(meter.seconds)
    return analysis, meter.envelope()


def _prediction(
    bundle: Bundle,
    analysis: Analysis,
    *,
    rate: Hertz,
    channel: Channel,
    name: str | None,
    notes: tuple[str, ...],
    envelope: Envelope,
) -> Prediction:
    prediction = Prediction(
        file=name,
        duration=analysis.duration,
        rate=rate,
        model=model_info(bundle),
        labels=bundle.labels,
        clip=analysis.clip,
        segments=analysis.segments,
        utterances=analysis.utterances,
        channel=channel,
        adapted=bundle.manifest.adaptation is not None,
        notes=notes,
        envelope=envelope,
    )
    for note in notes:
        logger.info("%s: %s", name or "samples", note)
    logger.info(
        "%s: channel %s, %.3f s, %.3f s of speech in %d utterances and %d windows: %s",
        name or "samples",
        channel,
        prediction.duration,
        sum(one.end - one.start for one in prediction.utterances),
        len(prediction.utterances),
        len(prediction.segments),
        prediction.clip.label or "no speech",
    )
    return prediction


def _rejoined(bundle: Bundle, blocks: Iterable[Array]) -> Iterator[Array]:
    """Yield blocks of at most ten seconds, few of them shorter: most recordings then are a single block."""
    size = BLOCK_SECONDS * bundle.feature.rate
    waiting: list[Array] = []
    count = 0
    for block in blocks:
        waiting.append(block)
        count += len(block)
        if count >= size:
            yield from _cut(waiting, size=size)
            waiting, count = [], 0
    if waiting:
        yield from _cut(waiting, size=size)


def _faces(bundle: Bundle, recording: Any) -> FaceTrack | None:
    """Return the faces of a recording; the module that finds them is imported for front ends that use them."""
    if not isinstance(bundle.feature, VisualFeature):
        return None
    from emotone.features.faces import faces_for

    return faces_for(bundle.feature, recording)


def _log_stream(stream: RecordingStream, *, name: str | None) -> None:
    logger.debug(
        "%s: decoded as %s, %d Hz, %d channel(s), %d track(s)",
        name or "recording",
        stream.format,
        stream.rate,
        stream.channels,
        stream.tracks,
    )


def _named(analysis: Callable[[], Analysis], *, name: str | None) -> Analysis:
    """Return an analysis; an error of it names the recording."""
    try:
        return analysis()
    except TooShortError as error:
        raise TooShortError(f"{name or 'samples'}: {error}") from error


def _cut(blocks: list[Array], *, size: int) -> Iterator[Array]:
    joined = blocks[0] if len(blocks) == 1 else np.concatenate(blocks)
    return (joined[at : at + size] for at in range(0, len(joined), size))


def model_info(bundle: Bundle) -> ModelInfo:
    """Return what a prediction states about its model."""
    manifest = bundle.manifest
    return ModelInfo(name=manifest.name, version=manifest.version, sha256=bundle.sha256, licence=manifest.licence)
