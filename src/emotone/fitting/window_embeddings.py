"""Embeddings of every window of a recording, for detectors, which decide on each window; and changed copies.

They are those of the engine that also predicts: utterances are found, and windows placed on their grid.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from emotone.augment.perturbation import PERTURBATIONS, SEPARATOR, Scene
from emotone.bundles.bundle import Bundle
from emotone.bundles.contents import SCHEMA, BundleManifest, Calibration, TrainingData
from emotone.bundles.head import EmbeddingHead
from emotone.inference.engine import analyse

if TYPE_CHECKING:
    from emotone.features.windows import Windows
    from emotone.fitting.encoder import Encoder
    from emotone.types import Array, Hertz


@lru_cache(maxsize=2)
def encoder_bundle(encoder: Encoder, windows: Windows) -> Bundle:
    """Return a bundle in memory whose network is the encoder, with a head of zeros: for embeddings only."""
    ones, zeros = np.ones(encoder.values, np.float32), np.zeros(encoder.values, np.float32)
    labels = ("neutral", "other")
    head = EmbeddingHead(zeros, ones, ones, np.zeros((encoder.values, len(labels)), np.float32), zeros[:2], 0.0)
    manifest = BundleManifest(
        schema=SCHEMA,
        name="encoder",
        version="0",
        description="an encoder",
        labels=labels,
        licence="unstated",
        front_end=encoder.front_end,
        windows=windows,
        calibration=Calibration(),
        training=TrainingData(corpora=(), protocol="none", recipe="none", signature="none"),
    )
    return Bundle(
        directory=encoder.path.parent,
        manifest=manifest,
        sha256=encoder.sha256,
        feature=encoder.feature,
        threads=1,
        head=head,
        _model=encoder.model(),
        _test_vector=b"",
    )


def with_head(bundle: Bundle, head: EmbeddingHead, *, labels: tuple[str, ...]) -> Bundle:
    """Return a bundle in memory with another head, for other labels; its probabilities are not calibrated."""
    return replace(bundle, head=head, manifest=replace(bundle.manifest, labels=labels))


@dataclass(frozen=True)
class WindowEmbeddings:
    """Embeddings of the windows of a recording, as a feature store computes and keeps them.

    Attributes:
        encoder: of the windows.
        windows: of an utterance.
        copy: perturbation of the recording; see `changed_copy`.

    """

    version: ClassVar[int] = 1

    encoder: Encoder
    windows: Windows
    copy: str = ""

    @property
    def rate(self) -> Hertz:
        """Sampling rate of the encoder's front end."""
        return self.encoder.feature.rate

    def compute(self, signal: Array) -> Array:
        """Return the embeddings [windows, values] of a signal [time]; one window if no speech is found."""
        signal = changed_copy(signal, self.copy, rate=self.rate)
        bundle = encoder_bundle(self.encoder, self.windows)
        outputs = analyse(bundle, [signal]).segments.outputs
        return outputs if len(outputs) else bundle.outputs(bundle.feature.compute(signal)[np.newaxis])


def changed_copy(signal: Array, copy: str, *, rate: Hertz) -> Array:
    """Return a copy of a signal [time] under a perturbation, e.g. "telephone/mu-law"; the signal itself for "".

    What is random in a copy depends on the signal alone.
    """
    if not copy:
        return signal
    name, _, setting = copy.partition(SEPARATOR)
    scene = Scene(rate, np.random.default_rng(zlib.crc32(signal.tobytes())))
    return PERTURBATIONS.get(name).apply(signal, setting, scene)
