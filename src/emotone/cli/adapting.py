"""Adaptation to recordings, for `emotone adapt` and `emotone predict --adapt`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emotone.cli import console
from emotone.cli.console import progress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emotone.audio.source import Track
    from emotone.bundles.bundle import Bundle
    from emotone.inference.inputs import RecordingPath
    from emotone.inference.result import Failure, Selection


def adapt_to(
    bundle: Bundle, items: Sequence[RecordingPath | Failure], *, channel: Selection, track: Track, quiet: bool
) -> tuple[Bundle, list[Failure]]:
    """Return a model adapted to recordings, and why some can't be used; print the notes of the adaptation.

    Args:
        bundle: a model with a head on embeddings.
        items: recordings, and failures of earlier steps, which are returned with the others.
        channel: counted from 0, "mix", or "each" to use every channel as a recording of its own.
        track: counted from 0, "default" or "all".
        quiet: hide progress and notes.

    Raises:
        UsageError: a model without such a head, or fewer than two recordings with speech.

    """
    from emotone.inference.adaptation import EmbeddingStatistics
    from emotone.inference.result import Failure

    statistics = EmbeddingStatistics(bundle)
    failures: list[Failure] = []
    with progress(quiet=quiet) as bar:
        advance = bar.counter("adaptation", len(items))
        for item in items:
            failed = item if isinstance(item, Failure) else statistics.attempt(item.path, channel=channel, track=track)
            failures += [] if failed is None else [failed]
            advance(1)
    adapted = statistics.adapted()
    for note in () if quiet else adapted.notes:
        console.note(note)
    return adapted.bundle, failures
