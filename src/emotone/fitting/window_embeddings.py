"""Embeddings of every window of a recording, for detectors, which decide on each window.

They are those of the engine that also predicts: utterances are found, and windows placed on their grid.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

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

    """

    version: ClassVar[int] = 1

    encoder: Encoder
    windows: Windows

    @property
    def rate(self) -> Hertz:
        """Sampling rate of the encoder's front end."""
        return self.encoder.feature.rate

    def compute(self, signal: Array) -> Array:
        """Return the embeddings [windows, values] of a signal [time]; one window if no speech is found."""
        bundle = encoder_bundle(self.encoder, self.windows)
        outputs = analyse(bundle, [signal]).segments.outputs
        return outputs if len(outputs) else bundle.outputs(bundle.feature.compute(signal)[np.newaxis])
