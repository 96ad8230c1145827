"""A loaded model: predict one recording, samples, every channel of a recording, or many recordings."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, overload

from emotone.bundles import library
from emotone.bundles.bundle import with_adaptation
from emotone.errors import BundleError, UsageError
from emotone.inference.inputs import check_file, checked_samples, fetched, is_file, is_list_of_recordings
from emotone.inference.recordings import CAN_FAIL, failure_of, predict_channels, predict_file, predict_samples

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from numpy.typing import ArrayLike

    from emotone.audio.samples import Encoding
    from emotone.audio.source import Recording, Track
    from emotone.bundles.bundle import Bundle
    from emotone.bundles.contents import AdaptationData
    from emotone.bundles.head import EmbeddingHead
    from emotone.inference.explanation import Explanation
    from emotone.inference.recordings import Progress
    from emotone.inference.result import Channel, Failure, Prediction, Selection
    from emotone.inference.session import Session
    from emotone.types import Array, Hertz, Seconds

logger = logging.getLogger(__name__)


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
        bundle = self.bundle
        adaptation = None
        if bundle.head is not None and bundle.is_in_memory:
            adaptation = (bundle.head, bundle.manifest.adaptation)
        return _reload, (bundle.directory, bundle.threads, bundle.sha256, adaptation)

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
        progress: Progress | None = ...,
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
        progress: Progress | None = ...,
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
        progress: Progress | None = None,
    ) -> Prediction | list[Prediction]:
        """Return the emotions in a recording, or in each recording of a list.

        Args:
            recording: a path; the bytes of a file; a binary file object; samples [time] or [channels, time] in float
                (full scale 1) or in integers; or a list of paths, bytes, file objects or arrays.
            rate: hertz of the samples; required with samples, and not allowed with files.
            channel: counted from 0, or "mix" for the mean of all; where that mean cancels (inverted phase), the loudest
                channel replaces it, with a note.
            track: audio track of a file, counted from 0; "default" for the one that is marked as the default.
            channels: number of channels of the samples, for shapes other than [channels, time].
            name: the name of the recording in results; default: the path as given.
            progress: called with the seconds that are analysed and the duration, or None where it is not known.

        Raises:
            UsageError: samples without their rate, a file with one, or another type or shape of samples.
            AudioError: the recording cannot be used; the class and message state why.

        """
        if is_list_of_recordings(recording, rate=rate):
            return [
                self.predict(one, rate=rate, channel=channel, track=track, channels=channels, progress=progress)
                for one in recording  # type: ignore[union-attr]
            ]
        if is_file(recording):
            check_file(recording, rate=rate)
            shown = name or _name_of(recording)
            return predict_file(self.bundle, recording, channel=channel, track=track, name=shown, progress=progress)
        samples = checked_samples(recording, rate=rate)
        return predict_samples(
            self.bundle, samples, rate=rate, channel=channel, channels=channels, name=name, progress=progress
        )

    def predict_channels(
        self,
        recording: Recording,
        *,
        track: Track = "default",
        name: str | None = None,
        progress: Progress | None = None,
    ) -> tuple[Prediction, ...]:
        """Return one prediction per channel of a file: a call with one speaker per channel, for example.

        The file is read once. Arguments and errors as for `predict`.
        """
        return predict_channels(
            self.bundle, recording, track=track, name=name or _name_of(recording), progress=progress
        )

    def predict_many(
        self, paths: Iterable[str | Path], *, workers: int = 1, channel: Selection = "mix", track: Track = "default"
    ) -> Iterator[Prediction | Failure]:
        """Yield results in the order of the paths; a failure becomes a `Failure` and does not stop the others.

        Args:
            paths: recordings, or their URLs, read lazily.
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
        progress: Progress | None = None,
    ) -> Iterator[tuple[Prediction | Failure, ...]]:
        """Yield the results of each path: one, or one per channel.

        Arguments and errors as for `predict_many`; `progress` as for `predict`, with one worker only.
        """
        if workers < 1:
            raise UsageError(f"workers must be at least 1; given {workers}")
        self.bundle.warm()
        if workers == 1:
            return (self.attempt(path, channel=channel, track=track, progress=progress) for path in paths)
        from emotone.inference.processes import predict_in_processes

        return predict_in_processes(self.bundle, paths, workers=workers, channel=channel, track=track)

    def attempt(
        self,
        path: str | Path,
        *,
        channel: Selection = "mix",
        track: Track = "default",
        name: str | None = None,
        progress: Progress | None = None,
    ) -> tuple[Prediction | Failure, ...]:
        """Return the predictions of a file, one or one per channel, or a `Failure` that states why there are none.

        The path may be a URL (`s3://bucket/a.wav`), of which a temporary copy is made (needs `emotone[bulk]`). Other
        arguments are those of `predict_many` and `predict`.
        """
        shown = name or os.fspath(path)
        try:
            with fetched(path, name=shown) as file:
                if channel == "each":
                    return self.predict_channels(file, track=track, name=shown, progress=progress)
                return (predict_file(self.bundle, file, channel=channel, track=track, name=shown, progress=progress),)
        except CAN_FAIL as error:
            return (failure_of(error, path, shown),)

    def adapt(self, paths: Iterable[str | Path], *, channel: Selection = "mix", track: Track = "default") -> Model:
        """Return the model adapted to recordings without labels, such as the ones that will be predicted.

        The statistics of the model's embeddings are replaced by those of the recordings, which removes what all of
        them have in common: voices, language, room and channel. Ten or more recordings with several emotions are
        needed for good results. What can't be read or contains no speech is left out, with a warning in the log.

        Args:
            paths: recordings; `channel` and `track` as for `predict_many`.

        Raises:
            UsageError: the model has no embeddings, is adapted already, or fewer than two recordings contain speech.

        Example:
            >>> model = model.adapt(["a.wav", "b.wav"])  # doctest: +SKIP

        """
        from emotone.inference.adaptation import EmbeddingStatistics

        statistics = EmbeddingStatistics(self.bundle)
        for path in paths:
            failure = statistics.attempt(path, channel=channel, track=track)
            if failure is not None:
                logger.warning("not used for the adaptation: %s", failure.message)
        adapted = statistics.adapted()
        for note in adapted.notes:
            logger.warning("%s", note)
        return Model(adapted.bundle)

    def explain(
        self,
        recording: Recording | ArrayLike,
        *,
        rate: Hertz | None = None,
        channel: Channel = "mix",
        track: Track = "default",
        start: Seconds = 0.0,
        end: Seconds | None = None,
        label: str | None = None,
        moment: Seconds | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Explanation:
        """Return the moments and bands that a label rests on, found by removing each of them.

        Args:
            recording: one recording; `rate`, `channel` and `track` as for `predict`.
            start: of the part to explain, in seconds; times in the result count from here.
            end: of the part, at most a minute later; None for the end of the recording.
            label: whose probability is explained; None for the label of the recording.
            moment: approximate duration of a moment in seconds; None for 0.3 s, or less in short recordings.
            progress: called with the number of predictions that are done, and their total.

        Raises:
            UsageError: more than a minute, moments shorter than 0.05 s, or a label that the model does not have; other
                errors as for `predict`.

        """
        from emotone.inference.explanation import explain_signal
        from emotone.inference.recordings import read_part

        shown = _name_of(recording)
        signal, hertz = read_part(recording, rate=rate, channel=channel, track=track, start=start, end=end, name=shown)
        return explain_signal(
            lambda samples: self.predict(samples, rate=hertz, name=shown),
            signal,
            rate=hertz,
            limit=self.bundle.feature.rate / 2,
            label=label,
            seconds=moment,
            progress=progress,
        )

    def session(
        self,
        *,
        rate: Hertz,
        channel: Selection = "mix",
        channels: int | None = None,
        encoding: Encoding | None = None,
        adapt: bool = False,
        interim: bool = False,
    ) -> Session:
        """Return a session for live audio in pieces of any size; its results equal those of `predict`.

        Args:
            rate: hertz of the samples that will be pushed.
            channel: counted from 0; "mix" for the mean of all; or "each" to analyse every channel by itself.
            channels: number of channels of the pieces, for interleaved samples and blocks [time, channels]; required
                with "each".
            encoding: of pieces that are bytes: "s16le" or "f32le".
            adapt: adapt the model to the utterances of the session, without labels. Its results then differ from those
                of `predict`, and every event is marked as adapted.
            interim: also return the result so far, after every second of an utterance and when speech pauses.

        Raises:
            RateError: a rate or channel outside the allowed range.
            UsageError: `channel` is something else; or the model can't be adapted.
            BundleError: the model cannot be run; raised before the first sample.

        Example:
            >>> with model.session(rate=48000) as session:  # doctest: +SKIP
            ...     for event in session.push(chunk):
            ...         print(event.to_dict())

        """
        from emotone.inference.session import Session

        self.bundle.warm()
        return Session(
            self.bundle,
            rate=rate,
            channel=channel,
            channels=channels,
            encoding=encoding,
            adapt=adapt,
            interim=interim,
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
    loaded = Model(library.load(model, threads=threads))
    manifest = loaded.bundle.manifest
    logger.info("model %s %s from %s", manifest.name, manifest.version, loaded.bundle.directory)
    return loaded


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


def _name_of(recording: object) -> str | None:
    return os.fspath(recording) if isinstance(recording, str | os.PathLike) else None


def _reload(
    directory: Path, threads: int, sha256: str, adaptation: tuple[EmbeddingHead, AdaptationData] | None = None
) -> Model:
    """Return a model that was pickled; raise `BundleError` if the files in its folder are other ones by now."""
    bundle = load(directory, threads=threads).bundle
    if adaptation is not None:
        bundle = with_adaptation(bundle, *adaptation)
    if bundle.sha256 != sha256:
        raise BundleError(f"{directory} contains another model than the one that was pickled; pickle it again")
    return Model(bundle)
