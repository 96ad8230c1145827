"""What a file is, by its first bytes: names and suffixes are not believed.

Each signature names a kind, and who decodes it: "libsndfile" (always there), or "ffmpeg" (the extra `media`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

HEAD_BYTES = 4096  # enough for every signature here

ISO_BOXES = {b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide"}
ASF_GUID = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
TS_PACKET = 188  # bytes; an MPEG transport stream has its sync byte at every multiple


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of file, and the library that decodes it."""

    name: str
    decoder: Literal["libsndfile", "ffmpeg"]


def sniff(head: bytes) -> Kind | None:
    """Return what a file with this beginning is, or None where no signature fits.

    None does not mean that nothing can decode it: libsndfile knows formats without a clear signature.

    Example:
        >>> sniff(b"fLaC" + bytes(40))
        Kind(name='flac', decoder='libsndfile')

    """
    for name, decoder, fits in SIGNATURES:
        if fits(head):
            return Kind(name, decoder)
    return None


def _starts(*prefixes: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.startswith(prefixes)


def _riff(form: bytes) -> Callable[[bytes], bool]:
    return lambda head: head[:4] in {b"RIFF", b"RIFX", b"RF64", b"BW64"} and head[8:12] == form


def _iso(head: bytes) -> bool:
    # The first four bytes are a length: the zero tells a box from text that happens to read "The free ...".
    return head[4:8] in ISO_BOXES and (head[0] == 0 or head[4:8] == b"mdat")


def _aiff(head: bytes) -> bool:
    return head[:4] == b"FORM" and head[8:12] in {b"AIFF", b"AIFC"}


def _adts(head: bytes) -> bool:
    """Raw AAC: twelve ones, layer 00, and a second frame where the first one's length says."""
    if len(head) < 7 or head[0] != 0xFF or head[1] & 0xF6 != 0xF0:
        return False
    length = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
    return (
        length >= 7
        and head[length : length + 1] in {b"\xff", b""}
        and head[length + 1 : length + 2] in {head[1:2], b""}
    )


def _mp3(head: bytes) -> bool:
    """An ID3v2 tag, or a frame header of MPEG-1/2/2.5 whose version, layer, bit rate and rate are none reserved."""
    if head[:3] == b"ID3":
        return True
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return False
    version, layer = head[1] >> 3 & 3, head[1] >> 1 & 3
    return version != 1 and layer != 0 and head[2] >> 4 != 15 and head[2] >> 2 & 3 != 3


def _transport(head: bytes) -> bool:
    return len(head) > 2 * TS_PACKET and all(head[at] == 0x47 for at in range(0, len(head), TS_PACKET))


SIGNATURES: tuple[tuple[str, Literal["libsndfile", "ffmpeg"], Callable[[bytes], bool]], ...] = (
    ("wav", "libsndfile", _riff(b"WAVE")),
    ("flac", "libsndfile", _starts(b"fLaC")),
    ("ogg", "libsndfile", _starts(b"OggS")),
    ("aiff", "libsndfile", _aiff),
    ("sphere", "libsndfile", _starts(b"NIST_1A")),
    ("au", "libsndfile", _starts(b".snd", b"dns.")),
    ("caf", "libsndfile", _starts(b"caff\x00")),
    ("w64", "libsndfile", _starts(b"riff\x2e\x91\xcf\x11")),
    ("mp4", "ffmpeg", _iso),
    ("matroska or webm", "ffmpeg", _starts(b"\x1a\x45\xdf\xa3")),
    ("avi", "ffmpeg", _riff(b"AVI ")),
    ("asf", "ffmpeg", _starts(ASF_GUID)),
    ("flv", "ffmpeg", _starts(b"FLV\x01")),
    ("amr", "ffmpeg", _starts(b"#!AMR")),
    ("realmedia", "ffmpeg", _starts(b".RMF")),
    ("mpeg program stream", "ffmpeg", _starts(b"\x00\x00\x01\xba")),
    ("mpeg transport stream", "ffmpeg", _transport),
    (
        "monkey's audio",
        "ffmpeg",
        _starts(b"MAC \x96\x0f", b"MAC \x8c\x0f", b"MAC \x82\x0f", b"MAC \x78\x0f", b"MAC \x6e\x0f"),
    ),
    ("wavpack", "ffmpeg", _starts(b"wvpk")),
    ("tta", "ffmpeg", _starts(b"TTA1")),
    ("musepack", "ffmpeg", _starts(b"MPCK", b"MP+\x07", b"MP+\x17")),
    ("dsf", "ffmpeg", _starts(b"DSD \x1c")),
    ("ac3", "ffmpeg", _starts(b"\x0b\x77")),
    ("aac", "ffmpeg", _adts),
    ("mp3", "libsndfile", _mp3),
)
"""Name, decoder and test, the first fit counts. A container FFmpeg knows is added here with its first bytes."""
