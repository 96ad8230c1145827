"""A loaded model: predict one recording, samples, or many recordings."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from emotone.bundles import shipped
from emotone.errors import EmotoneError, UsageError
from emotone.inference.engine import BLOCK_SECONDS, Engine
from emotone.inference.events import UtteranceEnd
from emotone.inference.result import Failure, Prediction, model_info
from emotone.inference.utterances import Utterances

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import ArrayLike

    from emotone.bundles.bundle import Bundle
    from emotone.inference.result import Spoken
    from emotone.inference.session import Session
    from emotone.inference.utterances import Known
    from emotone.types import Array, Hertz

Channel: TypeAlias = int | Literal["mix"]


@dataclass(frozen=True, eq=False)
class Model:
    """A model ready to listen. Built by `emotone.load`.

    Attributes:
        bundle: what it was loaded from.

    Example:
        >>> import emotone
        >>> model = emotone.load("default")  # doctest: +SKIP
        >>> for p in model.predict_many(["a.wav", "b.wav"], workers=2):  # doctest: +SKIP
        ...     print(p.to_dict())

    """

    bundle: Bundle

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
        """Return what a recording sounds like.

        Args:
            recording: a path, or samples [time] or [channels, time] in float (full scale 1) or int16.
            rate: hertz of the samples; needed with samples, and not allowed with a path.
            channel: counted from 0, or "mix" for the mean of all.
            name: what results call the recording; default: the path as it was given.

        Raises:
            UsageError: samples without their rate, a path with one, or another type or shape of samples.
            AudioError: the recording can't be used; its kind and message say why.

        """
        if isinstance(recording, str | Path):
            if rate is not None:
                raise UsageError("a rate was given with a path; a file tells its own rate: leave `rate` out")
            return self._predict_file(Path(recording), channel=channel, name=name or os.fspath(recording))
        if rate is None:
            raise UsageError("samples were given without their rate; say it, e.g. predict(samples, rate=16000)")
        return self._predict_samples(recording, rate=rate, channel=channel, name=name)

    def predict_many(
        self, paths: Iterable[str | Path], *, workers: int = 1, channel: Channel = "mix"
    ) -> Iterator[Prediction | Failure]:
        """Yield one result per path, in their order; one that fails gives a `Failure` and stops nothing.

        Args:
            paths: recordings; they are taken as results are asked for.
            workers: processes; 1 stays in this one.
            channel: counted from 0, or "mix" for the mean of all.

        Raises:
            UsageError: fewer than one worker.
            BundleError: the model itself can't be run; said before the first recording.

        """
        if workers < 1:
            raise UsageError(f"{workers} workers were given; at least 1 is needed")
        self.bundle.warm()
        if workers == 1:
            return (self.attempt(path, channel=channel) for path in paths)
        from emotone.inference.processes import predict_in_processes

        return predict_in_processes(self.bundle.directory, paths, workers=workers, channel=channel)

    def attempt(self, path: str | Path, *, channel: Channel = "mix", name: str | None = None) -> Prediction | Failure:
        """Return the prediction of a file, or the `Failure` that says why there is none."""
        shown = name or os.fspath(path)
        try:
            return self.predict(path, channel=channel, name=shown)
        except EmotoneError as error:
            return Failure(shown, error.code, _renamed(str(error), path, shown))
        except OSError as error:
            return Failure(shown, "missing_file", f"{shown}: can't be read: {error.strerror or error}")
        except MemoryError:
            return Failure(shown, "memory", f"{shown}: not enough memory; use fewer workers")

    def session(self, *, rate: Hertz, channel: Channel = "mix") -> Session:
        """Return a session for live sound, pushed in pieces of any size; its numbers are those of `predict`.

        Args:
            rate: hertz of what will be pushed.
            channel: counted from 0, or "mix" for the mean of all.

        Raises:
            RateError: a rate or channel outside what is allowed.
            UsageError: `channel` is something else.
            BundleError: the model itself can't be run; said before the first sound.

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
        return self._judge(blocks, rate=rate, name=name)

    def _predict_samples(self, samples: ArrayLike, *, rate: Hertz, channel: Channel, name: str | None) -> Prediction:
        from emotone.audio.resample import resampled
        from emotone.audio.samples import as_samples, check_channel, pick_channel

        waveform = as_samples(samples, rate)
        check_channel(channel, channels=len(waveform), name=name or "samples")
        signal = pick_channel(waveform.T, channel)
        return self._judge(resampled([signal], rate=rate, to=self.bundle.feature.rate), rate=int(rate), name=name)

    def _judge(self, blocks: Iterable[Array], *, rate: Hertz, name: str | None) -> Prediction:
        following = Utterances(self.bundle)
        engine = Engine(self.bundle, listener=following)
        spoken: list[Spoken] = []
        last = np.zeros(0, np.float32)
        for block in _joined(blocks, size=BLOCK_SECONDS * self.bundle.feature.rate):
            engine.push(last)
            spoken += _parts(following.events())
            last = block
        try:
            clip, segments = engine.finish(last)
        except EmotoneError as error:
            raise type(error)(f"{name or 'samples'}: {error}") from error
        spoken += _parts(following.finish())
        return Prediction(
            file=name,
            duration=engine.duration,
            rate=rate,
            model=model_info(self.bundle),
            labels=self.labels,
            clip=clip,
            segments=segments,
            utterances=tuple(spoken),
        )


def load(model: str | Path = "default", *, threads: int = 1) -> Model:
    """Return a model, with every byte of it checked.

    Args:
        model: the name of a shipped model, or a bundle's folder.
        threads: of the net; predictions do not depend on it beyond rounding.

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
    """Return what one recording sounds like; for several, `load` once. Arguments as of `load` and `Model.predict`."""
    return load(model).predict(recording, rate=rate, channel=channel)


def predict_many(
    paths: Iterable[str | Path], *, model: str | Path = "default", workers: int = 1, channel: Channel = "mix"
) -> Iterator[Prediction | Failure]:
    """Yield one result per path, in their order. Arguments as of `load` and `Model.predict_many`."""
    return load(model).predict_many(paths, workers=workers, channel=channel)


def _parts(known: Iterable[Known]) -> Iterator[Spoken]:
    """Yield the utterances that ended, one emotion each."""
    return (part for one in known if isinstance(one.event, UtteranceEnd) for part in one.event.parts)


def _joined(blocks: Iterable[Array], *, size: int) -> Iterator[Array]:
    """Yield pieces of at most `size` samples, few of them shorter: most recordings then are one piece of work."""
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
    """Return the message with the name that the user knows, where a temporary file stood for standard input."""
    return message if os.fspath(path) == shown else message.replace(os.fspath(path), "standard input")
