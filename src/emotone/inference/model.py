"""A loaded model: predict one recording, samples, or many recordings."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from emotone.bundles import shipped
from emotone.errors import BundleError, EmotoneError, TooShortError, UsageError
from emotone.inference.engine import BLOCK_SECONDS, analyse
from emotone.inference.result import Failure, Prediction, model_info

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from numpy.typing import ArrayLike

    from emotone.bundles.bundle import Bundle
    from emotone.inference.result import Channel
    from emotone.inference.session import Session
    from emotone.types import Array, Hertz


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

    def predict(
        self,
        recording: str | Path | ArrayLike,
        *,
        rate: Hertz | None = None,
        channel: Channel = "mix",
        name: str | None = None,
    ) -> Prediction:
        """Return the emotions in a recording.

        Args:
            recording: a path, or samples [time] or [channels, time] in float (full scale 1) or int16.
            rate: hertz of the samples; needed with samples, and not allowed with a path.
            channel: counted from 0, or "mix" for the mean of all.
            name: the name of the recording in results; default: the path as given.

        Raises:
            UsageError: samples without their rate, a path with one, or another type or shape of samples.
            AudioError: the recording cannot be used; the class and message state why.

        """
        if isinstance(recording, str | Path):
            if rate is not None:
                raise UsageError("a rate was given with a path; the file contains its rate, so omit `rate`")
            return self._predict_file(Path(recording), channel=channel, name=name or os.fspath(recording))
        if rate is None:
            raise UsageError("samples need a sampling rate; pass it, e.g. predict(samples, rate=16000)")
        return self._predict_samples(recording, rate=rate, channel=channel, name=name)

    def predict_many(
        self, paths: Iterable[str | Path], *, workers: int = 1, channel: Channel = "mix"
    ) -> Iterator[Prediction | Failure]:
        """Yield one result per path, in their order; a failure becomes a `Failure` and does not stop the others.

        Args:
            paths: recordings, read lazily.
            workers: number of processes; 1 uses the current one.
            channel: counted from 0, or "mix" for the mean of all.

        Raises:
            UsageError: fewer than one worker.
            BundleError: the model cannot be run; raised before the first recording.

        """
        if workers < 1:
            raise UsageError(f"workers must be at least 1; given {workers}")
        self.bundle.warm()
        if workers == 1:
            return (self.attempt(path, channel=channel) for path in paths)
        from emotone.inference.processes import predict_in_processes

        return predict_in_processes(self.bundle.directory, paths, workers=workers, channel=channel)

    def attempt(self, path: str | Path, *, channel: Channel = "mix", name: str | None = None) -> Prediction | Failure:
        """Return the prediction of a file, or a `Failure` that states why there is none."""
        shown = name or os.fspath(path)
        try:
            return self.predict(path, channel=channel, name=shown)
        except EmotoneError as error:
            return Failure(shown, error.code, _renamed(str(error), path, shown))
        except OSError as error:
            return Failure(shown, "missing_file", f"{shown}: cannot be read: {error.strerror or error}")
        except MemoryError:
            return Failure(shown, "memory", f"{shown}: not enough memory; use fewer workers")

    def session(self, *, rate: Hertz, channel: Channel = "mix") -> Session:
        """Return a session for live audio in pieces of any size; its results equal those of `predict`.

        Args:
            rate: hertz of the samples that will be pushed.
            channel: counted from 0, or "mix" for the mean of all.

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
        return Session(self.bundle, rate=rate, channel=channel)

    def _predict_file(self, path: Path, *, channel: Channel, name: str) -> Prediction:
        from emotone.audio.read import stream_with_rate

        rate, blocks = stream_with_rate(path, rate=self.bundle.feature.rate, channel=channel)
        return self._analyse(blocks, rate=rate, channel=channel, name=name)

    def _predict_samples(self, samples: ArrayLike, *, rate: Hertz, channel: Channel, name: str | None) -> Prediction:
        from emotone.audio.resample import resampled
        from emotone.audio.samples import check_channel, pick_channel, validate_samples

        waveform = validate_samples(samples, rate)
        check_channel(channel, channels=len(waveform), name=name or "samples")
        signal = pick_channel(waveform.T, channel)
        blocks = resampled([signal], rate=rate, to=self.bundle.feature.rate)
        return self._analyse(blocks, rate=int(rate), channel=channel, name=name)

    def _analyse(self, blocks: Iterable[Array], *, rate: Hertz, channel: Channel, name: str | None) -> Prediction:
        try:
            analysis = analyse(self.bundle, _rejoined(blocks, size=BLOCK_SECONDS * self.bundle.feature.rate))
        except TooShortError as error:
            raise TooShortError(f"{name or 'samples'}: {error}") from error
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
        )


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
    recording: str | Path | ArrayLike,
    *,
    model: str | Path = "default",
    rate: Hertz | None = None,
    channel: Channel = "mix",
) -> Prediction:
    """Return the emotions in one recording; for several, call `load` once. Arguments as for `load` and `Model.predict`."""
    return load(model).predict(recording, rate=rate, channel=channel)


def predict_many(
    paths: Iterable[str | Path], *, model: str | Path = "default", workers: int = 1, channel: Channel = "mix"
) -> Iterator[Prediction | Failure]:
    """Yield one result per path, in their order. Arguments as for `load` and `Model.predict_many`."""
    return load(model).predict_many(paths, workers=workers, channel=channel)


def _reload(directory: Path, threads: int, sha256: str) -> Model:
    """Return a model that was pickled; raise `BundleError` if the files in its folder are other ones by now."""
    model = load(directory, threads=threads)
    if model.bundle.sha256 != sha256:
        raise BundleError(f"{directory} contains another model than the one that was pickled; pickle it again")
    return model


def _rejoined(blocks: Iterable[Array], *, size: int) -> Iterator[Array]:
    """Yield blocks of at most `size` samples, few of them shorter: most recordings then are a single block."""
    waiting: list[Array] = []
    held = 0
    for block in blocks:
        waiting.append(block)
        held += len(block)
        if held >= size:
            yield from _cut(waiting, size=size)
            waiting, held = [], 0
    if waiting:
        yield from _cut(waiting, size=size)


def _cut(blocks: list[Array], *, size: int) -> Iterator[Array]:
    joined = blocks[0] if len(blocks) == 1 else np.concatenate(blocks)
    return (joined[at : at + size] for at in range(0, len(joined), size))


def _renamed(message: str, path: str | Path, shown: str) -> str:
    """Return the message with the name that the user knows, where a temporary file holds standard input."""
    return message if os.fspath(path) == shown else message.replace(os.fspath(path), "standard input")
