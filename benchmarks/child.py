"""Time and peak memory of a command.

The peak of a child process includes that of the process that forked it. The command is therefore started by a bare
interpreter (this file as a script), which needs less memory than anything measured here.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

MEBIBYTE = 1 << 20
MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024  # bytes


@dataclass(frozen=True)
class Usage:
    """Resources that a command used.

    Attributes:
        seconds: of wall clock.
        processor: seconds of processor time, which depend little on other load.
        megabytes: peak of resident memory, in 2**20 bytes.

    """

    seconds: float
    processor: float
    megabytes: float


def measure(command: Sequence[str]) -> Usage:
    """Return the resources of a command; its standard output is discarded.

    Raises:
        RuntimeError: the command failed; the message contains its standard error.

    """
    launcher = [sys.executable, "-I", "-S", __file__, *command]
    done = subprocess.run(launcher, check=False, capture_output=True, text=True, env=environment())
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} failed: {done.stderr.strip()}")
    return Usage(**json.loads(done.stdout))


def environment() -> dict[str, str]:
    """Return this process's environment with one thread for matrix products."""
    return {**os.environ, "OMP_NUM_THREADS": "1"}


def emotone(*arguments: str) -> list[str]:
    """Return the command line of emotone in this interpreter's environment."""
    return [sys.executable, "-m", "emotone", *arguments]


def _launch(command: list[str]) -> int:
    start = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - start
    processor = usage.ru_utime + usage.ru_stime
    megabytes = usage.ru_maxrss * MAXRSS_UNIT / MEBIBYTE
    print(json.dumps({"seconds": seconds, "processor": processor, "megabytes": megabytes}))
    return process.returncode


if __name__ == "__main__":
    sys.exit(_launch(sys.argv[1:]))
