"""The size that a Matroska or WebM file promises.

Reference:
    RFC 8794 (EBML), section 4: variable-size integers; RFC 9559 (Matroska).
"""

from __future__ import annotations

from typing import BinaryIO

EBML_ID, SEGMENT_ID, VOID_ID = 0x1A45DFA3, 0x18538067, 0xEC


def segment_end(file: BinaryIO, start: int = 0) -> int | None:
    """Return the byte after the segment, which contains all sound, or None where its size is stored as unknown."""
    file.seek(start)
    for _ in range(8):  # the EBML header, perhaps padding, and the segment
        name = _integer(file, keep_marker=True)
        length = _integer(file, keep_marker=False)
        if name is None or length is None or name not in {EBML_ID, SEGMENT_ID, VOID_ID}:
            return None
        if name == SEGMENT_ID:
            return file.tell() + length
        file.seek(length, 1)
    return None


def _integer(file: BinaryIO, *, keep_marker: bool) -> int | None:
    """Return the next variable-size integer, or None for one of only ones (unknown), or at the end."""
    first = file.read(1)
    if not first or first[0] == 0:
        return None
    width = 9 - first[0].bit_length()
    rest = file.read(width - 1)
    if len(rest) < width - 1:
        return None
    value = int.from_bytes(first + rest, "big")
    if keep_marker:
        return value
    bits = 7 * width
    value &= (1 << bits) - 1
    return None if value == (1 << bits) - 1 else value
