"""RTTM: a line per utterance, as tools that score speaker diarization read them; the emotion replaces the speaker."""

from __future__ import annotations

import re
from hashlib import sha256
from pathlib import PurePath
from typing import IO, TYPE_CHECKING

from emotone.inference.display import printable
from emotone.inference.result import Failure
from emotone.inference.saving import Format

if TYPE_CHECKING:
    from emotone.inference.rendering import Result
    from emotone.inference.saving import Page


class RttmDocument:
    """Lines of recordings, each with an identifier that is unique in the document.

    Reference: NIST, The 2009 (RT-09) rich transcription meeting recognition evaluation plan, appendix A.
    """

    def __init__(self, stream: IO[str], page: Page) -> None:  # noqa: ARG002  (every writer takes a page)
        self._stream = stream
        self._owners: dict[str, str] = {}  # file by identifier

    def write(self, result: Result) -> None:
        """Write a recording's lines: identifier, channel, start, duration, emotion and probability."""
        if isinstance(result, Failure):
            return
        name = self._identifier(result.file or "samples")
        channel = 1 if result.channel == "mix" else result.channel + 1
        for one in result.utterances:
            self._stream.write(
                f"SPEAKER {name} {channel} {one.start:.3f} {one.end - one.start:.3f} <NA> <NA> {one.label} "
                f"{one.confidence:.4f} <NA>\n"
            )
        self._stream.flush()

    def finish(self) -> None:
        """Do nothing: such a document has no end."""

    def _identifier(self, file: str) -> str:
        """Return the name without folder and suffix, or with a hash of the path where another file has that name."""
        name = printable(re.sub(r"\s", "_", PurePath(file).stem))
        if self._owners.setdefault(name, file) != file:
            name = f"{name}-{sha256(file.encode(errors='surrogateescape')).hexdigest()[:8]}"
        return name


FORMAT = Format(
    suffix=".rttm",
    summary="a line per utterance for diarization tools; the emotion replaces the speaker",
    binary=False,
    open=RttmDocument,
)
