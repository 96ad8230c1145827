"""The colours of emotions: they differ for readers with and without colour blindness."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import pytest

from emotone.inference.display import COLOURS, OTHERS, colour

if TYPE_CHECKING:
    from numpy.typing import NDArray

SHIPPED = ("anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise")
VISION = {  # Machado, Oliveira & Fernandes (2009), severity 1, in linear RGB
    "normal": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
}
XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
WHITE = np.array([0.9505, 1.0, 1.089])


def linear(shade: str) -> NDArray[np.float64]:
    values = np.array([int(shade[at : at + 2], 16) / 255 for at in (1, 3, 5)])
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def lab(rgb: NDArray[np.float64]) -> NDArray[np.float64]:
    relative = XYZ @ np.clip(rgb, 0, 1) / WHITE
    f = np.where(relative > 0.008856, np.cbrt(relative), 7.787 * relative + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("vision", VISION)
@pytest.mark.parametrize(("one", "other"), list(combinations(SHIPPED, 2)))
def test_the_colours_of_the_shipped_models_differ(one: str, other: str, vision: str) -> None:
    seen = [lab(np.array(VISION[vision]) @ linear(COLOURS[label])) for label in (one, other)]
    assert np.linalg.norm(seen[0] - seen[1]) >= 25


@pytest.mark.parametrize("label", SHIPPED)
def test_colours_are_visible_on_white_and_on_black(label: str) -> None:
    luminance = float(XYZ[1] @ linear(COLOURS[label]))
    assert 1.05 / (luminance + 0.05) > 1.7
    assert (luminance + 0.05) / 0.05 > 2.5


def test_labels_that_are_no_emotion_have_colours_of_their_own() -> None:
    labels = ("anger", "other", "laughter")
    assert colour("anger", labels=labels) == COLOURS["anger"]
    assert [colour(label, labels=labels) for label in labels[1:]] == list(OTHERS[:2])
