"""Prediction of many recordings in several processes, with results in the order of the inputs.

Each worker is `python -m emotone.inference.worker`: it reads the path of a recording as a line of JSON and writes a
line of JSON with its results: a list of the objects that `--format jsonl` writes, one per channel. The messages of its
log come on lines before it, and are logged here. If a worker is killed (out of memory, a crash in a decoder), only its
current recording fails, and a new worker replaces it. Plain processes are used because `multiprocessing` would run the
caller's script again in each of them.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import queue
import subprocess
import sys
import threading
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, TypeAlias

from emotone.inference.result import Failure, Prediction, from_dict

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from emotone.audio.source import Track
    from emotone.bundles.bundle import Bundle
    from emotone.inference.result import Selection

logger = logging.getLogger("emotone")
Results: TypeAlias = tuple[Prediction | Failure, ...]
AHEAD = 8  # recordings per worker that may be waiting, or done but not consumed: bounds memory
LAST_WORDS = 5.0  # seconds for a dying process to report why


def predict_in_processes(
    bundle: Bundle, paths: Iterable[str | Path], *, workers: int, channel: Selection, track: Track
) -> Iterator[Results]:
    """Yield the results of each path, in their order.

    Args:
        bundle: the model, which workers load from its folder, or if it is in memory only, from a temporary one.
        paths: recordings.
        workers: processes.
        channel: counted from 0, "mix" or "each".
        track: counted from 0, "default" or "all".

    """
    if not bundle.is_in_memory:
        yield from run_pool(worker_command(bundle.directory, channel=channel, track=track), paths, workers=workers)
        return
    with TemporaryDirectory(prefix="emotone-") as folder:
        written = bundle.write_adapted(Path(folder) / bundle.manifest.name)
        yield from run_pool(worker_command(written.directory, channel=channel, track=track), paths, workers=workers)


def worker_command(model: Path, *, channel: Selection, track: Track = "default") -> list[str]:
    """Return the command line of a worker."""
    arguments = [str(model.resolve()), str(channel), str(track), str(logger.getEffectiveLevel())]
    return [sys.executable, "-m", "emotone.inference.worker", *arguments]


def run_pool(command: Sequence[str], paths: Iterable[str | Path], *, workers: int) -> Iterator[Results]:
    """Yield what workers started by `command` answer for each path, in the order of the paths."""
    idle: queue.SimpleQueue[WorkerProcess] = queue.SimpleQueue()
    staff = [WorkerProcess(command) for _ in range(workers)]
    for worker in staff:
        idle.put(worker)

    def attempt(path: str | Path) -> Results:
        worker = idle.get()
        try:
            return worker.ask(os.fspath(path))
        finally:
            idle.put(worker)

    remaining = iter(paths)
    pending: deque[Future[Results]] = deque()
    threads = ThreadPoolExecutor(workers)
    try:
        pending.extend(threads.submit(attempt, path) for path in islice(remaining, AHEAD * workers))
        while pending:
            result = pending.popleft().result()
            pending.extend(threads.submit(attempt, path) for path in islice(remaining, 1))
            yield result
    finally:
        threads.shutdown(wait=False, cancel_futures=True)
        for worker in staff:
            worker.close()
        threads.shutdown(wait=True)
        for worker in staff:
            worker.reap()


class WorkerProcess:
    """One process, started when first asked, and again after it died.

    Args:
        command: as `worker_command` returns it.

    """

    def __init__(self, command: Sequence[str]) -> None:
        self._command = list(command)
        self._process: subprocess.Popen[bytes] | None = None
        self._adapted: list[str] = []
        self._adapted_process: subprocess.Popen[bytes] | None = None
        self._closed = False
        self._lock = threading.Lock()

    def ask(self, file: str) -> Results:
        """Return the worker's results for one recording, or a failure that states how the worker ended."""
        process = self._running()
        if process is None:
            return (Failure(file, "worker_died", f"{file}: not reached; the others were stopped"),)
        line = self._asked(process, file)
        if line.endswith(b"\n"):
            return tuple(from_dict(values) for values in json.loads(line))
        self._process = None
        status = _end(process, patience=LAST_WORDS)
        how = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
        message = f"{file}: its process {how}; try it alone, or with fewer workers"
        return (Failure(file, "worker_died", message),)

    def adapt(self, files: Sequence[str]) -> None:
        """Adapt the model of the process to recordings, until it is adapted again; () restores the model.

        Recordings that can't be used are left out, and with fewer than two that contain speech, or where one of them
        ends the process, the model is as it was. A process that is started again is adapted again.
        """
        self._adapted = []
        process = self._running()
        if process is not None and _exchange(process, list(files)).endswith(b"\n"):
            self._adapted, self._adapted_process = list(files), process
        elif process is not None:
            self._process = None
            _end(process, patience=LAST_WORDS)

    def _asked(self, process: subprocess.Popen[bytes], file: str) -> bytes:
        """Return the answer on a recording of a process that is adapted as `adapt` was asked to."""
        if self._adapted and process is not self._adapted_process:
            if not _exchange(process, self._adapted).endswith(b"\n"):
                return b""
            self._adapted_process = process
        return _exchange(process, file)

    def close(self) -> None:
        """End the process, also while a thread waits for its answer."""
        with self._lock:
            self._closed = True
            if self._process is not None:
                self._process.kill()

    def _running(self) -> subprocess.Popen[bytes] | None:
        """Return the process, started if need be, or None after `close`."""
        with self._lock:
            if self._process is None and not self._closed:
                source = str(Path(__file__).resolve().parent.parent.parent)
                paths = [source, *filter(None, [os.environ.get("PYTHONPATH")])]
                self._process = subprocess.Popen(
                    self._command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    env={"OPENBLAS_NUM_THREADS": "1", **os.environ, "PYTHONPATH": os.pathsep.join(paths)},
                )
            return self._process

    def reap(self) -> None:
        """Wait for the end of a process that `close` ended."""
        if self._process is not None:
            _end(self._process, patience=0)
            self._process = None


def _exchange(process: subprocess.Popen[bytes], asked: str | list[str]) -> bytes:
    """Return the line that answers a question; without its newline, or empty, where the process is gone."""
    stdin, stdout = process.stdin, process.stdout
    if stdin is None or stdout is None:
        raise AssertionError("workers are started with both pipes")
    try:
        stdin.write(json.dumps(asked).encode() + b"\n")
        stdin.flush()
        while (line := stdout.readline()).startswith(b"{"):  # results are a list
            _log(line)
    except OSError:
        return b""
    return line


def _log(line: bytes) -> None:
    """Log a message of a worker."""
    message = json.loads(line)
    logging.getLogger(message["name"]).log(message["level"], "%s", message["text"])


def _end(process: subprocess.Popen[bytes], *, patience: float) -> int:
    """Return the exit status of a process that should be ending; after `patience` seconds it is made to."""
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):  # what was never read can't be flushed
                pipe.close()
    return process.returncode
