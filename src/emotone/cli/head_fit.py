"""The part of `emotone train` that fits the head of a finished model further on labelled clips."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from emotone.cli import console, corpus_data
from emotone.cli.console import progress, report_left_out

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from emotone.fitting.head_transfer import ResolvedRefit


def fit_further(
    resolved: ResolvedRefit,
    corpus: tuple[str, ...],
    *,
    label_map: Mapping[str, str],
    out: Path,
    workers: int,
    quiet: bool,
) -> int:
    """Fit the head of a model on the given corpora, print the folder of the new model, and return the exit status."""
    from emotone.evaluation.identity import weights_overlap
    from emotone.fitting.export import TUNED
    from emotone.fitting.head_transfer import fit_signature, write_refitted

    data = corpus_data.load(corpus, label_set_name=resolved.recipe.labels, label_map=label_map)
    corpus_data.report(data)
    known, source = resolved.bundle.labels, resolved.bundle.manifest.name
    new = [label for label in data.labels if label not in known]
    if new:
        console.note(f"{source} has no scores for {', '.join(new)}; they are learned")
    with progress(quiet=quiet) as bar:
        counter = bar.counter("embeddings", len(data.utterances))
        extracted = resolved.extract(data.utterances, workers=workers, progress=counter)
    report_left_out(extracted.problems)
    clips = extracted.usable(data.utterances)
    shared = weights_overlap(resolved, clips)
    if shared:
        console.note(f"warning: {source} was trained on some of these clips: {shared}")
    if len({one.speaker_key for one in clips}) == 1:
        console.note("warning: all clips are of one speaker, so the result for other speakers can't be estimated")
    fitted = resolved.fit(clips, extracted.features, labels=data.labels)
    for line in fitted.lines():
        console.note(line)
    name = f"{source}-{TUNED}"
    folder = out / f"{name}-{fit_signature(resolved, clips, data.labels)}"
    write_refitted(resolved, fitted, clips, folder, labels=data.labels, name=name)
    click.echo(folder)
    return 1 if extracted.problems or data.problems else 0
