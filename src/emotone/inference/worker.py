"""One process of a pool: reads paths from standard input, writes predictions to standard output, as lines of JSON."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from emotone.inference.model import load
from emotone.inference.rendering import json_pieces

if TYPE_CHECKING:
    from emotone.inference.result import Channel


def main(model: str, channel: str) -> None:
    """Answer until standard input ends.

    Args:
        model: a bundle's folder.
        channel: a number, or "mix".

    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent ends its workers
    # What a decoder prints must not end up between our lines.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8", errors="backslashreplace")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    chosen: Channel = "mix" if channel == "mix" else int(channel)
    loaded = load(Path(model))
    for line in sys.stdin.buffer:
        result = loaded.attempt(json.loads(line), channel=chosen)
        answers.writelines(json_pieces(result, line=True))
        answers.write("\n")
        answers.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
