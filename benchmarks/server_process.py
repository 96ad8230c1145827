"""A server in a process of its own, for programs that put load on it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType

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
