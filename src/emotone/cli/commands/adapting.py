"""`emotone adapt` and `emotone personalise`: a model for recordings without labels, or for a few labelled clips."""

from __future__ import annotations

import tempfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from emotone.cli import console
from emotone.cli.console import failure_messages, progress, report_left_out
from emotone.cli.corpus_data import CorpusData, label_map_option, report
from emotone.cli.options import channel_option, track_option
from emotone.errors import UsageError
from emotone.inference.inputs import collect

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emotone.audio.source import Track
    from emotone.bundles.bundle import Bundle
    from emotone.corpora.content import Overlap
    from emotone.corpora.scan import Scan
    from emotone.evaluation.personalise import PersonalModel
    from emotone.fitting.resolve import ResolvedRecipe
    from emotone.inference.result import Selection

SOME_FAILED = 1


@click.command(
    epilog="""\b
Examples:
  emotone adapt ./mine --recordings calls/ --out mine-calls
  emotone adapt ./mine --recordings "calls/*.wav" --recordings more/ --out mine-calls
  emotone predict new.wav --model mine-calls

Use at least ten recordings, of several speakers and with several emotions, that sound like those you will predict.
Adapt separately to different sources, such as the telephone and a studio.

\b
Exit status: 0 adapted to all recordings; 1 adapted, but some recordings failed and are listed; 2 wrong usage, or
nothing was written."""
)
@click.argument("model", metavar="NAME|DIR")
@click.option(
    "--recordings",
    "paths",
    multiple=True,
    required=True,
    metavar="PATH",
    help="A file, a folder or a pattern of recordings; repeat it for more.",
)
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, metavar="DIR", help="Folder of the adapted model."
)
@channel_option("every channel as a recording of its own")
@track_option
@click.option("--quiet", is_flag=True, help="Hide progress and notes; still print errors.")
def adapt(*, model: str, paths: tuple[str, ...], out: Path, channel: Selection, track: Track, quiet: bool) -> int:
    """Adapt MODEL, a shipped model or the folder of one, to recordings without labels, and print the new folder.

    The model's statistics of voices, language, room and channel are replaced by those of the recordings. Nothing is
    trained, and results of the adapted model are marked as adapted.
    """
    from emotone.bundles.library import load
    from emotone.cli.options import adapt_to

    adapted, failures = adapt_to(load(model), collect(paths).items, channel=channel, track=track, quiet=quiet)
    for message in failure_messages(failures):
        console.error(message)
    click.echo(adapted.write_adapted(out).directory)
    return SOME_FAILED if failures else 0


CORPUS = "own"  # name of the user's clips in keys and cards
DEFAULT_PLAN = "A5"


@click.command(
    epilog="""\b
Examples:
  # clips in folders such as clips/anger/anna/1.wav; the folder of the speaker is optional
  emotone personalise clips/ --out mine
  # fine-tune the last layers of a network
  emotone personalise clips/ --from small-open --transfer A5 --out mine
  # a table with the columns file, label and speaker
  emotone personalise clips.csv --out mine --label-map happy=happiness,mad=anger
  emotone predict --model mine new.wav

\b
Exit status: 0 all clips used; 1 some clips were left out and are listed; 2 wrong usage, or nothing was written."""
)
@click.argument("clips", type=click.Path(exists=True, path_type=Path), metavar="FOLDER|TABLE")
@click.option(
    "--from", "source", default="default", show_default=True, metavar="MODEL", help="The model to start from."
)
@click.option("--out", type=click.Path(path_type=Path), required=True, metavar="DIR", help="Folder of the new model.")
@click.option(
    "--transfer",
    "plan",
    default="",
    metavar="PLAN",
    help="Which layers of a network are trained; A5, the last ones, is best for few clips and the default.",
)
@label_map_option
@click.option("--name", default="", metavar="NAME", help="Name of the new model. Default: MODEL-tuned.")
@click.option("--description", default="", metavar="TEXT", help="What the new model is, in one sentence.")
@click.option("--workers", type=click.IntRange(1), default=1, show_default=True, help="Number of processes.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--quiet", is_flag=True, help="Hide progress bars.")
def personalise(
    *,
    clips: Path,
    source: str,
    out: Path,
    plan: str,
    label_map: Mapping[str, str],
    name: str,
    description: str,
    workers: int,
    as_json: bool,
    quiet: bool,
) -> int:
    """Fit a model to a few labelled clips of yours, score it, and write the new model.

    The clips are in folders named after their labels, or in a table. The model is fitted and scored in folds, without
    shared speakers if there are at least two; then it is fitted on all clips. The unchanged model and chance are
    scored on the same clips.

    Of models with a frozen encoder, such as `default`, the head is adapted and its last layer fitted as far as that
    helps within the clips; this takes seconds. Networks such as `small-open` are fine-tuned. Needs the extra `train`.
    """
    from emotone.evaluation.identity import model_overlap, weights_overlap
    from emotone.evaluation.personalise import personalise, personalise_head
    from emotone.fitting.head_transfer import refit_recipe_for, resolve_refit

    own = refit_recipe_for(source)
    if own is not None:
        if plan:
            raise UsageError(f"{source} has a head on a frozen encoder, and plans are for networks; remove --transfer")
        refit = resolve_refit(own)
        bundle = refit.bundle
        data = _data(clips, bundle, label_map=label_map)
        report(data)
        with progress(quiet=quiet) as bar:
            done = personalise_head(
                refit,
                data.utterances,
                labels=data.labels,
                out=out,
                name=name,
                description=description,
                workers=workers,
                progress=bar.report,
            )
        shared = model_overlap(bundle.directory, data.utterances)
        return _print(done, data, shared, out=out, as_json=as_json)
    resolved, data = _resolved(clips, source=source, plan=plan or DEFAULT_PLAN, label_map=label_map)
    report(data)
    with tempfile.TemporaryDirectory() as work, progress(quiet=quiet) as bar:
        done = personalise(
            resolved,
            data.utterances,
            labels=data.labels,
            out=out,
            work=Path(work),
            name=name,
            description=description,
            workers=workers,
            progress=bar.report,
        )
    shared = weights_overlap(resolved, data.utterances)
    return _print(done, data, shared, out=out, as_json=as_json)


