"""Load on a server: many live streams at real-time pace, and the time from the last needed audio to each event.

    python benchmarks/stream_load.py --model default --sessions 60
    python benchmarks/stream_load.py --url ws://192.168.0.2:8484/v1/stream --sessions 60

Without `--url`, a server is started, and its processor time per second of audio and its memory are printed, too. The
processor time hardly depends on what else the machine does; the delays do.

Every stream sends the same audio in chunks. The events of a local session show which chunk completes which event, so
the times are exact, and the events of every stream must equal those of the local session bit by bit.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # as a program, not a module

from benchmarks.server_process import ServerProcess
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

import emotone

RECORDING = Path(__file__).resolve().parent.parent / "examples/conversation.flac"
START_SECONDS = 2.0  # in which the streams start
OPEN_SECONDS = 60.0


@dataclass(frozen=True)
class Plan:
    """What every stream sends and must receive."""

    url: str
    model: str
    rate: int
    chunk_seconds: float
    chunks: list[bytes]
    expected: list[tuple[int, dict[str, Any]]]  # with the number of the chunk that completes the event
    last: list[dict[str, Any]]


@dataclass
class Measurements:
    """Of all streams: delays of events and lateness of the client itself in seconds, and failures."""

    delays: list[float] = field(default_factory=list)
    late: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


def make_plan(url: str, model: str, *, seconds: float, chunk_seconds: float) -> Plan:
    """Return the chunks of the example recording, repeated, and the events of a local session."""
    samples, rate = soundfile.read(RECORDING, dtype="int16")
    size = round(rate * chunk_seconds)
    count = round(seconds / chunk_seconds)
    repeated = np.resize(samples, size * count)
    chunks = [repeated[at : at + size].tobytes() for at in range(0, size * count, size)]
    session = emotone.load(model).session(rate=rate, encoding="s16le")
    expected = [(number, event.to_dict()) for number, chunk in enumerate(chunks) for event in session.push(chunk)]
    return Plan(url, model, rate, chunk_seconds, chunks, expected, [event.to_dict() for event in session.end()])


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
    start = {"type": "session.start", "rate": plan.rate, "encoding": "s16le", "model": plan.model}
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
        plan = make_plan(server.stream_url, given.model, seconds=given.seconds, chunk_seconds=given.chunk)
        asyncio.run(run(plan, sessions=1))  # opens the networks
        before = server.processor_seconds
        found = asyncio.run(run(plan, sessions=given.sessions))
        used = server.processor_seconds - before
        status = report(found, sessions=given.sessions)
        per_second = 1000 * used / (given.sessions * given.seconds)
        print(f"server: {per_second:.2f} ms of processor time per second of audio, {server.resident_megabytes:.0f} MB")
    return status


def main() -> int:
    """Return 1 if a stream failed."""
    parser = argparse.ArgumentParser(description="Measure the delay of events under many live streams.")
    parser.add_argument("--url", help="of a server that runs already, e.g. ws://127.0.0.1:8484/v1/stream")
    parser.add_argument("--model", default="default")
    parser.add_argument("--sessions", type=int, default=60)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--chunk", type=float, default=0.1, help="seconds of audio per message")
    given = parser.parse_args()
    if given.url is None:
        return measure_own_server(given)
    plan = make_plan(given.url, given.model, seconds=given.seconds, chunk_seconds=given.chunk)
    return report(asyncio.run(run(plan, sessions=given.sessions)), sessions=given.sessions)


if __name__ == "__main__":
    sys.exit(main())
