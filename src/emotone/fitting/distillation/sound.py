"""Unlabelled recordings, decoded once into one memory-mapped file of 16-bit samples."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from typing import IO, TYPE_CHECKING, Protocol

import numpy as np

from emotone.audio.read import read
from emotone.config import signature
from emotone.corpora.scan import media_files
from emotone.errors import AudioError, RunError, unknown_name
from emotone.files import atomic_write, cache_dir, sha256_file

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path, PurePosixPath

    from numpy.typing import NDArray

    from emotone.recipes.source_recipe import SoundFolder
    from emotone.types import Array

RATE = 16000  # hertz, of the student's input
FULL_SCALE = 32767  # of 16 bits
VERSION = 1  # incremented when the content of the cache changes


class SoundRecipe(Protocol):
    """The part of a recipe that says which sound is read, and what is held out."""

    @property
    def name(self) -> str:
        """Name of the recipe."""

    @property
    def sound(self) -> Mapping[str, SoundFolder]:
        """The folders by name."""

    @property
    def seed(self) -> int:
        """Seed of every random draw."""


@dataclass(frozen=True)
class SoundRecording:
    """One recording of a collection: samples [first, first + length) of its file.

    Attributes:
        folder: name of its folder.
        path: below the folder.
        group: speaker or part that it is held out with.
        first: its first sample.
        length: number of samples.

    """

    folder: str
    path: str
    group: str
    first: int
    length: int


@dataclass(frozen=True, eq=False)
class SoundCollection:
    """All recordings of a recipe.

    Attributes:
        samples: int16 at 16 kHz, memory-mapped.
        recordings: in the order of the samples.
        held_out: groups for evaluation only, as (folder, group).
        problems: one line for each recording that can't be read.
        signature: of the content and the held-out groups.

    """

    samples: NDArray[np.int16]
    recordings: tuple[SoundRecording, ...]
    held_out: frozenset[tuple[str, str]]
    problems: tuple[str, ...]
    signature: str

    def part(self, *, held_out: bool) -> tuple[SoundRecording, ...]:
        """Return the training recordings, or those held out."""
        return tuple(
            recording
            for recording in self.recordings
            if ((recording.folder, recording.group) in self.held_out) == held_out
        )

    def signal(self, recording: SoundRecording, start: int, length: int) -> Array:
        """Return samples [start, start + length) of a recording, full scale is 1."""
        first = recording.first + start
        return self.samples[first : first + length].astype(np.float32) / np.float32(FULL_SCALE)


def load_sound(
    recipe: SoundRecipe, folders: Mapping[str, Path], *, progress: Callable[[int, int], None] | None = None
) -> SoundCollection:
    """Return the sound of a recipe, decoded once and cached by content.

    Args:
        recipe: names the folders and their groups.
        folders: their paths.
        progress: called with (done, total) recordings.

    Raises:
        UnknownNameError: a folder is not in the recipe.
        RunError: a folder is missing or empty, a path has no group, or no recordings are left for training.

    """
    for name in folders:
        if name not in recipe.sound:
            raise unknown_name("sound folder", name, recipe.sound)
    missing = [name for name in recipe.sound if name not in folders]
    if missing:
        raise RunError(f"the recipe {recipe.name} also needs the sound {', '.join(missing)}; pass its folder")
    found: list[tuple[str, PurePosixPath, str]] = []
    for name, spec in recipe.sound.items():
        paths = sorted(media_files(folders[name]))
        if not paths:
            raise RunError(f"{folders[name]} contains no recordings (sound {name})")
        found += [(name, path, _group(spec, name, path)) for path in paths]
    hashes = [sha256_file(folders[name] / path) for name, path, _ in found]
    content = signature(VERSION, RATE, [[name, str(path)] for name, path, _ in found], hashes)
    cached = cache_dir() / "sound" / content
    if not (cached / "recordings.json").exists():
        _decode(found, folders, cached, progress)
    text = json.loads((cached / "recordings.json").read_text(encoding="utf-8"))
    recordings = tuple(
        SoundRecording(**{**item, "group": _group(recipe.sound[item["folder"]], item["folder"], item["path"])})
        for item in text["recordings"]
    )
    samples = np.load(cached / "samples.npy", mmap_mode="r", allow_pickle=False)
    held = frozenset(pair for name, spec in recipe.sound.items() for pair in _held_out(recipe, name, spec, recordings))
    sound = SoundCollection(samples, recordings, held, tuple(text["problems"]), signature(content, sorted(held)))
    for held_out in (False, True):
        if not sound.part(held_out=held_out):
            raise RunError(f"no recording is {'held out' if held_out else 'left for training'}: see held_out")
    return sound


def _decode(
    found: list[tuple[str, PurePosixPath, str]],
    folders: Mapping[str, Path],
    cached: Path,
    progress: Callable[[int, int], None] | None,
) -> None:
    """Write `samples.npy`, then `recordings.json`: if the second exists, the first is complete."""
    recordings: list[SoundRecording] = []
    problems: list[str] = []
    first = 0
    with atomic_write(cached / "samples.npy") as stream:
        _write_header(stream, 0)
        for done, (name, path, group) in enumerate(found, start=1):
            try:
                signal, _ = read(folders[name] / path, rate=RATE)
            except AudioError as error:
                problems.append(str(error))
            else:
                stream.write(np.round(np.clip(signal, -1, 1) * FULL_SCALE).astype("<i2").tobytes())
                recordings.append(SoundRecording(name, str(path), group, first, len(signal)))
                first += len(signal)
            if progress is not None:
                progress(done, len(found))
        if not recordings:
            raise RunError(f"none of {len(found)} recordings can be read; first error: {problems[0]}")
        stream.seek(0)
        _write_header(stream, first)
    text = {"recordings": [asdict(recording) for recording in recordings], "problems": problems}
    with atomic_write(cached / "recordings.json", text=True) as stream:
        stream.write(json.dumps(text))


def _write_header(stream: IO[bytes], samples: int) -> None:
    """Write the header of a `.npy` file; NumPy pads it for a growing axis, so that its size is constant."""
    header = {"descr": "<i2", "fortran_order": False, "shape": (samples,)}
    np.lib.format.write_array_header_1_0(stream, header)


def _group(spec: SoundFolder, name: str, path: PurePosixPath | str) -> str:
    match = re.search(spec.group, str(path))
    if match is None or not match.group(1):
        raise RunError(f"sound {name}: the group '{spec.group}' is not found in {path}")
    return match.group(1)


def _held_out(
    recipe: SoundRecipe, name: str, spec: SoundFolder, recordings: tuple[SoundRecording, ...]
) -> list[tuple[str, str]]:
    groups = sorted({recording.group for recording in recordings if recording.folder == name})
    for group in spec.held_out:
        if group not in groups:
            raise RunError(f"sound {name}: {unknown_name('group', group, groups)}")
    if spec.held_out:
        return [(name, group) for group in spec.held_out]
    if len(groups) < 2:
        raise RunError(f"sound {name}: its only group '{groups[0]}' can't be both trained on and held out")
    rng = np.random.default_rng([recipe.seed, len(groups)])
    count = max(1, round(spec.held_out_share * len(groups)))
    return [(name, groups[index]) for index in sorted(rng.permutation(len(groups))[:count].tolist())]
