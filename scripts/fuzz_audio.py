"""Read mutated recordings in about 25 containers, and report foreign exceptions and silent loss.

Each container is written from a synthetic signal with libsndfile or FFmpeg, then mutated: bytes changed, ranges
removed, zeroed, duplicated or truncated. Every mutated file must be read in full or be refused with one of emotone's
errors:

    foreign   an exception of another library, a warning, or more than 3 GB of memory
    loss      without an error and without a note: fewer seconds than FFmpeg decodes from the same file, or than were
              written where the container stores its length or the sound is there

    python scripts/fuzz_audio.py --files 2000 --out fuzz
"""

from __future__ import annotations

import argparse
import collections
import functools
import io
import json
import resource
import sys
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import av
import numpy as np
import soundfile

from emotone.audio.read import probe, read
from emotone.errors import AudioError, MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Callable

SECONDS = 4.0
ALLOWED_LOSS = 0.15  # seconds: encoder delays, which decoders remove or keep
MEMORY = 3 << 30  # bytes: a file of a few seconds needs much less, whatever its header promises
NATIVE = (
    ("wav", "WAV", "PCM_16"),
    ("wav-float", "WAV", "FLOAT"),
    ("wav-ulaw", "WAV", "ULAW"),
    ("wav-adpcm", "WAV", "IMA_ADPCM"),
    ("wavex-24", "WAVEX", "PCM_24"),
    ("rf64", "RF64", "PCM_16"),
    ("w64", "W64", "PCM_16"),
    ("flac", "FLAC", "PCM_16"),
    ("vorbis", "OGG", "VORBIS"),
    ("opus", "OGG", "OPUS"),
    ("mp3", "MP3", "MPEG_LAYER_III"),
    ("aiff", "AIFF", "PCM_16"),
    ("sphere", "NIST", "PCM_16"),
    ("au", "AU", "PCM_16"),
    ("caf", "CAF", "PCM_16"),
)
FFMPEG = (
    ("m4a", "ipod", "aac"),
    ("mp4-fragmented", "mp4", "aac"),
    ("webm", "webm", "libopus"),
    ("mkv", "matroska", "flac"),
    ("avi", "avi", "pcm_s16le"),
    ("mov", "mov", "pcm_s24le"),
    ("ts", "mpegts", "aac"),
    ("aac", "adts", "aac"),
    ("ac3", "ac3", "ac3"),
    ("mp2", "mp2", "mp2"),
    ("wv", "wv", "wavpack"),
    ("tta", "tta", "tta"),
    ("ogg-flac", "ogg", "flac"),
    ("flv", "flv", "aac"),
    ("asf", "asf", "pcm_s16le"),
)

ESTIMATED = frozenset({"ac3", "aac", "mp2", "ts", "flv", "vorbis", "opus", "ogg-flac", "opus-chained", "mp3-chained"})
"""Containers without a stored length: one that ends after a complete coded frame is complete."""


class Finding(NamedTuple):
    """One file that was neither read in full nor refused properly."""

    kind: str
    container: str
    mutation: str
    seed: int
    words: str


def signal(rate: int) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    """Return tones [time] whose pitch and level change, with a little noise."""
    rng = np.random.default_rng(1)
    times = np.arange(round(SECONDS * rate)) / rate
    tones = 0.3 * np.sin(2 * np.pi * (200 + 100 * np.sin(3 * times)) * times) * (0.2 + (times % 1 < 0.5))
    return (tones + 0.01 * rng.standard_normal(len(times))).astype(np.float32)


def write_native(container: str, coding: str) -> bytes:
    """Return a file written by libsndfile."""
    stream = io.BytesIO()
    soundfile.write(stream, signal(16000), 16000, format=container, subtype=coding)
    return stream.getvalue()


