"""One process of a pool: reads paths from standard input, writes results to standard output, as lines of JSON.

A line of results is a list. Messages of the log are objects, on lines before the results of their recording. A list of
paths adapts the model to these recordings, until the next list; an empty list restores the model. The answer lists the
recordings that could not be used.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

from emotone.bundles.head import MIN_RECORDINGS
from emotone.inference.model import Model, load
from emotone.inference.rendering import json_pieces

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emotone.audio.source import Track
    from emotone.inference.result import Failure, Prediction, Selection


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


def adapted_to(
    model: Model, paths: Sequence[str], *, channel: Selection, track: Track
) -> tuple[Model, Sequence[Failure]]:
    """Return the model adapted to recordings, and those that can't be used; the model itself if fewer than two can."""
    from emotone.inference.adaptation import EmbeddingStatistics

    if not paths:
        return model, ()
    statistics = EmbeddingStatistics(model.bundle)
    failures = [statistics.attempt(path, channel=channel, track=track) for path in paths]
    unusable = [one for one in failures if one is not None]
    if statistics.count < MIN_RECORDINGS:
        return model, unusable
    return Model(statistics.adapted().bundle), unusable


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
    current = loaded
    for line in sys.stdin.buffer:
        asked = json.loads(line)
        results: Sequence[Prediction | Failure]
        if isinstance(asked, list):
            current, results = adapted_to(loaded, asked, channel=chosen, track=chosen_track)
        else:
            results = current.attempt(asked, channel=chosen, track=chosen_track)
        answers.write("[")
        for number, result in enumerate(results):
            answers.write(", " if number else "")
            answers.writelines(json_pieces(result, line=True))
        answers.write("]\n")
        answers.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