def _print(done: PersonalModel, data: CorpusData, shared: Overlap | None, *, out: Path, as_json: bool) -> int:
    """Print the scores, the clips that the starting model was trained on, and the folder; return the exit status."""
    source = done.scores.source
    if shared is None:
        console.note(f"{source} stores no hashes of its training recordings; it may have been trained on these clips")
    elif shared:
        console.note(f"warning: {source} was trained on some of these clips: {shared}")
    report_left_out(done.problems)
    if as_json:
        known = None if shared is None else asdict(shared)
        console.print_json({**done.scores.to_dict(), "directory": str(out), "training_overlap": known})
    else:
        for line in (*done.scores.lines(), str(out)):
            click.echo(line)
    return 1 if done.problems or data.problems else 0


def _data(clips: Path, bundle: Bundle, *, label_map: Mapping[str, str]) -> CorpusData:
    """Return the clips with their own labels, in the model's order, and notes about them."""
    from emotone.cli.corpus_data import mapped_labels_note
    from emotone.corpora.labels import apply_labels, label_set

    found = _scan(clips, label_map)
    every = label_set("every")
    utterances, dropped = apply_labels(found.utterances, every)
    labels = every.present_in(utterances)
    new = [label for label in labels if label not in bundle.labels]
    notes = [note for note in (mapped_labels_note(found),) if note]
    notes += [f"{bundle.manifest.name} has no scores for {', '.join(new)}; they are learned"] if new else []
    return _checked(clips, found, CorpusData(tuple(utterances), labels, dropped, found.problems), notes)


def _checked(clips: Path, found: Scan, data: CorpusData, notes: list[str]) -> CorpusData:
    """Return the clips with all notes; refuse those of a single label."""
    if len(data.labels) < 2:
        names = ", ".join(data.labels) or "none"
        raise UsageError(f"{clips} has clips with the labels: {names}; at least two are needed")
    if found.unrecognised:
        ignored = f"ignored {len(found.unrecognised)} recordings outside folders with the name of an emotion"
        notes = [*notes, ignored]
    return replace(data, notes=tuple(notes))


def _resolved(
    clips: Path, *, source: str, plan: str, label_map: Mapping[str, str]
) -> tuple[ResolvedRecipe, CorpusData]:
    """Return what to train, and the clips with the labels of the model, or with their own if it lacks some."""
    from emotone.cli.corpus_data import mapped_labels_note
    from emotone.corpora.labels import UNKNOWN, apply_labels, label_set
    from emotone.fitting.resolve import recipe_from_model, resolve

    found = _scan(clips, label_map)
    notes = [note for note in (mapped_labels_note(found),) if note]
    recipe = recipe_from_model(source, plan=plan)
    utterances, dropped = apply_labels(found.utterances, label_set(recipe.labels))
    if set(dropped) - {UNKNOWN}:
        recipe = recipe_from_model(source, plan=plan, labels="every")
        notes.append(f"{source} has no scores for {', '.join(sorted(set(dropped) - {UNKNOWN}))}; they are learned")
        utterances, dropped = apply_labels(found.utterances, label_set("every"))
    labels = label_set(recipe.labels).present_in(utterances)
    data = _checked(clips, found, CorpusData(tuple(utterances), labels, dropped, found.problems), notes)
    return resolve(recipe), data


def _scan(clips: Path, label_map: Mapping[str, str]) -> Scan:
    """Return the clips of a table, of an audformat database, or of folders named after labels."""
    from emotone.corpora.database import is_database
    from emotone.corpora.labels import check_label_map
    from emotone.corpora.resolve import load
    from emotone.corpora.table import read_label_folders

    if clips.is_dir() and not is_database(clips):
        found = read_label_folders(clips, name=CORPUS, label_map=label_map)
    else:
        found = load(CORPUS, clips, label_map=label_map)
    if label_map:
        check_label_map(label_map, found.utterances)
    return found
