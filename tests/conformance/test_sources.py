"""Every source has its metadata, and its layers are layers of its network."""

from __future__ import annotations

import re
from typing import Any

import pytest

from emotone.nets.base import NETS
from emotone.transfer.select import layer_of
from emotone.transfer.source import SOURCES, Source

# Settings with which a network has all layers of a source, where the defaults build only some of them.
WHOLE: dict[str, dict[str, Any]] = {
    "letter-convolution": {"kind": "convolution"},
    "whisper-base": {"layers": (6,), "final_norm": True},
    "whisper-tiny-en": {"layers": (4,), "width": 384, "heads": 6, "final_norm": True},
}


@pytest.fixture(params=SOURCES.names)
def source(request: pytest.FixtureRequest) -> Source:
    return SOURCES.get(request.param)


def test_there_are_sources() -> None:
    assert "soundnet5" in SOURCES.names


def test_it_says_what_it_is(source: Source) -> None:
    assert source.name in SOURCES.names
    assert source.title
    assert source.citation
    assert source.licence
    assert source.licence_note
    assert source.published
    assert source.readers
    assert source.rate > 0


def test_it_says_where_its_files_are(source: Source) -> None:
    for one in source.published:
        assert one.url.startswith(("https://", "http://"))
        assert one.file
        assert one.sha256 == "" or re.fullmatch(r"[0-9a-f]{64}", one.sha256)


def test_its_layers_are_the_networks(source: Source) -> None:
    net = NETS.get(source.net)(**WHOLE.get(source.name, {}))
    names = {layer for group in net.groups for layer in group}
    assert set(source.layers) <= names
    assert {layer_of(name) for name in source.shapes} == set(source.layers)
    assert not set(source.shapes) & set(source.optional)
