"""One process of a pool: reads paths from standard input, writes results to standard output, as lines of JSON.

A line of results is a list. Messages of the log are objects, on lines before the results of their recording.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

from emotone.inference.model import load
from emotone.inference.rendering import json_pieces

if TYPE_CHECKING:
    from emotone.audio.tracks import Track
    from emotone.inference.result import Selection


class LogWriter(logging.Handler):
    """Writes messages of the log as lines of JSON.

    Args:
        stream: of the results.

    """

    def __init__(self, stream: IO[str]) -> None:
        super().__init__()
        self._stream = stream

    def emit(self, record: logging.LogRecord) -> None:
        """Write one message."""
        message = {"name": record.name, "level": record.levelno, "text": record.getMessage()}
        self._stream.write(json.dumps(message) + "\n")


def main(model: str, channel: str, track: str, level: str) -> None:
    """Answer until standard input ends.

    Args:
        model: the folder of a bundle.
        channel: a number, "mix" or "each".
        track: a number, "default" or "all".
        level: of the messages of the log that are wanted, a number.

    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent ends its workers
    # What a decoder prints must not end up between our lines.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8", errors="backslashreplace")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    chosen = cast("Selection", int(channel) if channel.isdecimal() else channel)
    chosen_track = cast("Track", int(track) if track.isdecimal() else track)
    loaded = load(Path(model))
    log = logging.getLogger("emotone")
    log.addHandler(LogWriter(answers))
    log.setLevel(int(level))
    for line in sys.stdin.buffer:
        results = loaded.attempt(json.loads(line), channel=chosen, track=chosen_track)
        for number, result in enumerate(results):
            answers.write(", " if number else "[")
            answers.writelines(json_pieces(result, line=True))
        answers.write("]\n")
        answers.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
