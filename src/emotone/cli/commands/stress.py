"""`emotone stress`: how many labels change when recordings are changed in ways that keep the emotion."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from emotone.cli import console, corpus_data
from emotone.cli.console import failure_messages, progress, report_left_out
from emotone.errors import UsageError
from emotone.inference.inputs import RecordingPath, collect

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emotone.evaluation.stress_run import StressRun
    from emotone.evaluation.stress_scores import StressScore
    from emotone.inference.model import Model
    from emotone.types import Utterance

EXCEEDED = SOME_FAILED = 1
FEW = 100  # recordings: a bound of 1 % can't be tested with fewer


@click.command(
    epilog="""\b
Examples:
  # a quick look, on recordings of your own without labels
  emotone stress default calls/ --limit 40
  # with labels, the loss of UAR is measured too; results are stored and drawn
  emotone stress default --corpus calls=calls.csv --out robustness --plot robustness.svg
  # some perturbations only
  emotone stress ./mine calls/ --only gain --only white-noise/10-db
  # in continuous integration: fails if a bound is exceeded
  emotone stress ./mine --corpus calls=calls.csv --gate
  # what there is
  emotone stress --list

\b
Music, rooms and noise are synthesised; babble is mixed from the given recordings of other, known speakers.
Everything random depends on --seed.

