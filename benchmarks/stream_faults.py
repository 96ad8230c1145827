"""Clients that open connections and leave them, and what a well-behaved stream notices of them.

    python benchmarks/stream_faults.py --connections 10000

Starts a server, opens the connections, and keeps them open: silent ones, half a request, a stream without a start, and
a message that never ends. Meanwhile streams must get the events of a local session, and afterwards the server must
answer. The limit of open files of both processes bounds how many connections exist at the same time.
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import itertools
import resource
import sys
import time
import urllib.request
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # as a program, not a module

from benchmarks.stream_load import Measurements, Plan, ServerProcess, make_plan, run

AT_ONCE = 100  # connections that are being opened
OPEN_SECONDS = 5.0
RECOVERY_SECONDS = 60.0
SPARE_FILES = 256
HANDSHAKE = (
    b"GET /v1/stream HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
CLIENTS = {
    "silent": b"",
    "half a request": b"GET /healthz HTT",
    "no start": HANDSHAKE,
    "endless message": HANDSHAKE + b"\x82\xff" + (1 << 19).to_bytes(8, "big") + bytes(4),
}


def allow_files(wanted: int) -> int:
    """Raise the limit of open files of this process as far as allowed; return how many connections fit."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = wanted + SPARE_FILES if hard == resource.RLIM_INFINITY else min(wanted + SPARE_FILES, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    return limit - SPARE_FILES


async def leave(host: str, port: int, *, count: int, keep: int) -> dict[str, int]:
    """Open connections and leave them, the latest `keep` of them open; return how many of each kind could connect."""
    opened: collections.Counter[str] = collections.Counter()
    held: collections.deque[asyncio.WriteTransport] = collections.deque()
    loop = asyncio.get_running_loop()
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(kind: str, content: bytes) -> None:
        async with slots:
            try:
                connecting = loop.create_connection(asyncio.Protocol, host, port)
                transport, _ = await asyncio.wait_for(connecting, OPEN_SECONDS)
            except (OSError, asyncio.TimeoutError):
                opened["refused"] += 1
                return
            opened[kind] += 1
            transport.write(content)
            held.append(transport)
            if len(held) > keep:
                held.popleft().abort()

    kinds = itertools.islice(itertools.cycle(CLIENTS.items()), count)
    await asyncio.gather(*(one(kind, content) for kind, content in kinds))
    for transport in held:
        transport.abort()
    await asyncio.sleep(0.1)  # an aborted connection is closed in the next turns of the loop
    return dict(opened)


async def attack(plan: Plan, *, host: str, port: int, count: int, keep: int, streams: int) -> Measurements:
    """Return the measurements of well-behaved streams while connections are opened and left."""
    measured = asyncio.ensure_future(run(plan, sessions=streams))
    await asyncio.sleep(3.0)  # they have started
    print("connections:", await leave(host, port, count=count, keep=keep))
    return await measured


def recovery(url: str) -> float:
    """Return the seconds until the server answers and all streams have ended."""
    begin = time.monotonic()
    while time.monotonic() - begin < RECOVERY_SECONDS:
        try:
            with urllib.request.urlopen(url + "/metrics", timeout=5) as answer:  # noqa: S310  (our own server)
                if b"emotone_sessions_open 0.0" in answer.read():
                    return time.monotonic() - begin
        except OSError:
            pass
        time.sleep(0.2)
    raise RuntimeError("the server has not recovered")


def main() -> int:
    """Print what happened; return 1 if a stream failed."""
    parser = argparse.ArgumentParser(description="Open connections to a server and leave them.")
    parser.add_argument("--connections", type=int, default=10_000)
    parser.add_argument("--streams", type=int, default=4, help="well-behaved ones")
    parser.add_argument("--seconds", type=float, default=30.0, help="duration of these")
    parser.add_argument("--model", default="default")
    given = parser.parse_args()
    keep = allow_files(given.connections)
    with ServerProcess("--model", given.model) as server:
        plan = make_plan(server.stream_url, given.model, seconds=given.seconds, chunk_seconds=0.1)
        before = server.resident_megabytes
        host, _, port = server.url.removeprefix("http://").rpartition(":")
        found = asyncio.run(
            attack(plan, host=host, port=int(port), count=given.connections, keep=keep, streams=given.streams)
        )
        print(f"the server answers and is empty after {recovery(server.url):.1f} s")
        print(f"resident memory: {before:.0f} MB before, {server.resident_megabytes:.0f} MB after")
    if found.delays:
        print(f"streams: p95 {1000 * np.percentile(found.delays, 95):.0f} ms, {len(found.delays)} events")
    for failure in found.failures:
        print(f"a stream failed: {failure}", file=sys.stderr)
    return 1 if found.failures else 0


if __name__ == "__main__":
    sys.exit(main())
