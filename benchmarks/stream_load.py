"""Load on a server: many live streams at real-time pace, and the time from the last needed audio to each event.

    python benchmarks/stream_load.py --model default --sessions 60
    python benchmarks/stream_load.py --url ws://192.168.0.2:8484/v1/stream --sessions 60
    python benchmarks/stream_load.py --minutes 30 --sessions 20

Without `--url`, a server is started, and its processor time per second of audio and its memory are printed, too. The
processor time hardly depends on what else the machine does; the delays do.

Every stream sends the same audio in chunks. The events of a local session show which chunk completes which event, so
the times are exact, and the events of every stream must equal those of the local session bit by bit.

With `--minutes`, streams come and go for that long, with a line per round: minutes, streams that have ended, resident
memory, and the delay of events. Memory of the last half must not exceed that of the round before it by more than 5 %.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import re
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import soundfile
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

import emotone

if TYPE_CHECKING:
    from types import TracebackType


# ----------------------------------------------------------------------------------------------------------------------
# A server in a process of its own, for programs that put load on it.

STOP_SECONDS = 60
_ADDRESS = re.compile(r"open (http://\S+?)/ in a browser")
_RESIDENT = re.compile(r"^VmRSS:\s+(\d+) kB", re.MULTILINE)


class ServerProcess:
    """`emotone serve` on a free port of the loopback interface; it ends with the `with` block. Linux only.

    Args:
        arguments: of the command, e.g. `--sessions 100`.

    Attributes:
        url: of the page, without a slash at its end.

    """

    def __init__(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "emotone", "serve", "--port", "0", *arguments]
        self._process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        self.url = self._address()
        # The log has to be read, or the server waits for its reader.
        threading.Thread(target=self._read_log, daemon=True).start()

    def __enter__(self) -> ServerProcess:  # noqa: PYI034  (Self came with Python 3.11)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise

    @property
    def stream_url(self) -> str:
        """Address of the stream."""
        return self.url.replace("http", "ws", 1) + "/v1/stream"

    @property
    def resident_megabytes(self) -> float:
        """Resident memory of the process."""
        found = _RESIDENT.search(Path(f"/proc/{self._process.pid}/status").read_text(encoding="utf-8"))
        assert found is not None
        return int(found[1]) / 1024

    @property
    def processor_seconds(self) -> float:
        """Processor time of the process so far, all threads together."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def running(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    def _address(self) -> str:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            found = _ADDRESS.search(line)
            if found:
                return found[1]
        raise RuntimeError("the server did not start; its messages are above")

    def _read_log(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            if '"level": "info"' not in line:
                print(line, end="", file=sys.stderr)


# ----------------------------------------------------------------------------------------------------------------------
# Streams, and what they measure.

RECORDING = Path(__file__).resolve().parent.parent / "examples/conversation.flac"
START_SECONDS = 2.0  # in which the streams start
OPEN_SECONDS = 60.0
MAX_GROWTH = 1.05  # of memory


@dataclass(frozen=True)
class Plan:
    """What every stream sends and must receive."""

    url: str
    model: str
    rate: int
    chunk_seconds: float
    interim: bool
    chunks: list[bytes]
    expected: list[tuple[int, dict[str, Any]]]  # with the number of the chunk that completes the event
    last: list[dict[str, Any]]


@dataclass
class Measurements:
    """Of all streams: delays of events and lateness of the client itself in seconds, and failures."""

    delays: list[float] = field(default_factory=list)
    late: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


def make_plan(url: str, model: str, *, seconds: float, chunk_seconds: float, interim: bool = False) -> Plan:
    """Return the chunks of the example recording, repeated, and the events of a local session."""
    samples, rate = soundfile.read(RECORDING, dtype="int16")
    size = round(rate * chunk_seconds)
    count = round(seconds / chunk_seconds)
    repeated = np.resize(samples, size * count)
    chunks = [repeated[at : at + size].tobytes() for at in range(0, size * count, size)]
    session = emotone.load(model).session(rate=rate, encoding="s16le", interim=interim)
    expected = [(number, event.to_dict()) for number, chunk in enumerate(chunks) for event in session.push(chunk)]
    last = [event.to_dict() for event in session.end()]
    return Plan(url, model, rate, chunk_seconds, interim, chunks, expected, last)


def _plan(url: str, given: argparse.Namespace) -> Plan:
    return make_plan(url, given.model, seconds=given.seconds, chunk_seconds=given.chunk, interim=given.interim)


async def send(connection: ClientConnection, plan: Plan, found: Measurements) -> list[float]:
    """Send the chunks at real-time pace; return the time of each."""
    sent = []
    begin = time.monotonic()
    with contextlib.suppress(WebSocketException):  # also raised where events are received
        for number, chunk in enumerate(plan.chunks):
            wait = begin + number * plan.chunk_seconds - time.monotonic()
            await asyncio.sleep(max(0.0, wait))
            found.late.append(max(0.0, -wait))
            sent.append(time.monotonic())
            await connection.send(chunk)
        await connection.send(json.dumps({"type": "session.end"}))
    return sent


async def stream(plan: Plan, found: Measurements, *, delay: float) -> None:
    """Run one stream and add what it measured."""
    await asyncio.sleep(delay)
    start = {
        "type": "session.start",
        "rate": plan.rate,
        "encoding": "s16le",
        "model": plan.model,
        "interim": plan.interim,
    }
    try:
        async with connect(plan.url, proxy=None, compression=None, open_timeout=OPEN_SECONDS) as connection:
            await connection.send(json.dumps(start))
            await connection.recv()
            sending = asyncio.ensure_future(send(connection, plan, found))
            received = [(time.monotonic(), json.loads(message)) async for message in connection]
            sent = await sending
    except (OSError, WebSocketException) as error:
        found.failures.append(str(error))
        return
    events = [event for _, event in received]
    if events[:-1] != [event for _, event in plan.expected] + plan.last or events[-1]["type"] != "session.ended":
        found.failures.append("the events differ from those of a local session")
        return
    found.delays += [at - sent[number] for (at, _), (number, _) in zip(received, plan.expected, strict=False)]


async def run(plan: Plan, *, sessions: int) -> Measurements:
    """Return the measurements of streams that start within two seconds."""
    found = Measurements()
    delays = np.random.default_rng(0).uniform(0, START_SECONDS, sessions).tolist()
    await asyncio.gather(*(stream(plan, found, delay=delay) for delay in delays))
    return found


def report(found: Measurements, *, sessions: int) -> int:
    """Print the percentiles; return 1 if a stream failed."""
    if found.delays:
        percentiles = np.percentile(np.array(found.delays) * 1000, [50, 95, 99, 100])
        names = zip(("p50", "p95", "p99", "max"), percentiles, strict=True)
        print(f"{sessions} streams, {len(found.delays)} events:", *(f"{n} {v:.1f} ms" for n, v in names))
        print(f"the client itself sent late by up to {1000 * np.percentile(found.late, 95):.1f} ms (p95)")
    for failure in sorted(set(found.failures)):
        print(f"{found.failures.count(failure)} streams failed: {failure}", file=sys.stderr)
    return 1 if found.failures else 0


def measure_own_server(given: argparse.Namespace) -> int:
    """Start a server, measure it, and print its processor time and memory, too."""
    with ServerProcess("--model", given.model, "--sessions", str(given.sessions)) as server:
        plan = _plan(server.stream_url, given)
        asyncio.run(run(plan, sessions=1))  # opens the networks
        before = server.processor_seconds
        found = asyncio.run(run(plan, sessions=given.sessions))
        used = server.processor_seconds - before
        status = report(found, sessions=given.sessions)
        per_second = 1000 * used / (given.sessions * given.seconds)
        print(f"server: {per_second:.2f} ms of processor time per second of audio, {server.resident_megabytes:.0f} MB")
    return status


def soak(given: argparse.Namespace) -> int:
    """Start a server, and run rounds of streams; return 1 if a stream failed or memory grew."""
    sessions = given.sessions
    memory: list[float] = []
    failures: list[str] = []
    with ServerProcess("--sessions", str(2 * sessions), "--model", given.model) as server:
        plan = _plan(server.stream_url, given)
        begin = time.monotonic()
        while time.monotonic() - begin < 60 * given.minutes:
            found = asyncio.run(run(plan, sessions=sessions))
            failures += found.failures
            memory.append(server.resident_megabytes)
            delay = f"p95 {1000 * np.percentile(found.delays, 95):.0f} ms" if found.delays else "no events"
            passed = (time.monotonic() - begin) / 60
            print(f"{passed:5.1f} min  {len(memory) * sessions:5} streams  {memory[-1]:6.1f} MB  {delay}", flush=True)
    for failure in sorted(set(failures)):
        print(f"{failures.count(failure)} streams failed: {failure}", file=sys.stderr)
    grew = len(memory) > 1 and max(memory[len(memory) // 2 :]) > MAX_GROWTH * memory[(len(memory) - 1) // 2]
    if grew:
        print("the memory grew", file=sys.stderr)
    return 1 if failures or grew else 0


def main() -> int:
    """Return 1 if a stream failed, or memory grew."""
    parser = argparse.ArgumentParser(description="Measure the delay of events under many live streams.")
    parser.add_argument("--url", help="of a server that runs already, e.g. ws://127.0.0.1:8484/v1/stream")
    parser.add_argument("--model", default="default")
    parser.add_argument("--sessions", type=int, default=60, help="streams at the same time")
    parser.add_argument("--seconds", type=float, default=20.0, help="duration of a stream")
    parser.add_argument("--chunk", type=float, default=0.1, help="seconds of audio per message")
    parser.add_argument("--interim", action="store_true", help="with interim results, as the page has them")
    parser.add_argument("--minutes", type=float, help="measure the memory of an own server for this long")
    given = parser.parse_args()
    if given.url is None:
        return measure_own_server(given) if given.minutes is None else soak(given)
    if given.minutes is not None:
        parser.error("--minutes measures a server that is started here; leave out --url")
    plan = _plan(given.url, given)
    return report(asyncio.run(run(plan, sessions=given.sessions)), sessions=given.sessions)


if __name__ == "__main__":
    sys.exit(main())
