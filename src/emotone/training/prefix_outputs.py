"""Outputs of frozen blocks for windows, cached on disk by content: other heads, seeds and folds reuse them.

The key of an entry is the SHA-256 of a recording's features and window positions. Entries are stored in a folder that
is named by what the blocks compute (see `emotone.training.prefix`), many to a file, so that reading them is fast.
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
from emotone.training.batches import Examples, PrefixOutputs
from emotone.training.prefix import split

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from emotone.nets.blocks.base import Network
    from emotone.training.batches import Task
    from emotone.training.prefix import Prefix
    from emotone.types import Array

Entry: TypeAlias = "tuple[Array, NDArray[np.int64] | None]"  # outputs [windows, ...], and their valid steps [windows]
FILE_BYTES = 1 << 25  # of outputs per file, and at most what an interrupted computation loses
SUFFIX, STEPS = ".safetensors", ".steps"


@dataclass(frozen=True)
class WindowLayout:
    """The windows of recordings.

    Attributes:
        starts: first frame of each window, by recording.
        width: frames of a full window.

    """

    starts: tuple[NDArray[np.int64], ...]
    width: int

    @property
    def counts(self) -> NDArray[np.int64]:
        """Number of windows of each recording."""
        return np.array([len(firsts) for firsts in self.starts], np.int64)


def precompute_prefix(
    net: Network, task: Task, *, crop: int | None, folder: Path | None
) -> tuple[Network, Task] | None:
    """Return the blocks of a network after its frozen first ones, and the task with the outputs of the latter.

    None if there is nothing to gain: the first block is not frozen, or the outputs don't fit into memory.

    Args:
        net: in training mode; its blocks are shared, not copied.
        task: with recordings.
        crop: frames from the start of each recording that training uses; None for each of its windows.
        folder: see `compute_outputs`. Outputs that are larger than the features are not cached.

    """
    parts = split(net)
    if parts is None or not isinstance(task.train, Examples) or not isinstance(task.development, Examples):
        return None
    prefix, rest = parts
    layouts = [
        WindowLayout(examples.window_starts(window=task.window, hop=task.hop, min_frames=task.min_frames), task.window)
        for examples in (task.train, task.development)
    ]
    trained = layouts[0]
    if crop is not None:
        trained = WindowLayout(tuple(np.zeros(1, np.int64) for _ in task.train.features), crop)
    count = int(trained.counts.sum() + layouts[1].counts.sum())
    shape = prefix.shape(trained.width, task.train.features[0].shape[1])
    if not shape.fits(count):
        return None
    size = sum(rows.nbytes for examples in (task.train, task.development) for rows in examples.features)
    folder = folder if shape.bytes(count) <= size else None
    train = compute_outputs(prefix, task.train, trained, folder=folder)
    development: Examples | PrefixOutputs = task.development
    if len(task.development):
        development = compute_outputs(prefix, task.development, layouts[1], folder=folder)
    return rest, replace(task, train=train, development=development)


def compute_outputs(prefix: Prefix, examples: Examples, windows: WindowLayout, *, folder: Path | None) -> PrefixOutputs:
    """Return the outputs of a prefix for the windows of recordings; cached ones are read, missing ones are added.

    Args:
        prefix: of a network.
        examples: at least one recording.
        windows: of each recording.
        folder: cache for outputs of any prefix; None caches nothing.

    """
    shape = prefix.shape(windows.width, examples.features[0].shape[1])
    counts = windows.counts
    firsts = np.concatenate([[0], np.cumsum(counts)])
    values = np.empty((int(firsts[-1]), *shape.values), np.float32)
    steps = None if shape.steps is None else np.empty(len(values), np.int64)
    places: dict[str, list[int]] = defaultdict(list)  # a recording may occur twice
    for number, (rows, starts) in enumerate(zip(examples.features, windows.starts, strict=True)):
        places[_key(rows, starts, windows.width)].append(number)
    cache = None if folder is None else _OutputCache(folder / prefix.signature)
    missing = dict.fromkeys(places)

    def insert(key: str, entry: Entry) -> None:
        for number in places[key]:
            rows = slice(firsts[number], firsts[number + 1])
            values[rows] = entry[0]
            if steps is not None and entry[1] is not None:
                steps[rows] = entry[1]
        del missing[key]

    for key, entry in cache.read(missing.keys()) if cache is not None else ():
        insert(key, entry)
    per_file = max(1, FILE_BYTES // max(1, values[:1].nbytes))  # windows
    for keys in _portions({key: int(counts[places[key][0]]) for key in missing}, per_file):
        entries = _compute(prefix, examples, windows, {key: places[key][0] for key in keys})
        if cache is not None:
            cache.write(entries)
        for key, entry in entries.items():
            insert(key, entry)
    return PrefixOutputs(values, steps, np.repeat(examples.labels, counts), np.repeat(examples.corpora, counts), counts)


def _compute(prefix: Prefix, examples: Examples, windows: WindowLayout, numbers: Mapping[str, int]) -> dict[str, Entry]:
    """Return the outputs for recordings, which are given by key with their numbers."""
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


def _portions(counts: Mapping[str, int], size: int) -> Iterator[list[str]]:
    """Yield keys in portions of up to `size` windows, but of at least one key."""
    portion: list[str] = []
    windows = 0
    for key, count in counts.items():
        if portion and windows + count > size:
            yield portion
            portion, windows = [], 0
        portion.append(key)
        windows += count
    if portion:
        yield portion


def _key(rows: Array, starts: NDArray[np.int64], width: int) -> str:
    digest = hashlib.sha256(f"{rows.dtype}:{rows.shape}:{width}:{starts.tolist()}".encode())
    digest.update(np.ascontiguousarray(rows).data)
    return digest.hexdigest()


class _OutputCache:
    """Cached entries of one prefix, in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self, wanted: Iterable[str]) -> Iterator[tuple[str, Entry]]:
        """Yield those of the wanted entries that are cached, each once; delete damaged files."""
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
                os.utime(path)  # marks the file as recently used

    def write(self, entries: Mapping[str, Entry]) -> None:
        """Write entries to a file of their own."""
        from safetensors.numpy import save

        tensors: dict[str, NDArray[Any]] = {key: values for key, (values, _) in entries.items()}
        tensors |= {key + STEPS: steps for key, (_, steps) in entries.items() if steps is not None}
        name = hashlib.sha256("".join(sorted(entries)).encode()).hexdigest()
        with atomic_write(self.folder / f"{name}{SUFFIX}") as stream:
            stream.write(save(tensors))
