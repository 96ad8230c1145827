"""Rows of all recordings, plain and changed, and the teacher's outputs for the plain ones: computed once, cached.

Each recording is cut to the part between its first and its last loud row, and divided into pieces that the teacher
processes whole. The teacher's outputs are averaged over 80 ms. Everything is stored in half precision, in files of some
recordings that are mapped into memory, so an interruption loses little.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from emotone.audio.samples import resample
from emotone.augment.perturbation import PERTURBATIONS, SEPARATOR, Scene
from emotone.config import signature
from emotone.errors import RunError
from emotone.features.front_ends.log_mel import WhisperLogMel
from emotone.files import atomic_write, cache_dir
from emotone.fitting.distillation.sound import RATE
from emotone.fitting.encoder import encoder_network

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from emotone.fitting.distillation.sound import SoundCollection, SoundRecording
    from emotone.nets.blocks.base import Network
    from emotone.recipes.encoder_recipe import EncoderRecipe
    from emotone.transfer.weights import SourceWeights
    from emotone.types import Array

STEP = 8  # rows of a step that the teacher's outputs are averaged over: 80 ms
TEACHER_STEP = 2  # rows of a step of the teacher
PIECE = 1000  # rows of a piece, at most: 10 s, as recipes with a frozen encoder have by default
SHORTEST = 40  # rows; shorter recordings are left out
LOUD = 3.5  # log10 of power below the loudest row: 35 dB
MARGIN = 5  # rows that are kept before and after the loud part
CHUNK = 128  # recordings per file
BATCH = 8  # pieces that the teacher processes at a time
VERSION = 1  # incremented when a change to rendering or teacher changes a value
PIECES, STATISTICS = "pieces.json", "statistics.npz"


@dataclass(frozen=True)
class Piece:
    """A part of a recording.

    Attributes:
        folder: of the recording.
        is_held_out: whether it is for evaluation only.
        chunk: file that its values are in.
        first: row in that file.
        rows: number of rows; a multiple of `STEP`.

    """

    folder: str
    is_held_out: bool
    chunk: int
    first: int
    rows: int


@dataclass(frozen=True, eq=False)
class Statistics:
    """Of the teacher's outputs on training pieces.

    Attributes:
        mean: over all steps [values].
        deviation: over all steps [values].
        pooled: deviation of the means over pieces [values].

    """

    mean: Array
    deviation: Array
    pooled: Array


@dataclass(frozen=True, eq=False)
class EncoderData:
    """Rows and targets.

    Attributes:
        pieces: with targets, and those of noise.
        rows: by chunk, [1 + copies, rows, bands], half precision.
        targets: by chunk, [rows / STEP, values], half precision; those of noise are arbitrary.
        statistics: of the targets.

    """

    pieces: tuple[Piece, ...]
    rows: tuple[NDArray[np.float16], ...]
    targets: tuple[NDArray[np.float16], ...]
    statistics: Statistics

    def rows_of(self, piece: Piece, *, start: int, count: int, copy: int) -> Array:
        """Return rows [count, bands] of a piece, plain (`copy` 0) or changed; `start` counts rows in the piece."""
        first = piece.first + start
        return self.rows[piece.chunk][copy, first : first + count].astype(np.float32)

    def targets_of(self, piece: Piece, *, start: int, count: int) -> NDArray[np.float16]:
        """Return the targets [count / STEP, values] of rows [start, start + count), both multiples of `STEP`."""
        first = (piece.first + start) // STEP
        return self.targets[piece.chunk][first : first + count // STEP]


def encoder_data(
    sound: SoundCollection,
    recipe: EncoderRecipe,
    teacher: SourceWeights,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> EncoderData:
    """Return rows and targets, from the cache if possible.

    Args:
        sound: decoded recordings.
        recipe: names the teacher's layers, the copies and the speeds.
        teacher: weights of the teacher.
        progress: called with (done, total) recordings.

    Raises:
        SourceError: the weights are not those of an encoder, or lack layers.
        RunError: every training recording, or every held-out one, is too short.

    """
    inputs, asked = recipe.inputs, recipe.teacher
    name = signature(
        VERSION,
        teacher.sha256,
        [list(asked.layers), asked.peak, recipe.training.precision],
        sound.signature,
        [list(inputs.copies), inputs.speeds, sorted(recipe.noise), recipe.seed],
    )
    folder = cache_dir() / "encoder-targets" / name
    net = None
    count = len(sound.recordings)
    chunks = math.ceil(count / CHUNK)
    pieces: list[Piece] = []
    for chunk in range(chunks):
        where = folder / f"{chunk:05d}"
        if not (where / PIECES).exists():
            net = net or encoder_network(asked, teacher)
            _write_chunk(sound, recipe, net, chunk, where)
        stored = json.loads((where / PIECES).read_text(encoding="utf-8"))
        pieces += [Piece(chunk=chunk, **item) for item in stored]
        if progress is not None:
            progress(min(count, (chunk + 1) * CHUNK), count)
    speech = [piece for piece in pieces if piece.folder not in recipe.noise]
    for held_out in (False, True):
        if not any(piece.is_held_out == held_out for piece in speech):
            part = "held-out" if held_out else "training"
            raise RunError(f"recipe {recipe.name}: every {part} recording is shorter than {SHORTEST / 100:g} s")
    names = [folder / f"{chunk:05d}" for chunk in range(chunks)]
    rows = tuple(np.load(where / "rows.npy", mmap_mode="r", allow_pickle=False) for where in names)
    targets = tuple(np.load(where / "targets.npy", mmap_mode="r", allow_pickle=False) for where in names)
    training = [piece for piece in speech if not piece.is_held_out]
    return EncoderData(tuple(pieces), rows, targets, _statistics(folder / STATISTICS, training, targets))


def _write_chunk(sound: SoundCollection, recipe: EncoderRecipe, net: Network, chunk: int, folder: Path) -> None:
    """Write rows and targets, then `pieces.json`: if the last exists, the others are complete."""
    recordings = sound.recordings[chunk * CHUNK : (chunk + 1) * CHUNK]
    found: list[Array] = []
    items: list[dict[str, object]] = []
    first = 0
    for number, recording in enumerate(recordings):
        held = (recording.folder, recording.group) in sound.held_out
        rng = np.random.default_rng([recipe.seed, 5, chunk * CHUNK + number])
        has_second = not held and recording.folder not in recipe.noise
        for signal in _versions(sound, recording, recipe, rng, second=has_second):
            for rows in _pieces(_rendered(signal, recipe, rng)):
                found.append(rows)
                items.append({"folder": recording.folder, "is_held_out": held, "first": first, "rows": rows.shape[1]})
                first += rows.shape[1]
    bands = WhisperLogMel.dimension
    every = np.concatenate([np.zeros((1 + len(recipe.inputs.copies), 0, bands), np.float32), *found], axis=1)
    is_noise = [item["folder"] in recipe.noise for item in items]
    targets = _teacher_outputs(net, [rows[0] for rows in found], skipped=is_noise, half=_is_half(recipe))
    for name, values in (("rows", every.astype(np.float16)), ("targets", targets)):
        with atomic_write(folder / f"{name}.npy") as stream:
            np.save(stream, values, allow_pickle=False)
    with atomic_write(folder / PIECES, text=True) as stream:
        stream.write(json.dumps(items))


def _is_half(recipe: EncoderRecipe) -> bool:
    return recipe.training.precision == "bfloat16"


def _versions(
    sound: SoundCollection,
    recording: SoundRecording,
    recipe: EncoderRecipe,
    rng: np.random.Generator,
    *,
    second: bool,
) -> Iterator[Array]:
    """Yield the signal [time] of a recording, and the one at another speed."""
    signal = sound.signal(recording, 0, recording.length)
    yield signal
    speed = recipe.inputs.speeds
    if second and speed > 1:
        yield resample(signal, rate=round(RATE * speed ** rng.uniform(-1, 1)), to=RATE)


def _rendered(signal: Array, recipe: EncoderRecipe, rng: np.random.Generator) -> Array:
    """Return rows [1 + copies, rows, bands] of a signal and its copies, cut to the loud part."""
    front_end = WhisperLogMel()
    plain = front_end.compute(signal)
    versions = [plain]
    for copy in recipe.inputs.copies:
        name, _, setting = copy.partition(SEPARATOR)
        changed = PERTURBATIONS.get(name).apply(signal, setting, Scene(RATE, rng))
        changed = np.pad(changed[: len(signal)], (0, max(0, len(signal) - len(changed))))
        versions.append(front_end.compute(changed))
    level = np.log10(np.sum(10.0 ** plain.astype(np.float64), axis=1))
    loud = np.flatnonzero(level >= level.max() - LOUD)
    return np.stack(versions)[:, max(0, loud[0] - MARGIN) : loud[-1] + 1 + MARGIN]


def _pieces(rows: Array) -> Iterator[Array]:
    """Yield pieces [versions, rows, bands] of about equal size, whose numbers of rows are multiples of `STEP`."""
    count = rows.shape[1]
    if count < SHORTEST:
        return
    parts = math.ceil(count / PIECE)
    size = count // parts // STEP * STEP
    for part in range(parts):
        yield rows[:, part * size : (part + 1) * size]


def _teacher_outputs(
    net: Network, pieces: Sequence[Array], *, skipped: Sequence[bool], half: bool
) -> NDArray[np.float16]:
    """Return the outputs of all pieces, one after another, averaged over `STEP` rows: [steps, values]."""
    import torch

    found: dict[int, NDArray[np.float16]] = {}
    wanted = sorted((place for place, skip in enumerate(skipped) if not skip), key=lambda place: len(pieces[place]))
    values = 0
    for start in range(0, len(wanted), BATCH):
        places = wanted[start : start + BATCH]
        longest = max(len(pieces[place]) for place in places)
        inputs = np.zeros((len(places), longest, pieces[places[0]].shape[1]), np.float32)
        for row, place in zip(inputs, places, strict=True):
            row[: len(pieces[place])] = pieces[place]
        x, lengths = torch.from_numpy(inputs), torch.tensor([len(pieces[place]) for place in places])
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=half):
            for block in list(net.blocks.values())[:-1]:  # the last one pools over time
                x, lengths = block(x, lengths)
        x = x.float().transpose(1, 2).flatten(2)  # [pieces, steps, outputs * width]
        steps = x.reshape(len(places), -1, STEP // TEACHER_STEP, x.shape[2])
        pooled = steps.mean(dim=2).numpy().astype(np.float16)
        values = pooled.shape[2]
        found |= {place: outputs[: len(pieces[place]) // STEP] for place, outputs in zip(places, pooled, strict=True)}
    for place in range(len(pieces)):
        found.setdefault(place, np.zeros((len(pieces[place]) // STEP, values), np.float16))
    return np.concatenate([np.zeros((0, values), np.float16), *(found[place] for place in range(len(pieces)))])


def _statistics(path: Path, pieces: Sequence[Piece], targets: Sequence[NDArray[np.float16]]) -> Statistics:
    """Return the statistics of the targets, stored in a file."""
    if not path.exists():
        total, squares, count = 0.0, 0.0, 0
        means = []
        for piece in pieces:
            first = piece.first // STEP
            values = targets[piece.chunk][first : first + piece.rows // STEP].astype(np.float32)
            total = total + values.sum(axis=0, dtype=np.float64)
            squares = squares + np.square(values).sum(axis=0, dtype=np.float64)
            count += len(values)
            means.append(values.mean(axis=0))
        mean = total / count
        deviation = np.sqrt(np.maximum(squares / count - mean**2, 1e-8))
        pooled = np.maximum(np.std(means, axis=0, dtype=np.float64), 1e-4)
        with atomic_write(path) as stream:
            np.savez(stream, mean=mean, deviation=deviation, pooled=pooled, allow_pickle=False)
    with np.load(path, allow_pickle=False) as stored:
        return Statistics(*(stored[name].astype(np.float32) for name in ("mean", "deviation", "pooled")))
