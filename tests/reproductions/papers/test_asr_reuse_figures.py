"""Maps of layers, and the unit that follows the loudness: found, stored, drawn."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from emotone.errors import RunError
from emotone.reproductions.papers.asr_reuse.figures import (
    COLOURS,
    draw_loudness,
    draw_maps,
    layer_maps,
    loudness_unit,
    step_loudness,
)
from emotone.reproductions.papers.asr_reuse.tables import PAPER
from emotone.reproductions.stored import store_figure, stored_figure

if TYPE_CHECKING:
    from pathlib import Path

SVG = "{http://www.w3.org/2000/svg}"


def test_a_map_separates_what_a_layer_separates(rng: np.random.Generator) -> None:
    labels = ["anger"] * 20 + ["sadness"] * 20
    apart = np.concatenate([rng.normal(0, 1, (20, 8)), rng.normal(20, 1, (20, 8))])
    (found,) = layer_maps({2: apart}, labels)
    assert found.layer == 2
    points = np.array(found.points)
    assert points.min() == 0
    assert points.max() == 1000
    first, second = points[:20].mean(axis=0), points[20:].mean(axis=0)
    assert np.linalg.norm(first - second) > 300


def test_a_map_needs_clips() -> None:
    with pytest.raises(RunError, match=r"at least 4 clips with the labels anger, sadness, neutral, happiness; given 3"):
        layer_maps({1: np.zeros((3, 2))}, ["anger"] * 3)


def test_the_loudness_of_a_step_is_its_level() -> None:
    signal = np.concatenate([np.zeros(3200), np.full(3200, 0.1)]).astype(np.float32)
    levels = step_loudness(signal, steps=20)
    np.testing.assert_allclose(levels[:8], -80.0)
    np.testing.assert_allclose(levels[11:18], -20.0, atol=1e-5)


def test_the_unit_is_selected_on_some_clips_and_measured_on_others(rng: np.random.Generator) -> None:
    loudness = [rng.normal(size=steps) for steps in (40, 30, 50, 20, 5)]  # the last one is too short
    outputs = {
        1: [rng.normal(size=(len(levels), 3)) for levels in loudness],
        2: [np.stack([rng.normal(size=len(levels)), -2 * levels, np.ones(len(levels))], 1) for levels in loudness],
    }
    found = loudness_unit(outputs, loudness)
    assert (found.layer, found.unit, found.clips, found.units) == (2, 1, 2, 6)
    assert found.correlation == -1.0
    np.testing.assert_allclose(found.output, [-value for value in found.loudness], atol=0.02)
    with pytest.raises(RunError, match=r"2 clips of 10 steps \(0.2 s\) or more; given 1"):
        loudness_unit({1: outputs[1][:1]}, loudness[:1])


def test_figures_are_stored_and_drawn(tmp_path: Path) -> None:
    maps = {"maps": [{"layer": 1, "points": [[0, 1000], [500, 0]], "labels": ["anger", "sadness"]}]}
    figure = PAPER.figure("figure4")
    assert figure is not None
    data, drawing = store_figure(PAPER, figure, maps, out=tmp_path)
    assert json.loads(data.read_text())["figures"] == {"figure4": maps}
    assert stored_figure(PAPER, "figure4", results=tmp_path) == maps
    assert stored_figure(PAPER, "figure6", results=tmp_path) is None
    circles = ET.parse(drawing).getroot().findall(f"{SVG}circle")  # noqa: S314 - our own
    assert len(circles) == len(COLOURS) + 2
    assert draw_maps(maps) == drawing.read_text()


def test_the_curves_of_a_unit_are_drawn() -> None:
    unit = {
        "layer": 2,
        "unit": 7,
        "correlation": 0.6,
        "clips": 9,
        "units": 20,
        "output": [0.0, 1.0],
        "loudness": [1, 0],
    }
    paths = ET.fromstring(draw_loudness(unit)).findall(f"{SVG}path")  # noqa: S314 - our own
    assert len(paths) == 4
    assert PAPER.figure("figure9") is None
