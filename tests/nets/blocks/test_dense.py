"""Classifiers and fully connected blocks."""

from __future__ import annotations

import pytest
import torch
from tests.toy import one_thread

from emotone.nets.blocks.dense import EmbeddingClassifier, NormClassifier, flatten_channels_last

__all__ = ["one_thread"]
pytestmark = pytest.mark.usefixtures("one_thread")


def test_the_classifier_returns_one_score_per_class() -> None:
    logits, lengths = NormClassifier(6, hidden=4, classes=3, dropout=0.5).eval()(torch.randn(5, 6), None)
    assert logits.shape == (5, 3)
    assert lengths is None


@pytest.mark.parametrize(
    ("hidden", "dropout", "description"),
    [
        (0, 0.0, "linear"),
        (0, 0.2, "dropout, linear"),
        (7, 0.0, "linear 7, ReLU, linear"),
        (7, 0.2, "dropout, linear 7, ReLU, dropout, linear"),
    ],
)
def test_the_description_of_a_classifier_names_its_parts(hidden: int, dropout: float, description: str) -> None:
    block = EmbeddingClassifier(5, hidden=hidden, classes=3, dropout=dropout)
    assert block.description == description
    assert block(torch.randn(2, 5), None)[0].shape == (2, 3)


def test_an_image_is_flattened_with_channels_varying_fastest() -> None:
    image = torch.arange(2 * 3 * 4 * 5.0).reshape(2, 3, 4, 5)  # batch, channels, time, bands
    expected = [[item[c, t, b] for t in range(4) for b in range(5) for c in range(3)] for item in image]
    assert torch.equal(flatten_channels_last(image), torch.tensor(expected))
    assert flatten_channels_last(image[:, :, 0, 0]) is not image
