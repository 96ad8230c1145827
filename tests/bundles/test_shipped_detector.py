"""The shipped anger detector: its labels, its threshold, and its card."""

from __future__ import annotations

from pathlib import Path

import pytest

from emotone.bundles import library
from emotone.bundles.manifest import CARD
from emotone.fitting.card import INTENDED_USE
from emotone.inference.model import load

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
pytestmark = pytest.mark.skipif("anger" not in library.shipped_names(), reason="no detector is shipped yet")


def test_its_positive_label_has_a_threshold() -> None:
    manifest = library.load("anger").manifest
    assert manifest.labels == ("anger", "other")
    assert set(manifest.thresholds) == {"anger"}
    assert (manifest.windows.seconds, manifest.windows.hop, manifest.training.corpora) == (1.2, 0.6, ("emodb",))


def test_its_card_contains_the_threshold_and_the_limits() -> None:
    bundle = library.load("anger")
    card = (bundle.directory / CARD).read_text(encoding="utf-8")
    assert INTENDED_USE in card
    for words in (
        "### The threshold",
        "false alarms per hour",
        "## Limits",
        f"{bundle.manifest.thresholds['anger']:.4g}",
    ):
        assert words in card


@pytest.mark.parametrize("name", ["even", "loud-fast-high"])
def test_its_threshold_decides(name: str) -> None:
    model = load("anger")
    threshold = model.bundle.manifest.thresholds["anger"]
    found = model.predict(EXAMPLES / f"{name}.flac")
    for one in found.segments:
        named = "anger" if one.probabilities["anger"] >= threshold else "other"
        assert one.label == (named if one.speech else None)
