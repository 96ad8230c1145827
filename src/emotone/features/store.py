"""A cache of features on disk, by content: a recording is decoded and transformed once.

The key of an entry is the SHA-256 of the recording's bytes, the part and channel of it that are used, and the front
end's name, version and settings. A renamed or copied recording has the same entry; a changed one has another.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import TYPE_CHECKING, ClassVar, Protocol

import numpy as np

from emotone.audio.read import read_utterance
from emotone.config import signature
from emotone.errors import AudioError, MissingExtraError, MissingFileError, RunError
from emotone.features.base import VisualFeature
from emotone.features.faces import sound_of_video
from emotone.files import atomic_write, cache_dir, sha256_file

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from emotone.audio.samples import Channel
    from emotone.types import Array, Hertz, Utterance

CHUNK = 16  # recordings per task of a worker: few enough for frequent progress updates


class Computation(Protocol):
    """The part of a front end or of functionals that the store uses."""

    version: ClassVar[int]

    @property
    def rate(self) -> Hertz:
        """Required sampling rate of the signal, in hertz."""
        ...

    def compute(self, signal: Array) -> Array:
        """Return the features of a signal [time]."""
        ...


@dataclass(frozen=True)
class ExtractionProblem:
    """A recording whose features could not be computed, and why."""

    key: str
    code: str
    message: str

    @classmethod
    def of(cls, utterance: Utterance, error: AudioError | MissingExtraError) -> ExtractionProblem:
        """Return the error of a recording; the message names the file, even if the error is about its samples only."""
        name, message = str(utterance.path), str(error)
        return cls(utterance.key, error.code, message if name in message else f"{name}: {message}")


@dataclass(frozen=True)
class ExtractionResult:
    """Features by `Utterance.key`, [time, dimension] or functionals [values], and the recordings that failed."""

    features: dict[str, Array]
    problems: tuple[ExtractionProblem, ...]

    def usable(self, utterances: Sequence[Utterance]) -> tuple[Utterance, ...]:
        """Return the utterances with features; raise `RunError` if there is none."""
        usable = tuple(utterance for utterance in utterances if utterance.key in self.features)
        if not usable:
            first = self.problems[0].message if self.problems else "no utterance was given"
            raise RunError(f"no recording can be used; the first problem: {first}")
        return usable


@dataclass(frozen=True)
class FeatureStore:
    """Features of utterances, computed at most once per content.

    Attributes:
        name: registry name of the front end.
        spec: the front end or functionals with their settings.
        folder: folder of the entries; None for `features` in the cache folder.

    """

    name: str
    spec: Computation
    folder: Path | None = None

    def get(self, utterance: Utterance) -> Array:
        """Return the features of an utterance, float32: [time, dimension], or [values] of functionals.

        Raises:
            AudioError: the recording cannot be used.

        """
        entry = self._entry(utterance)
        if entry.exists():
            try:
                return _load(entry)
            except (ValueError, EOFError, OSError):
                entry.unlink(missing_ok=True)  # a damaged entry is recomputed
        features = self._compute(utterance)
        with atomic_write(entry) as stream:
            np.save(stream, features, allow_pickle=False)
        return features

    def _compute(self, utterance: Utterance) -> Array:
        if not isinstance(self.spec, VisualFeature):
            return self.spec.compute(read_utterance(utterance, rate=self.spec.rate))
        track = self.spec.faces(utterance.path)
        channel: Channel = "mix" if utterance.channel is None else utterance.channel
        signal = sound_of_video(
            utterance.path,
            track,
            rate=self.spec.rate,
            channel=channel,
            start=utterance.start,
            end=utterance.end,
        )
        return self.spec.with_faces(self.spec.compute(signal), track, start=utterance.start)

    def extract(
        self,
        utterances: Sequence[Utterance],
        *,
        workers: int = 1,
        progress: Callable[[int], None] | None = None,
    ) -> ExtractionResult:
        """Return the features of many utterances; failed recordings are listed and do not stop the others.

        Args:
            utterances: keys must be unique.
            workers: processes; 1 stays in this one.
            progress: called with the number of utterances done since the last call.

        """
        chunks = [utterances[start : start + CHUNK] for start in range(0, len(utterances), CHUNK)]
        features: dict[str, Array] = {}
        problems: list[ExtractionProblem] = []

        def collect(chunk: Sequence[Utterance], results: list[Array | ExtractionProblem]) -> None:
            for utterance, result in zip(chunk, results, strict=True):
                if isinstance(result, ExtractionProblem):
                    problems.append(result)
                else:
                    features[utterance.key] = result
            if progress is not None:
                progress(len(chunk))

        if workers <= 1 or len(chunks) < 2:
            for chunk in chunks:
                collect(chunk, self._get_many(chunk))
        else:
            # spawn, not fork: a forked child of a process that runs torch's threads can deadlock.
            with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
                for chunk, results in zip(chunks, pool.map(self._get_many, chunks), strict=True):
                    collect(chunk, results)
        return ExtractionResult(features, tuple(problems))

    def _get_many(self, utterances: Sequence[Utterance]) -> list[Array | ExtractionProblem]:
        results: list[Array | ExtractionProblem] = []
        for utterance in utterances:
            try:
                results.append(self.get(utterance))
            except (AudioError, MissingExtraError) as error:
                results.append(ExtractionProblem.of(utterance, error))
        return results

    def _entry(self, utterance: Utterance) -> Path:
        try:
            content = sha256_file(utterance.path)
        except OSError as error:
            raise MissingFileError(f"{utterance.path}: can't be read: {error.strerror or error}") from error
        stretch = f"{content}:{utterance.start!r}:{utterance.end!r}"
        if utterance.channel is not None:
            stretch += f":channel {utterance.channel}"
        key = hashlib.sha256(stretch.encode()).hexdigest()
        folder = self.folder if self.folder is not None else cache_dir() / "features"
        return folder / f"{self.name}-{self.spec.version}-{signature(self.spec)}" / key[:2] / f"{key}.npy"


def _load(entry: Path) -> Array:
    loaded: Array = np.load(entry, allow_pickle=False)
    with contextlib.suppress(OSError):
        os.utime(entry)  # recently used, for tools that clean the cache
    return loaded
