"""What a file is, recognised by its first bytes: names and suffixes are ignored.

Each signature of a recording has a name, a decoder, and whether the container stores its length:

    decoder   "libsndfile" (a dependency) where it is known to be right, else "ffmpeg" (the extra `media`)
    length    "stored": a promise of the header, and a file that contains less is truncated
              "estimated": a decoder's guess from the bit rate or from timestamps, which promises nothing

Other files stand in for a recording, or are often mistaken for one. A folder cloned without Git LFS, or a failed
download, contains many of them: each kind has its own error code, so that callers can report it once for all files.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Literal, TypeAlias

from emotone.audio.mpeg import Bytes, find_aac_frames, find_mp3_frames
from emotone.errors import NotAudioError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

HEAD_BYTES = 4096  # enough for every signature here
MAX_TAGS = 16  # ID3v2 tags before the first frame

Decoding: TypeAlias = Literal["libsndfile", "ffmpeg"]
Length: TypeAlias = Literal["stored", "estimated"]

ISO_BOXES = {b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide"}
APE_VERSIONS = (b"\x96", b"\x8c", b"\x82", b"\x78", b"\x6e")  # 3.99 to 3.95
ASF_GUID = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
TS_SYNC = 0x47  # the first byte of every packet of an MPEG transport stream

HTML = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<!--.*?-->\s*)?<(?:!doctype\s+html|html|head|body)[\s>]", re.IGNORECASE | re.DOTALL
)
LFS = b"version https://git-lfs.github.com/spec/"
XML = re.compile(rb"(?:\xef\xbb\xbf)?\s*<\?xml\s")

OTHER_KINDS: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", "is a ZIP archive; unpack it and pass the recordings in it"),
    (b"\x1f\x8b", "is a gzip archive; unpack it and pass the recordings in it"),
    (b"7z\xbc\xaf\x27\x1c", "is a 7z archive; unpack it and pass the recordings in it"),
    (b"Rar!\x1a\x07", "is a RAR archive; unpack it and pass the recordings in it"),
    (b"MThd", "is a MIDI file, which contains notes and no audio"),
    (b"%PDF-", "is a PDF document"),
    (b"\x00\x05\x16\x07", "is a macOS metadata file (AppleDouble); the recording has the same name without '._'"),
    (b"\x89PNG\r\n\x1a\n", "is a PNG image"),
    (b"\xff\xd8\xff", "is a JPEG image"),
)


MANY = {
    "git_lfs_pointer": (
        "are Git LFS pointers, not the recordings; run 'git lfs install' and 'git lfs pull' in their repository"
    ),
    "html_page": "are HTML or XML pages, not recordings (failed downloads?); download them again",
}
"""What is wrong with several files, by the code of their errors."""
NAMED = 3  # files that a message for many names


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of file, the library that decodes it, and whether it stores its length."""

    name: str
    decoder: Decoding
    length: Length = "stored"


def sniff(head: bytes) -> Kind | None:
    """Return the kind of a file with these first bytes, or None where no signature fits.

    None does not mean that nothing can decode it: libsndfile and FFmpeg know formats without a clear signature.

    Example:
        >>> sniff(b"fLaC" + bytes(40))
        Kind(name='flac', decoder='libsndfile', length='stored')

    """
    return next((kind for kind, fits in SIGNATURES if fits(head)), None)


