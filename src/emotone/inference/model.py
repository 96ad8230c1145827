"""A loaded model: predict one recording, samples, every channel of a recording, or many recordings."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from emotone.bundles import shipped
from emotone.errors import BundleError, EmotoneError, TooShortError, UsageError
from emotone.inference.engine import BLOCK_SECONDS, Analyser, analyse
from emotone.inference.result import Failure, Prediction, model_info

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from numpy.typing import ArrayLike

    from emotone.audio.samples import Encoding
    from emotone.audio.source import Recording
    from emotone.audio.tracks import Track
    from emotone.bundles.bundle import Bundle
    from emotone.inference.engine import Analysis
    from emotone.inference.result import Channel, Selection
    from emotone.inference.session import Session
    from emotone.types import Array, Hertz

FILE_TYPES = (str, os.PathLike, bytes, bytearray, memoryview)


@dataclass(frozen=True, eq=False)
class Model:
    """A model that is ready to predict. Built by `emotone.load`.

    Attributes:
        bundle: the files that it was loaded from.

    Example:
        >>> import emotone
        >>> model = emotone.load("default")  # doctest: +SKIP
        >>> for p in model.predict_many(["a.wav", "b.wav"], workers=2):  # doctest: +SKIP
        ...     print(p.to_dict())

    """

    bundle: Bundle

    def __repr__(self) -> str:
        manifest = self.bundle.manifest
        return f"<Model {manifest.name} {manifest.version}: {', '.join(manifest.labels)}>"

    def __reduce__(self) -> tuple[Callable[..., Model], tuple[object, ...]]:
        """Pickle the model as its folder: the copy loads and checks the files again."""
        return _reload, (self.bundle.directory, self.bundle.threads, self.bundle.sha256)

    @property
    def labels(self) -> tuple[str, ...]:
        """Emotion names in the order of the probabilities."""
        return self.bundle.labels

    @overload
    def predict(
        self,
        recording: list[Recording] | list[Array],
        *,
        rate: Hertz | None = ...,
        channel: Channel = ...,
        track: Track = ...,
        channels: int | None = ...,
        name: str | None = ...,
    ) -> list[Prediction]: ...
    @overload
    def predict(
        self,
        recording: Recording | ArrayLike,
        *,
        rate: Hertz | None = ...,
        channel: Channel = ...,
        track: Track = ...,
        channels: int | None = ...,
        name: str | None = ...,
    ) -> Prediction: ...
    def predict(
        self,
        recording: Recording | ArrayLike | list[Recording] | list[Array],
        *,
        rate: Hertz | None = None,
        channel: Channel = "mix",
        track: Track = "default",
        channels: int | None = None,
        name: str | None = None,
    ) -> Prediction | list[Prediction]:
        """Return the emotions in a recording, or in each recording of a list.

        Args:
            recording: a path; the bytes of a file; a binary file object; samples [time] or [channels, time] in float
                (full scale 1) or in integers; or a list of paths, bytes, file objects or NumPy arrays.
            rate: hertz of the samples; required with samples, and not allowed with files.
            channel: counted from 0, or "mix" for the mean of all.
            track: audio track of a file, counted from 0; "default" for the one that is marked as the default.
            channels: number of channels of the samples, for shapes other than [channels, time].
            name: the name of the recording in results; default: the path as given.

        Raises:
            UsageError: samples without their rate, a file with one, or another type or shape of samples.
            AudioError: the recording cannot be used; the class and message state why.

        """
        if _is_list_of_recordings(recording):
            return [
                self.predict(one, rate=rate, channel=channel, track=track, channels=channels)
                for one in recording  # type: ignore[union-attr]
            ]
        if _is_file(recording):
            if rate is not None:
                raise UsageError("a rate was given with a file, which contains its own rate; omit `rate`")
            shown = name or (os.fspath(recording) if isinstance(recording, str | os.PathLike) else None)
            return self._predict_file(recording, channel=channel, track=track, name=shown)
        if rate is None:
            raise UsageError("samples need a sampling rate; pass it, e.g. predict(samples, rate=16000)")
        return self._predict_samples(recording, rate=rate, channel=channel, channels=channels, name=name)

    def predict_channels(
        self, recording: Recording, *, track: Track = "default", name: str | None = None
    ) -> tuple[Prediction, ...]:
        """Return one prediction per channel of a file: a call with one speaker per channel, for example.

        The file is read once. Arguments and errors as for `predict`.
        """
        from emotone.audio.read import stream_channels

        shown = name or (os.fspath(recording) if isinstance(recording, str | os.PathLike) else None)
        with stream_channels(recording, rate=self.bundle.feature.rate, track=track, name=shown) as pieces:
            analysers = [Analyser(self.bundle) for _ in range(pieces.channels)]
            for piece in pieces:
                for analyser, samples in zip(analysers, piece, strict=True):
                    analyser.push(np.ascontiguousarray(samples))
            analyses = [_named(analyser.finish, name=shown) for analyser in analysers]
            rate, notes = pieces.rate, pieces.notes
        return tuple(
            self._prediction(analysis, rate=rate, channel=channel, name=shown, notes=notes)
            for channel, analysis in enumerate(analyses)
        )

    def predict_many(
        self,
        paths: Iterable[str | Path],
        *,
        workers: int = 1,
        channel: Selection = "mix",
        track: Track = "default",
    ) -> Iterator[Prediction | Failure]:
        """Yield results in the order of the paths; a failure becomes a `Failure` and does not stop the others.

        Args:
            paths: recordings, read lazily.
            workers: number of processes; 1 uses the current one.
            channel: counted from 0, or "mix" for the mean of all; "each" yields one result per channel.
            track: as for `predict`.

        Raises:
            UsageError: fewer than one worker.
            BundleError: the model cannot be run; raised before the first recording.

        """
        results = self.attempt_many(paths, workers=workers, channel=channel, track=track)
        return (result for of_one in results for result in of_one)

    def attempt_many(
        self,
        paths: Iterable[str | Path],
        *,
        workers: int = 1,
        channel: Selection = "mix",
        track: Track = "default",
    ) -> Iterator[tuple[Prediction | Failure, ...]]:
        """Yield the results of each path: one, or one per channel. Arguments and errors as for `predict_many`."""
        if workers < 1:
            raise UsageError(f"workers must be at least 1; given {workers}")
        self.bundle.warm()
        if workers == 1:
            return (self.attempt(path, channel=channel, track=track) for path in paths)
        from emotone.inference.processes import predict_in_processes

        return predict_in_processes(self.bundle.directory, paths, workers=workers, channel=channel, track=track)

    def attempt(
        self,
        path: str | Path,
        *,
        channel: Selection = "mix",
        track: Track = "default",
        name: str | None = None,
    ) -> tuple[Prediction | Failure, ...]:
        """Return the predictions of a file, one or one per channel, or a `Failure` that states why there are none."""
        shown = name or os.fspath(path)
        try:
            if channel == "each":
                return self.predict_channels(path, track=track, name=shown)
            return (self._predict_file(path, channel=channel, track=track, name=shown),)
        except EmotoneError as error:
            return (Failure(shown, error.code, _renamed(str(error), path, shown)),)
        except OSError as error:
            return (Failure(shown, "missing_file", f"{shown}: cannot be read: {error.strerror or error}"),)
        except MemoryError:
            return (Failure(shown, "memory", f"{shown}: not enough memory; use fewer workers"),)

    def session(
        self,
        *,
        rate: Hertz,
        channel: Channel = "mix",
        channels: int | None = None,
        encoding: Encoding | None = None,
    ) -> Session:
        """Return a session for live audio in pieces of any size; its results equal those of `predict`.

        Args:
            rate: hertz of the samples that will be pushed.
            channel: counted from 0, or "mix" for the mean of all.
            channels: number of channels of the pieces, for interleaved samples and blocks [time, channels].
            encoding: of pieces that are bytes: "s16le" or "f32le".

        Raises:
            RateError: a rate or channel outside the allowed range.
            UsageError: `channel` is something else.
            BundleError: the model cannot be run; raised before the first sample.

        Example:
            >>> with model.session(rate=48000) as session:  # doctest: +SKIP
            ...     for event in session.push(chunk):
            ...         print(event.to_dict())

        """
        from emotone.inference.session import Session

        self.bundle.warm()
        return Session(self.bundle, rate=rate, channel=channel, channels=channels, encoding=encoding)

    def _predict_file(self, recording: Any, *, channel: Channel, track: Track, name: str | None) -> Prediction:
        from emotone.audio.read import stream_with_rate

        shown = "standard input" if name == "-" else name
        rate, blocks = stream_with_rate(
            recording, rate=self.bundle.feature.rate, channel=channel, track=track, name=shown
        )
        with blocks:
            analysis = _named(lambda: analyse(self.bundle, self._rejoined(blocks)), name=shown)
        return self._prediction(analysis, rate=rate, channel=channel, name=name, notes=blocks.notes)

    def _predict_samples(
        self, samples: Any, *, rate: Hertz, channel: Channel, channels: int | None, name: str | None
    ) -> Prediction:
        from emotone.audio.resample import resampled
        from emotone.audio.samples import as_samples, check_channel, pick_channel

        waveform = as_samples(samples, rate, channels=channels)
        check_channel(channel, channels=len(waveform), name=name or "samples")
        signal = pick_channel(waveform.T, channel)
        blocks = resampled([signal], rate=rate, to=self.bundle.feature.rate)
        analysis = _named(lambda: analyse(self.bundle, self._rejoined(blocks)), name=name)
        return self._prediction(analysis, rate=int(rate), channel=channel, name=name, notes=())

    def _prediction(
        self, analysis: Analysis, *, rate: Hertz, channel: Channel, name: str | None, notes: tuple[str, ...]
    ) -> Prediction:
        return Prediction(
            file=name,
            duration=analysis.duration,
            rate=rate,
            model=model_info(self.bundle),
            labels=self.labels,
            clip=analysis.clip,
            segments=analysis.segments,
            utterances=analysis.utterances,
            channel=channel,
            notes=notes,
        )

    def _rejoined(self, blocks: Iterable[Array]) -> Iterator[Array]:
        """Yield blocks of at most ten seconds, few of them shorter: most recordings then are a single block."""
        size = BLOCK_SECONDS * self.bundle.feature.rate
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


def load(model: str | Path = "default", *, threads: int = 1) -> Model:
    """Return a model; every byte of it is checked.

    Args:
        model: the name of a shipped model, or the folder of a bundle.
        threads: of the network; predictions do not depend on it beyond rounding.

    Raises:
        UnknownNameError: neither a shipped model nor a folder; the message lists the shipped ones.
        BundleError: a file of the bundle is missing or has changed.

    Example:
        >>> load("defualt")
        Traceback (most recent call last):
            ...
        emotone.errors.UnknownNameError: unknown model 'defualt'...

    """
    return Model(shipped.load(model, threads=threads))


def predict(
    recording: Recording | ArrayLike,
    *,
    model: str | Path = "default",
    rate: Hertz | None = None,
    channel: Channel = "mix",
    track: Track = "default",
) -> Prediction:
    """Return the emotions in one recording; for several, call `load` once. Arguments as for `load`, `Model.predict`."""
    return load(model).predict(recording, rate=rate, channel=channel, track=track)


def predict_many(
    paths: Iterable[str | Path],
    *,
    model: str | Path = "default",
    workers: int = 1,
    channel: Selection = "mix",
    track: Track = "default",
) -> Iterator[Prediction | Failure]:
    """Yield results in the order of the paths. Arguments as for `load` and `Model.predict_many`."""
    return load(model).predict_many(paths, workers=workers, channel=channel, track=track)


def _is_file(recording: object) -> bool:
    return isinstance(recording, FILE_TYPES) or hasattr(recording, "read")


def _is_list_of_recordings(recording: object) -> bool:
    """Return whether a list holds recordings; a list of numbers, or of lists of numbers, is samples."""
    if not isinstance(recording, list | tuple):
        return False
    return bool(recording) and all(_is_file(one) or isinstance(one, np.ndarray) for one in recording)


def _named(analysis: Callable[[], Analysis], *, name: str | None) -> Analysis:
    """Return an analysis; an error of it names the recording."""
    try:
        return analysis()
    except TooShortError as error:
        raise TooShortError(f"{name or 'samples'}: {error}") from error


def _reload(directory: Path, threads: int, sha256: str) -> Model:
    """Return a model that was pickled; raise `BundleError` if the files in its folder are other ones by now."""
    model = load(directory, threads=threads)
    if model.bundle.sha256 != sha256:
        raise BundleError(f"{directory} contains another model than the one that was pickled; pickle it again")
    return model


def _cut(blocks: list[Array], *, size: int) -> Iterator[Array]:
    joined = blocks[0] if len(blocks) == 1 else np.concatenate(blocks)
    return (joined[at : at + size] for at in range(0, len(joined), size))


def _renamed(message: str, path: str | Path, shown: str) -> str:
    """Return the message with the name that the user knows, where a temporary file holds standard input."""
    return message if os.fspath(path) == shown else message.replace(os.fspath(path), "standard input")
