"""Lengths in headers that are larger than any file: the recording is refused, without an error of a library."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
import soundfile

from emotone.audio.read import probe
from emotone.errors import AudioError


def written(container: str) -> bytearray:
    buffer = io.BytesIO()
    soundfile.write(buffer, np.zeros(1600), 16000, format=container, subtype="PCM_16")
    return bytearray(buffer.getvalue())


@pytest.mark.parametrize(
    ("container", "place", "length"),
    [("W64", 40 + 16, struct.pack("<Q", 2**63 + 8)), ("CAF", 8 + 4, struct.pack(">q", 2**63 - 1))],
)
def test_a_length_above_what_a_file_can_have_is_no_foreign_error(container: str, place: int, length: bytes) -> None:
    content = written(container)
    content[place : place + 8] = length
    with pytest.raises(AudioError):
        probe(bytes(content), name="a")