\b
Exit status: 0 all done; 1 some recordings were left out and are listed, or with --gate, a bound is exceeded; 2 wrong
usage, or no recording can be used."""
)
@click.argument("model", metavar="MODEL", default="")
@click.argument("recordings", nargs=-1, metavar="[PATH]...")
@corpus_data.corpus_option
@corpus_data.label_map_option
@click.option(
    "--only",
    multiple=True,
    metavar="NAME",
    help="A perturbation, or one setting of it as NAME/SETTING. Repeatable. Default: all.",
)
@click.option(
    "--limit", type=click.IntRange(1), metavar="N", help="Use N recordings, spread over corpora and speakers."
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of everything random.")
@click.option("--gate", is_flag=True, help="Exit with status 1 if a bound is exceeded on all recordings together.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Folder for stress.json, stress.csv and outcomes.csv, the label of every recording in every setting.",
)
@click.option(
    "--plot", type=click.Path(path_type=Path), metavar="FILE.png|svg", help="Draw the scores. Needs the extra `plot`."
)
@click.option("--list", "listing", is_flag=True, help="List the perturbations and their bounds.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--quiet", is_flag=True, help="Hide progress bars.")
def command(
    *,
    model: str,
    recordings: tuple[str, ...],
    corpus: tuple[str, ...],
    label_map: Mapping[str, str],
    only: tuple[str, ...],
    limit: int | None,
    seed: int,
    gate: bool,
    out: Path | None,
    plot: Path | None,
    listing: bool,
    as_json: bool,
    quiet: bool,
) -> int:
    """Measure the robustness of a model: labels changed, and UAR lost, when recordings are changed.

    Recordings are padded with silence, made louder and softer, coded, filtered, mixed with noise, other people and
    music, put into rooms, and played faster and slower. Prints the share of changed labels for every setting, with 95 %
    confidence intervals over speakers, and the bound that it should not exceed.

    Without recordings, the synthetic examples of emotone are used; they show that the command works, and little else.
    """
    from emotone.augment.perturbation import chosen
    from emotone.evaluation.stress_run import sample, stress
    from emotone.evaluation.stress_scores import ALL, stress_scores, to_dict, write_stress, write_stress_picture
    from emotone.inference.model import load
    from emotone.inference.plot import check_installed, check_suffix

    settings = chosen(only)
    if listing:
        _print_list(settings, as_json=as_json)
        return 0
    if not model:
        raise UsageError("no model given; name a shipped model or a folder, e.g. emotone stress default calls/")
    if plot is not None:
        check_suffix(plot)
        check_installed()
    loaded = load(model)
    utterances, failed = _recordings(loaded, recordings, corpus, label_map=label_map)
    if limit is not None:
        utterances = sample(utterances, limit, seed=seed)
    with progress(quiet=quiet) as bar:
        run = stress(
            loaded, utterances, settings=settings, seed=seed, progress=bar.counter("recordings", len(utterances))
        )
    scores = stress_scores(run)
    _report(run, scores, given=bool(recordings or corpus))
    if out is not None:
        write_stress(out, run, scores)
    if plot is not None:
        write_stress_picture(scores, plot, model=run.model)
    if as_json:
        console.print_json(to_dict(run, scores))
    else:
        _print(run, scores)
    exceeded = any(score.exceeded for score in scores if score.corpus == ALL)
    return EXCEEDED if (gate and exceeded) or failed or run.problems else 0


def _recordings(
    model: Model, paths: tuple[str, ...], corpus: tuple[str, ...], *, label_map: Mapping[str, str]
) -> tuple[tuple[Utterance, ...], bool]:
    """Return the recordings to test, and whether some were left out, which is reported."""
    from emotone.evaluation.stress_run import example_recordings, unlabelled

    if paths and corpus:
        raise UsageError("both recordings and --corpus were given; pass a table of all recordings as a corpus")
    if corpus:
        data = corpus_data.load_for_labels(corpus, model.labels, label_map=label_map)
        corpus_data.report(data)
        return data.utterances, bool(data.problems)
    if not paths:
        return unlabelled(example_recordings()), False
    items = collect(paths).items
    found = [item.path for item in items if isinstance(item, RecordingPath)]
    if any(isinstance(item, RecordingPath) and item.is_standard_input for item in items):
        raise UsageError("standard input can't be tested; name a file")
    failures = [item for item in items if not isinstance(item, RecordingPath)]
    for message in failure_messages(failures):
        console.error(message)
    if not found:
        raise UsageError("no recordings to test; pass files, a folder, or --corpus NAME=DIR")
    return unlabelled(found), bool(failures)


def _report(run: StressRun, scores: tuple[StressScore, ...], *, given: bool) -> None:
    """Print what was left out and not tested, and how much the result proves."""
    from emotone.augment.perturbation import PERTURBATIONS

    report_left_out(run.problems)
    if run.silent:
        console.note(f"left out, no speech is found: {', '.join(run.silent)}")
    tested = {(score.perturbation, score.setting) for score in scores}
    missing = {
        name: PERTURBATIONS.get(name).min_others for name, setting in run.settings if (name, setting) not in tested
    }
    for name, count in missing.items():
        console.note(f"not tested: {name} needs {count} recordings of other speakers, and a corpus that names speakers")
    usable = len({outcome.utterance for outcome in run.outcomes})
    if not given:
        console.note(f"no recordings were given: these are {usable} synthetic examples, which prove very little")
    elif usable < FEW:
        console.note(f"few recordings: with {usable}, one changed label is {100 / usable:.1f} %")


def _print(run: StressRun, scores: tuple[StressScore, ...]) -> None:
    from emotone.evaluation.stress_scores import ALL, stress_table, unchanged_uar
    from emotone.scoring.result_table import format_estimate

    pooled = [score for score in scores if score.corpus == ALL]
    speakers = {outcome.speaker for outcome in run.outcomes}
    voices = "unknown speakers" if "" in speakers else f"{len(speakers)} speakers"
    usable = len({outcome.utterance for outcome in run.outcomes})
    uar = unchanged_uar(run)
    shown = "" if uar is None else f", UAR unchanged {format_estimate(uar)}"
    click.echo(f"{run.model.name} {run.model.version}: {usable} recordings, {voices}{shown}; all values x 100\n")
    click.echo(stress_table(pooled).text())
    over = [score.name for score in pooled if score.exceeded]
    click.echo(f"\n{len(pooled) - len(over)} of {len(pooled)} settings are within their bounds")


def _print_list(settings: tuple[tuple[str, str], ...], *, as_json: bool) -> None:
    from emotone.augment.perturbation import PERTURBATIONS, SEPARATOR
    from emotone.scoring.result_table import ResultTable

    rows = [(name, setting, PERTURBATIONS.get(name)) for name, setting in settings]
    if as_json:
        console.print_json(
            [
                {"perturbation": name, "setting": setting, "title": one.title, "bound": one.bound_of(setting)}
                for name, setting, one in rows
            ]
        )
        return
    cells = tuple(
        (f"{name}{SEPARATOR}{setting}", f"{100 * one.bound_of(setting):g} %", one.title) for name, setting, one in rows
    )
    click.echo(ResultTable(("setting", "bound", "what it does"), cells).text())
