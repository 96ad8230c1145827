"""Logical streams of an Ogg file, found by walking its pages.

Ogg files may be chained: one stream after another, each with its own headers. libsndfile reads only the first one.
Each link is therefore decoded on its own. A link whose last page lacks the end-of-stream flag is complete (recorders on
phones do not set it); libsndfile refuses some of them, so its decoder is shown that page with the flag set.

Reference:
    RFC 3533 (Ogg): page structure, chaining.
"""

from __future__ import annotations

import functools
import struct
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO

from emotone.audio.layout import LogicalStream
from emotone.errors import TruncatedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from emotone.audio.source import Piece

CAPTURE = b"OggS"
HEADER = 27  # bytes before the lacing values
CONTINUED, FIRST, LAST = 1, 2, 4  # flags
ID3V1 = 128  # bytes
SEARCHED = 1 << 16  # bytes read at a time while searching for the next page
NATIVE = (b"\x01vorbis", b"OpusHead", b"\x7fFLAC")  # first packets of codings that libsndfile knows


@dataclass(frozen=True, slots=True)
class Page:
    """One page: its bytes, flags, stream, position in samples (0 in headers), and the packets that end in it.

    `missing` is the number of its bytes after the end of the file.
    """

    at: int
    end: int
    flags: int
    serial: int
    granule: int
    packets: int
    beginning: bytes
    missing: int = 0


@dataclass(slots=True)
class Link:
    """Streams that start together: one, or several multiplexed ones."""

    start: int
    streams: dict[int, bytes] = field(default_factory=dict)
    last: dict[int, Page] = field(default_factory=dict)
    position: dict[int, int] = field(default_factory=dict)

    def continues(self, page: Page) -> bool:
        """Return whether a page continues one of the streams: it has not ended, and time does not go back."""
        if page.serial not in self.streams or self.last[page.serial].flags & LAST:
            return False
        return page.granule < 0 or page.granule >= self.position[page.serial]

    def add(self, page: Page) -> None:
        """Append a page; a position of -1 is that of a page in which no packet ends."""
        self.last[page.serial] = page
        self.position[page.serial] = max(page.granule, self.position.get(page.serial, 0))


def walk(file: BinaryIO, size: int, name: str, offset: int) -> tuple[LogicalStream, ...]:
    """Return one logical stream per link (see `headers.logical_streams`)."""
    links, notes, end = _links(file, size=size, name=name, offset=offset)
    ends = [link.start for link in links[1:]] + [end]
    streams = [_stream(file, link, end=stop) for link, stop in zip(links, ends, strict=True)]
    last = streams[-1]
    streams[-1] = LogicalStream(last.pieces, native=last.native, notes=notes, shortfall=size - end if notes else 0)
    return tuple(streams)


def _links(file: BinaryIO, *, size: int, name: str, offset: int) -> tuple[list[Link], tuple[str, ...], int]:
    """Return the links, notes, and the byte after the last complete page."""
    links: list[Link] = []
    opening = sound = ended = False
    packets, end = 0, size
    notes: tuple[str, ...] = ()
    for page in _pages(file, size=size, offset=offset):
        if page.missing:
            if max(page.packets, packets) > 1 or not sound:
                raise TruncatedError(
                    f"{name}: is truncated: its last Ogg page is incomplete after {size:,} bytes; "
                    "copy or download it again"
                )
            notes, end = ("the last Ogg page, with one coded frame, is incomplete and was left out",), page.at
            break
        if page.flags & FIRST and not opening:
            links.append(Link(page.at))
        opening = bool(page.flags & FIRST)
        if opening:
            links[-1].streams[page.serial] = page.beginning
        elif not links or not links[-1].continues(page):
            raise TruncatedError(
                f"{name}: is damaged: the Ogg page at byte {page.at:,} does not continue the pages before it; "
                "copy or download it again"
            )
        else:
            packets = page.packets
        links[-1].add(page)
        sound |= page.granule > 0
        end = page.end
        ended = bool(page.flags & LAST)
    if links and not notes and not ended and not _is_padding(file, end):
        raise TruncatedError(
            f"{name}: is damaged: {size - end:,} bytes after the Ogg page that ends at byte {end:,} are no page; "
            "copy or download it again"
        )
    return links, notes, end


def _is_padding(file: BinaryIO, at: int) -> bool:
    """Return whether nothing but zeros or an ID3v1 tag follows."""
    file.seek(at)
    rest = file.read(SEARCHED)
    return not rest.strip(b"\x00") or (len(rest) == ID3V1 and rest.startswith(b"TAG"))


def _pages(file: BinaryIO, *, size: int, offset: int) -> Iterator[Page]:
    at = offset
    while at < size:
        file.seek(at)
        head = file.read(HEADER)
        if head[:4] != CAPTURE:
            following = _search(file, at + 1)
            if following is None:
                return
            at = following
            continue
        count = head[26] if len(head) == HEADER else 255
        head = head.ljust(HEADER, b"\0")
        lacing = file.read(count)
        end = at + HEADER + count + sum(lacing)
        granule, serial = struct.unpack("<qI", head[6:18])
        packets = sum(1 for length in lacing if length < 255)
        beginning = file.read(8) if head[5] & FIRST else b""
        yield Page(at, end, head[5], serial, granule, packets, beginning, missing=max(0, end - size))
        at = end


def _search(file: BinaryIO, at: int) -> int | None:
    """Return the byte of the next page, or None."""
    file.seek(at)
    kept = b""
    while content := file.read(SEARCHED):
        content = kept + content
        found = content.find(CAPTURE)
        if found >= 0:
            return at + found
        kept = content[-3:]
        at += len(content) - len(kept)
    return None


def _stream(file: BinaryIO, link: Link, *, end: int) -> LogicalStream:
    native = len(link.streams) == 1 and next(iter(link.streams.values())).startswith(NATIVE)
    pieces: list[Piece] = []
    at = link.start
    for page in sorted(link.last.values(), key=lambda page: page.at):
        if not page.flags & LAST:
            pieces += [range(at, page.at), _ended(file, page)]
            at = page.end
    pieces.append(range(at, end))
    return LogicalStream(tuple(piece for piece in pieces if len(piece)), native=native)


def _ended(file: BinaryIO, page: Page) -> bytes:
    """Return the bytes of a page with the end-of-stream flag and its checksum."""
    file.seek(page.at)
    content = bytearray(file.read(page.end - page.at))
    damaged = content[22:26] != checksum(content)
    content[5] |= LAST
    if not damaged:
        content[22:26] = checksum(content)
    return bytes(content)


@functools.cache
def _reversed_bits() -> bytes:
    """Return each byte with its bits reversed, for a translation of bytes."""
    return bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))


def checksum(page: bytes | bytearray) -> bytes:
    """Return the CRC-32 of a page as Ogg defines it: most significant bit first, without inversion.

    `zlib` computes the reflected, inverted one; reversing the bits before and after makes them equal.
    """
    content = bytes(page[:22]) + bytes(4) + bytes(page[26:])
    reflected = zlib.crc32(content.translate(_reversed_bits()), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return struct.pack("<I", int(f"{reflected:032b}"[::-1], 2))
