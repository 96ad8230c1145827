"""The network of a frozen encoder as a bundle in memory, to compute embeddings with the engine that also predicts."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from emotone.bundles.bundle import Bundle
from emotone.bundles.contents import SCHEMA, BundleManifest, Calibration, TrainingData
from emotone.bundles.head import EmbeddingHead

if TYPE_CHECKING:
    from emotone.features.windows import Windows
    from emotone.fitting.encoder import Encoder


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
