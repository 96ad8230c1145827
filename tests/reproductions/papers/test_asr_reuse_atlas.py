"""The layer atlas: recall by layer, its table and its figure."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from emotone.errors import RunError
from emotone.reproductions.papers.asr_reuse.atlas import AtlasCell, atlas_lines, compute_atlas, draw_atlas, layer_cell
from emotone.types import Utterance

SVG = "{http://www.w3.org/2000/svg}"


def clips(speakers: int) -> list[Utterance]:
    return [
        Utterance(f"{speaker}-{label}-{take}", "emodb", Path("a.wav"), 0.0, None, f"s{speaker}", "", label)
        for speaker in range(speakers)
        for label in ("anger", "neutral")
        for take in range(4)
    ]


def stored(**absent: str) -> dict[str, Any]:
    cells = [
        AtlasCell(corpus, source, layer, place, 10, uar, uar - 0.1, uar + 0.1, 40, 5, 4)
        for corpus in ("emodb", "savee")
        for source, layer, place, uar in (("yamnet", "layer1", 0.0, 0.4), ("yamnet", "embedding", 1.0, 0.6))
    ]
    return {"cells": [vars(cell) for cell in cells], "absent": absent}


@pytest.mark.parametrize(("speakers", "noise", "expected"), [(3, 0.1, 1.0), (12, 0.1, 1.0), (3, 1000.0, 0.5)])
def test_the_recall_is_that_of_speakers_who_were_not_trained_on(speakers: int, noise: float, expected: float) -> None:
    given = clips(speakers)
    rng = np.random.default_rng(0)
    values = np.array([[1.0, 0.0] if clip.label == "anger" else [0.0, 1.0] for clip in given])
    found = layer_cell((values + rng.normal(0, noise, values.shape)).astype(np.float32), given, corpus="emodb")
    assert found.uar == pytest.approx(expected, abs=0.0 if expected == 1 else 0.25)
    assert found.low <= found.uar <= found.high
    assert (found.clips, found.speakers, found.labels, found.values) == (len(given), speakers, 2, 2)


def test_the_table_has_a_row_for_every_layer_and_marks_the_best() -> None:
    text = "\n".join(atlas_lines(stored(mn04="not here")))
    assert "| YAMNet, sounds | layer1 | 10 | 40.0 [30.0, 50.0] | 40.0 [30.0, 50.0] |" in text
    assert "| YAMNet, sounds | embedding | 10 | **60.0 [50.0, 70.0]** | **60.0 [50.0, 70.0]** |" in text
    assert "Emo-DB, 4 labels, 40 clips, 5 speakers" in text
    assert "not measured: mn04." in text


def test_the_figure_has_a_line_for_each_source_in_each_panel_and_a_dark_theme() -> None:
    drawn = draw_atlas(stored())
    root = ET.fromstring(drawn)  # noqa: S314 - our own text
    assert len([each for each in root.iter(f"{SVG}path") if each.get("fill") == "none"]) == 2
    assert len(list(root.iter(f"{SVG}circle"))) == 4
    assert "prefers-color-scheme:dark" in drawn
    assert "SAVEE" in drawn
    assert draw_atlas(stored()) == drawn


def test_an_atlas_needs_weights() -> None:
    with pytest.raises(RunError, match="the weights of no source are on this machine"):
        compute_atlas({"emodb": clips(2)})
