"""Embeddings of every window of a recording, for detectors, which decide on each window; and changed copies.

They are those of the engine that also predicts: utterances are found, and windows placed on their grid.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from emotone.augment.perturbation import PERTURBATIONS, SEPARATOR, Scene
from emotone.fitting.encoder_bundle import encoder_bundle
from emotone.inference.engine import analyse

if TYPE_CHECKING:
    from emotone.features.windows import Windows
    from emotone.fitting.encoder import Encoder
    from emotone.types import Array, Hertz


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