def identify(file: BinaryIO) -> tuple[Kind | None, int]:
    """Return the kind of an open file, and the byte at which it starts after ID3v2 tags.

    Segments of HTTP live streams, and files of some editors, have such a tag before any format. A file without a
    signature is MP3 or AAC where frames follow each other near its start: a stream recorded from the middle.
    """
    file.seek(0)
    head, at = file.read(HEAD_BYTES), 0
    for _ in range(MAX_TAGS):
        if head[:3] != b"ID3" or len(head) < 10:
            break
        at += 10 + sum((byte & 0x7F) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
        file.seek(at)
        head = file.read(HEAD_BYTES)
    kind = sniff(head)
    if kind is None and at:
        return MP3, 0
    if kind is None:
        file.seek(0, os.SEEK_END)
        content = Bytes(file, file.tell())
        found = (MP3, find_mp3_frames(content, 0)), (AAC, find_aac_frames(content, 0))
        return next((kind for kind, at in found if at is not None), None), 0
    return kind, at


def _starts(*prefixes: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.startswith(prefixes)


def _riff(form: bytes) -> Callable[[bytes], bool]:
    return lambda head: head[:4] in {b"RIFF", b"RIFX", b"RF64", b"BW64"} and head[8:12] == form


def _iso(head: bytes) -> bool:
    # The first four bytes are a length: the zero distinguishes a box from a text that starts with "The free ...".
    return head[4:8] in ISO_BOXES and (head[0] == 0 or head[4:8] == b"mdat")


def _aiff(head: bytes) -> bool:
    return head[:4] == b"FORM" and head[8:12] in {b"AIFF", b"AIFC"}


def _adts(head: bytes) -> bool:
    """Raw AAC: twelve ones, layer 00, and a second frame after the length of the first one."""
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
    """Packets of 188 bytes, or of 192 with a timestamp before each (Blu-ray, camcorders), or of 204 with a checksum."""
    return any(
        len(head) > 2 * packet and all(head[at] == TS_SYNC for at in range(first, len(head), packet))
        for first, packet in ((0, 188), (4, 192), (0, 204))
    )


MP3 = Kind("mp3", "libsndfile", "estimated")
AAC = Kind("aac", "ffmpeg", "estimated")

SIGNATURES: tuple[tuple[Kind, Callable[[bytes], bool]], ...] = (
    (Kind("wav", "libsndfile"), _riff(b"WAVE")),
    (Kind("flac", "libsndfile"), _starts(b"fLaC")),
    (Kind("ogg", "libsndfile"), _starts(b"OggS")),
    (Kind("aiff", "libsndfile"), _aiff),
    (Kind("sphere", "libsndfile"), _starts(b"NIST_1A")),
    (Kind("au", "libsndfile"), _starts(b".snd", b"dns.")),
    (Kind("caf", "libsndfile"), _starts(b"caff\x00")),
    (Kind("w64", "libsndfile"), _starts(b"riff\x2e\x91\xcf\x11")),
    (Kind("mp4", "ffmpeg"), _iso),
    (Kind("matroska or webm", "ffmpeg"), _starts(b"\x1a\x45\xdf\xa3")),
    (Kind("avi", "ffmpeg"), _riff(b"AVI ")),
    (Kind("asf", "ffmpeg"), _starts(ASF_GUID)),
    (Kind("flv", "ffmpeg", "estimated"), _starts(b"FLV\x01")),
    (Kind("amr", "ffmpeg", "estimated"), _starts(b"#!AMR")),
    (Kind("realmedia", "ffmpeg"), _starts(b".RMF")),
    (Kind("mpeg program stream", "ffmpeg", "estimated"), _starts(b"\x00\x00\x01\xba")),
    (Kind("mpeg transport stream", "ffmpeg", "estimated"), _transport),
    (Kind("monkey's audio", "ffmpeg"), _starts(*(b"MAC " + version + b"\x0f" for version in APE_VERSIONS))),
    (Kind("wavpack", "ffmpeg"), _starts(b"wvpk")),
    (Kind("tta", "ffmpeg"), _starts(b"TTA1")),
    (Kind("musepack", "ffmpeg"), _starts(b"MPCK", b"MP+\x07", b"MP+\x17")),
    (Kind("dsf", "ffmpeg"), _starts(b"DSD \x1c")),
    (Kind("ac3", "ffmpeg", "estimated"), _starts(b"\x0b\x77")),
    (Kind("dts", "ffmpeg", "estimated"), _starts(b"\x7f\xfe\x80\x01")),
    (AAC, _adts),
    (MP3, _mp3),
)
"""Kind and test; the first fit counts. A container that FFmpeg knows is added here with its first bytes."""

FFMPEG_ESTIMATES: frozenset[str] = frozenset(
    {"aac", "ac3", "adts", "amr", "amrnb", "amrwb", "dts", "dtshd", "eac3", "flv", "g722", "g726", "gsm", "latm"}
    | {"live_flv", "loas", "mlp", "mp3", "mpeg", "mpegts", "sbc", "truehd"}
)
"""FFmpeg's names of containers without a stored length, for files without a signature above."""


class GitLfsPointerError(NotAudioError):
    """The file is a Git LFS pointer; the recording was not downloaded."""

    code = "git_lfs_pointer"


class HtmlPageError(NotAudioError):
    """The file is a web page, usually the error page of a failed download."""

    code = "html_page"


def stand_in(head: bytes, *, expected: str) -> str:
    """Return what a file is in place of its content, and what to do; "" for a file that is neither pointer nor page.

    Args:
        head: the first bytes of the file.
        expected: what the file should be, e.g. "recording".

    Example:
        >>> stand_in(b"<html><body>404", expected="table")
        'is an HTML page, not a table (a failed download?); download it again'

    """
    if head.startswith(LFS):
        return f"is a Git LFS pointer, not the {expected}; run 'git lfs pull' in its repository"
    if HTML.match(head):
        return f"is an HTML page, not a {expected} (a failed download?); download it again"
    if XML.match(head):
        return f"is an XML document, not a {expected} (a failed download?); download it again"
    return ""


def message_for_many(code: str, names: Sequence[str]) -> str:
    """Return one line for all files with an error of this code; "" where each file has its own message.

    Example:
        >>> message_for_many("html_page", ["a.wav", "b.wav"])
        '2 files are HTML or XML pages, not recordings (failed downloads?); download them again: a.wav, b.wav'

    """
    if code not in MANY or len(names) < 2:
        return ""
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{len(names)} files {MANY[code]}: {', '.join(names[:NAMED])}{more}"


def check_audio_bytes(head: bytes, *, name: str) -> None:
    """Raise for a file that is recognised as something else than a recording.

    Args:
        head: the first bytes of the file.
        name: how the message names it.

    Raises:
        GitLfsPointerError: a Git LFS pointer.
        HtmlPageError: an HTML or XML page.
        NotAudioError: an archive, image, document or metadata file.

    """
    words = stand_in(head, expected="recording")
    if words:
        kind = GitLfsPointerError if head.startswith(LFS) else HtmlPageError
        raise kind(f"{name}: {words}")
    for start, words in OTHER_KINDS:
        if head.startswith(start):
            raise NotAudioError(f"{name}: {words}")