def write_ffmpeg(container: str, codec: str, *, fragmented: bool) -> bytes:
    """Return a file written by FFmpeg."""
    stream = io.BytesIO()
    options = (
        {"movflags": "frag_keyframe+empty_moov+default_base_moof", "frag_duration": "500000"} if fragmented else {}
    )
    with av.open(stream, "w", format=container, options=options) as output:
        track = output.add_stream(codec, rate=48000, layout="mono")
        resampler = av.AudioResampler(format=track.codec_context.format, layout="mono", rate=48000)
        samples = signal(48000)
        for at in range(0, len(samples), 960):
            frame = av.AudioFrame.from_ndarray(samples[np.newaxis, at : at + 960], format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 48000, at
            for one in resampler.resample(frame):
                output.mux(track.encode(one))
        output.mux(track.encode(None))
    return stream.getvalue()


def recordings() -> dict[str, bytes]:
    """Return one file per container that this machine can write."""
    found = {name: write_native(container, coding) for name, container, coding in NATIVE}
    for name, container, codec in FFMPEG:
        try:
            found[name] = write_ffmpeg(container, codec, fragmented="fragmented" in name)
        except (ValueError, av.FFmpegError) as error:
            print(f"not written: {name} ({error})", file=sys.stderr)
    found["mp3-chained"] = found["mp3"] * 2
    found["opus-chained"] = found["opus"] + found["opus"]
    return found


def unchanged(content: bytes, _: np.random.Generator) -> bytes:
    """Return the file itself."""
    return content


def flipped(content: bytes, rng: np.random.Generator) -> bytes:
    """Change up to 8 bytes anywhere."""
    changed = bytearray(content)
    for _ in range(int(rng.integers(1, 9))):
        changed[int(rng.integers(len(changed)))] = int(rng.choice([0, 0x7F, 0x80, 0xFF, int(rng.integers(256))]))
    return bytes(changed)


def header(content: bytes, rng: np.random.Generator) -> bytes:
    """Change up to 4 bytes of the first 256."""
    changed = bytearray(content)
    for _ in range(int(rng.integers(1, 5))):
        place = int(rng.integers(min(256, len(changed))))
        changed[place] = int(rng.choice([0, 0x7F, 0x80, 0xFF, int(rng.integers(256))]))
    return bytes(changed)


def truncated(content: bytes, rng: np.random.Generator) -> bytes:
    """Remove the end, often only a few bytes of it."""
    removed = int(rng.integers(1, 300)) if rng.random() < 0.4 else int(rng.integers(1, len(content)))
    return content[:-removed]


def removed(content: bytes, rng: np.random.Generator) -> bytes:
    """Remove a range in the middle."""
    at, count = int(rng.integers(len(content))), int(rng.integers(1, max(2, len(content) // 3)))
    return content[:at] + content[at + count :]


def zeroed(content: bytes, rng: np.random.Generator) -> bytes:
    """Overwrite a range with zeros, as an interrupted download leaves it."""
    at, count = int(rng.integers(len(content))), int(rng.integers(1, max(2, len(content) // 3)))
    return content[:at] + bytes(len(content[at : at + count])) + content[at + count :]


def doubled(content: bytes, rng: np.random.Generator) -> bytes:
    """Append the file to itself, with or without bytes between."""
    return content + bytes(int(rng.integers(0, 2)) * int(rng.integers(0, 200))) + content


def prefixed(content: bytes, rng: np.random.Generator) -> bytes:
    """Put an ID3 tag before the file."""
    size = int(rng.integers(0, 127))
    return b"ID3\x04\x00\x00\x00\x00\x00" + bytes([size]) + bytes(size) + content


MUTATIONS: tuple[Callable[[bytes, np.random.Generator], bytes], ...] = (
    unchanged,
    flipped,
    header,
    truncated,
    removed,
    zeroed,
    doubled,
    prefixed,
)


def ffmpeg_seconds(content: bytes) -> float | None:
    """Return the seconds that FFmpeg decodes, up to the first error, or None where it decodes nothing."""
    seconds = 0.0
    try:
        with av.open(io.BytesIO(content), options={"protocol_whitelist": "none"}, metadata_errors="ignore") as opened:
            for frame in opened.decode(audio=0):
                seconds += frame.samples / frame.sample_rate
    except (av.FFmpegError, ValueError, IndexError, ZeroDivisionError):
        pass
    return seconds or None


def expected_seconds(container: str, mutation: str) -> float:
    """Return the seconds that a file must contain, or 0 where it can't be known: damage may change the header."""
    whole = SECONDS * (2 if container.endswith("chained") else 1)
    if mutation == "doubled":
        return 2 * whole
    if mutation in {"unchanged", "prefixed"}:
        return whole
    if mutation in {"truncated", "removed", "zeroed"} and container not in ESTIMATED:
        return whole
    return 0.0


def examine(content: bytes, *, container: str, mutation: str, seed: int) -> tuple[str, Finding | None]:
    """Return what happened to a file ("read", "noted", "refused"), and the finding if there is one."""
    found = functools.partial(Finding, container=container, mutation=mutation, seed=seed)
    try:
        probe(content, name="fuzz")
        result = read(content, name="fuzz")
    except (AudioError, MissingExtraError) as error:
        words = str(error)
        proper = "\n" not in words and words.startswith("fuzz")
        return "refused", None if proper else found("message", words=words)
    except Exception as error:  # noqa: BLE001  (finding them is the purpose)
        return "foreign", found("foreign", words=f"{type(error).__name__}: {error}"[:300])
    seconds = len(result.samples) / result.rate
    wanted = max(ffmpeg_seconds(content) or 0.0, expected_seconds(container, mutation))
    if seconds < wanted - ALLOWED_LOSS and not result.notes:
        return "loss", found("loss", words=f"read {seconds:.2f} s of {wanted:.2f} s")
    return ("noted" if result.notes else "read"), None


def main() -> int:
    """Run, print a table per container and every finding; the exit status is 1 where there are findings."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=2000, help="number of mutated files")
    parser.add_argument("--seed", type=int, default=0, help="of the first file; each file has its own")
    parser.add_argument("--only", default="", help="one container")
    parser.add_argument("--out", type=Path, help="folder for the files of findings, and findings.json")
    options = parser.parse_args()
    warnings.simplefilter("error")
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    whole = recordings()
    names = [name for name in whole if not options.only or name == options.only]
    counts: dict[str, collections.Counter[str]] = {name: collections.Counter() for name in names}
    findings = []
    started = time.monotonic()
    for seed in range(options.seed, options.seed + options.files):
        name = names[seed % len(names)]
        rng = np.random.default_rng(seed)
        mutate = MUTATIONS[seed // len(names) % len(MUTATIONS)]
        content = mutate(whole[name], rng)
        if not content:
            continue
        outcome, finding = examine(content, container=name, mutation=mutate.__name__, seed=seed)
        counts[name][outcome] += 1
        if finding is not None:
            findings.append(finding)
            print(*finding, sep="\t", flush=True)
            if options.out:
                options.out.mkdir(parents=True, exist_ok=True)
                (options.out / f"{finding.kind}-{name}-{finding.mutation}-{seed}").write_bytes(content)
    for name, counted in counts.items():
        print(f"{name:16}" + "".join(f"{outcome}={counted[outcome]:<5}" for outcome in sorted(counted)))
    print(
        f"{options.files} files, {len(whole)} containers, {len(findings)} findings, {time.monotonic() - started:.0f} s"
    )
    if options.out and findings:
        (options.out / "findings.json").write_text(json.dumps([one._asdict() for one in findings], indent=1))
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
