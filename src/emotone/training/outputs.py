"""What frozen blocks make of windows, kept on disk by content: another head, seed or fold does not compute it again.

An entry's key is the SHA-256 of a recording's rows and of where its windows lie; entries lie in a folder that is named
by what the blocks compute (see `emotone.training.prefix`). Many share a file, so that reading them takes no time to
speak of.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from emotone.files import atomic_write
from emotone.training.batches import Examples, Outputs
from emotone.training.prefix import split

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from emotone.nets.blocks.base import LengthAware
    from emotone.training.loop import Task
    from emotone.training.prefix import Prefix
    from emotone.types import Array

Entry: TypeAlias = "tuple[Array, NDArray[np.int64] | None]"  # outputs [windows, ...], and their valid steps [windows]
A_FILE = 1 << 25  # bytes of outputs that fill a file, and that are computed again where a computation was cut off
SUFFIX, STEPS = ".safetensors", ".steps"


@dataclass(frozen=True)
class Windows:
    """Windows of recordings.

    Attributes:
        starts: first frame of each window, by recording.
        width: frames of a whole window.

    """

    starts: tuple[NDArray[np.int64], ...]
    width: int

    @property
    def counts(self) -> NDArray[np.int64]:
        """Windows of each recording."""
        return np.array([len(given) for given in self.starts], np.int64)


def compute_ahead(
    net: LengthAware, task: Task, *, crop: int | None, folder: Path | None
) -> tuple[LengthAware, Task] | None:
    """Return the blocks of a net that come after its frozen first ones, and the task with what those make of it.

    None where nothing is gained: the net begins with no frozen blocks, or what they make is too much to be held.

    Args:
        net: in training mode; its blocks are shared, not copied.
        task: with recordings.
        crop: frames that are seen of each recording's start in training; None for each of its windows.
        folder: see `compute_outputs`. What is more than the rows that it is from is not kept.

    """
    parts = split(net)
    if parts is None or not isinstance(task.train, Examples) or not isinstance(task.development, Examples):
        return None
    prefix, rest = parts
    judged = [
        Windows(examples.windows(window=task.window, hop=task.hop, least=task.least), task.window)
        for examples in (task.train, task.development)
    ]
    seen = judged[0]
    if crop is not None:
        seen = Windows(tuple(np.zeros(1, np.int64) for _ in task.train.features), crop)
    count = int(seen.counts.sum() + judged[1].counts.sum())
    shape = prefix.shape(seen.width, task.train.features[0].shape[1])
    if not shape.fits(count):
        return None
    rows = sum(rows.nbytes for examples in (task.train, task.development) for rows in examples.features)
    folder = folder if shape.bytes(count) <= rows else None
    train = compute_outputs(prefix, task.train, seen, folder=folder)
    development: Examples | Outputs = task.development
    if len(task.development):
        development = compute_outputs(prefix, task.development, judged[1], folder=folder)
    return rest, replace(task, train=train, development=development)


def compute_outputs(prefix: Prefix, examples: Examples, windows: Windows, *, folder: Path | None) -> Outputs:
    """Return what a prefix makes of the windows of recordings; what the folder has is read, what it lacks is put there.

    Args:
        prefix: of a net.
        examples: recordings, one at least.
        windows: of each.
        folder: where outputs of any prefix are kept; None keeps nothing.

    """
    shape = prefix.shape(windows.width, examples.features[0].shape[1])
    counts = windows.counts
    firsts = np.concatenate([[0], np.cumsum(counts)])
    values = np.empty((int(firsts[-1]), *shape.values), np.float32)
    steps = None if shape.whole is None else np.empty(len(values), np.int64)
    places: dict[str, list[int]] = defaultdict(list)  # the same recording may be given twice
    for number, (rows, starts) in enumerate(zip(examples.features, windows.starts, strict=True)):
        places[_key(rows, starts, windows.width)].append(number)
    kept = None if folder is None else _Kept(folder / prefix.signature)
    missing = dict.fromkeys(places)

    def take(key: str, entry: Entry) -> None:
        for number in places[key]:
            here = slice(firsts[number], firsts[number + 1])
            values[here] = entry[0]
            if steps is not None and entry[1] is not None:
                steps[here] = entry[1]
        del missing[key]

    for key, entry in kept.read(missing.keys()) if kept is not None else ():
        take(key, entry)
    at_once = max(1, A_FILE // max(1, values[:1].nbytes))  # windows
    for keys in _portions({key: int(counts[places[key][0]]) for key in missing}, at_once):
        made = _compute(prefix, examples, windows, {key: places[key][0] for key in keys})
        if kept is not None:
            kept.write(made)
        for key, entry in made.items():
            take(key, entry)
    return Outputs(values, steps, np.repeat(examples.labels, counts), np.repeat(examples.corpora, counts), counts)


def _compute(prefix: Prefix, examples: Examples, windows: Windows, numbers: Mapping[str, int]) -> dict[str, Entry]:
    """Return the outputs of recordings, given by key with their numbers."""
    cuts = [
        examples.features[number][start : start + windows.width]
        for number in numbers.values()
        for start in windows.starts[number].tolist()
    ]
    values, steps = prefix.run(cuts, windows.width)
    ends = np.cumsum([len(windows.starts[number]) for number in numbers.values()])[:-1]
    parts = np.split(values, ends)
    lengths = [None] * len(parts) if steps is None else np.split(steps, ends)
    return dict(zip(numbers, zip(parts, lengths, strict=True), strict=True))


def _portions(counts: Mapping[str, int], most: int) -> Iterator[list[str]]:
    """Yield keys in portions of up to `most` windows, but of one key at least."""
    portion: list[str] = []
    held = 0
    for key, count in counts.items():
        if portion and held + count > most:
            yield portion
            portion, held = [], 0
        portion.append(key)
        held += count
    if portion:
        yield portion


def _key(rows: Array, starts: NDArray[np.int64], width: int) -> str:
    digest = hashlib.sha256(f"{rows.dtype}:{rows.shape}:{width}:{starts.tolist()}".encode())
    digest.update(np.ascontiguousarray(rows).data)
    return digest.hexdigest()


class _Kept:
    """Entries of one prefix, in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self, wanted: Iterable[str]) -> Iterator[tuple[str, Entry]]:
        """Yield those of the wanted entries that are there, each once; a damaged file is deleted."""
        from safetensors import SafetensorError, safe_open

        left = set(wanted)
        for path in sorted(self.folder.glob(f"*{SUFFIX}")):
            try:
                with safe_open(path, framework="numpy") as stored:
                    names = set(stored.keys())
                    for key in sorted(left & names):
                        steps = stored.get_tensor(key + STEPS) if key + STEPS in names else None
                        yield key, (stored.get_tensor(key), steps)
                    left -= names
            except SafetensorError:
                path.unlink(missing_ok=True)
                continue
            with contextlib.suppress(OSError):
                os.utime(path)  # recently used, for whoever tidies the cache

    def write(self, entries: Mapping[str, Entry]) -> None:
        """Put entries into a file of their own."""
        from safetensors.numpy import save

        tensors: dict[str, NDArray[Any]] = {key: values for key, (values, _) in entries.items()}
        tensors |= {key + STEPS: steps for key, (_, steps) in entries.items() if steps is not None}
        name = hashlib.sha256("".join(sorted(entries)).encode()).hexdigest()
        with atomic_write(self.folder / f"{name}{SUFFIX}") as stream:
            stream.write(save(tensors))
