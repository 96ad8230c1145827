"""One process of a pool: paths in on standard input, predictions out on standard output, a line of JSON each."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

from emotone.inference.format import json_pieces
from emotone.inference.model import Channel, load


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
