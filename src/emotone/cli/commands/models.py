"""`emotone models`: the models that are shipped, what is in a bundle, whether it is whole, and how one is made."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from emotone.cli import console as _say
from emotone.errors import BundleError, UsageError

if TYPE_CHECKING:
    from emotone.bundles.bundle import Bundle
    from emotone.scoring.operating_points import StoredThreshold

SOME_FAILED = 1


@click.group(
    epilog="""\b
Examples:
  emotone models list
  emotone models show default
  emotone models check ./my-model
  emotone models export runs/my-run --out my-model
  emotone models export runs/anger --out anger --false-positive-rate 0.05 --validation results/anger-folds-1a2b"""
)
def command() -> None:
    """List, show, check and export models."""


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_models(*, as_json: bool) -> int:
    """List the shipped models; one that is damaged is said, and the others are listed."""
    from emotone.bundles.shipped import load, shipped_names

    found: list[dict[str, Any]] = []
    errors: list[BundleError] = []
    for name in shipped_names():
        try:
            found.append(_summary(load(name)))
        except BundleError as error:
            errors.append(error)
    if as_json:
        _say.print_json(found)
    elif not found:
        click.echo("no models are shipped with this installation; give a bundle's folder instead")
    else:
        _print_table(found)
    for problem in errors:
        _say.error(problem)
    return SOME_FAILED if errors else 0


@command.command()
@click.argument("model", metavar="NAME|DIR")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(model: str, *, as_json: bool) -> None:
    """Show what a model is: labels, front end, training data, licence, and its card."""
    from emotone.bundles.manifest import CARD
    from emotone.bundles.shipped import load
    from emotone.config import to_mapping

    bundle = load(model)
    card = (bundle.directory / CARD).read_text(encoding="utf-8", errors="replace")
    if as_json:
        _say.print_json(
            {
                **to_mapping(bundle.manifest),
                "sha256": bundle.sha256,
                "directory": str(bundle.directory),
                "bytes": _size(bundle),
                "card": card,
            }
        )
        return
    manifest = bundle.manifest
    front_end = ", ".join(f"{key} {value}" for key, value in manifest.front_end.items() if key != "name")
    for name, value in (
        ("name", f"{manifest.name} {manifest.version}"),
        ("what", manifest.description),
        ("labels", ", ".join(manifest.labels)),
        ("licence", manifest.licence),
        ("front end", f"{manifest.front_end['name']}: {front_end}"),
        ("windows", f"{manifest.windows}; a clip is {manifest.windows.clip_score}"),
        *(("threshold", f"{label} from {value:.4g} on") for label, value in manifest.thresholds.items()),
        ("trained on", ", ".join(manifest.training.corpora)),
        ("recipe", f"{manifest.training.recipe} ({manifest.training.signature})"),
        ("size", f"{_size(bundle) / 1e6:.1f} MB"),
        ("sha256", bundle.sha256),
        ("folder", str(bundle.directory)),
    ):
        click.echo(f"{name:<11}{value}")
    click.echo(f"\n{card.rstrip()}")


@command.command()
@click.argument("model", metavar="NAME|DIR")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def check(model: str, *, as_json: bool) -> None:
    """Check every byte of a model, and that its test vector comes out as it should on this machine."""
    from emotone.bundles.bundle import TOLERANCE
    from emotone.bundles.shipped import load

    bundle = load(model)
    deviation = bundle.check()
    if as_json:
        result = {"name": bundle.manifest.name, "sha256": bundle.sha256, "deviation": deviation, "allowed": TOLERANCE}
        _say.print_json(result)
    else:
        files = len(bundle.manifest.files) + 1
        click.echo(
            f"{bundle.manifest.name}: good; {files} files are as they were written, and the test vector's "
            f"probabilities come out within {deviation:.1g} (allowed: {TOLERANCE:g})"
        )


@command.command()
@click.argument("run", type=click.Path(path_type=Path), metavar="RUN")
@click.option("--out", type=click.Path(path_type=Path), required=True, metavar="DIR", help="The bundle's folder.")
@click.option(
    "--evaluation",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="DIR",
    help="A folder that `emotone evaluate` made: its scores go into the card. May be given several times.",
)
@click.option(
    "--beside",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="DIR",
    help="With --evaluation: the evaluation of another system on the folds of the first, to show next to it.",
)
@click.option(
    "--false-positive-rate",
    type=click.FloatRange(0, 1),
    metavar="RATE",
    help="For a detector, with --validation: store the lowest threshold that keeps false alarms to this share.",
)
@click.option(
    "--validation",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="With --false-positive-rate: a folder that `emotone evaluate` made of the same recipe, on speakers that were "
    "not learned from. The threshold is chosen there.",
)
@click.option(
    "--per",
    type=click.Choice(["window", "clip"]),
    default="window",
    show_default=True,
    help="With --false-positive-rate: what keeps to the rate, windows or whole recordings.",
)
@click.option("--note", default="", metavar="TEXT", help="What else readers of the card must know about the scores.")
@click.option("--version", default="1.0.0", show_default=True, help="Version of the model.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def export(
    run: Path,
    *,
    out: Path,
    evaluation: tuple[Path, ...],
    beside: tuple[Path, ...],
    false_positive_rate: float | None,
    validation: Path | None,
    per: Literal["window", "clip"],
    note: str,
    version: str,
    as_json: bool,
) -> None:
    """Make a bundle of a training run (needs the extra `train`)."""
    from emotone.bundles.bundle import load_bundle
    from emotone.fitting.export import export_run

    stored = _threshold(run, rate=false_positive_rate, validation=validation, per=per)
    scores = _scores(evaluation, beside=beside)
    if stored is not None:
        scores = f"{scores}\n### The threshold\n\n{stored.markdown()}"
    if note:
        scores = f"{scores}\n{note}\n"
    thresholds = {} if stored is None else stored.thresholds
    bundle = load_bundle(export_run(run, out, version=version, evaluation=scores, thresholds=thresholds))
    if as_json:
        told = {} if stored is None else {"thresholds": thresholds, "threshold": stored.to_dict()}
        _say.print_json({**_summary(bundle), "directory": str(bundle.directory), **told})
        return
    click.echo(f"{bundle.directory}: {bundle.manifest.name} {bundle.manifest.version}, {_size(bundle) / 1e6:.1f} MB")
    if stored is not None:
        click.echo(f"\n{stored.markdown().rstrip()}")


def _threshold(
    run: Path, *, rate: float | None, validation: Path | None, per: Literal["window", "clip"]
) -> StoredThreshold | None:
    if rate is None and validation is None:
        return None
    if rate is None or validation is None:
        raise UsageError("--false-positive-rate and --validation go together: the rate, and where it is kept to")
    from emotone.fitting.training_run import load_run
    from emotone.scoring.operating_points import stored_threshold

    training = load_run(run)
    return stored_threshold(validation, training.recipe, labels=training.labels, rate=rate, per=per)


def _scores(evaluation: tuple[Path, ...], *, beside: tuple[Path, ...]) -> str:
    """Return what a card tells of evaluations, those of other systems beside the first, with their thresholds."""
    from emotone.scoring.finished_run import read_run
    from emotone.scoring.operating_points import recorded_points
    from emotone.scoring.summary import summary_markdown

    found = []
    for number, folder in enumerate(evaluation):
        finished = read_run(folder)
        several = len(evaluation) > 1
        if several:
            found.append(f"### {finished.protocol}: {', '.join(finished.predictions.corpora)}\n")
        heading = "####" if several else "###"
        found.append(summary_markdown(folder, others=() if number else beside, heading=heading))
        points = recorded_points(finished.about)
        if points is not None:
            found.append(f"{points.table().markdown()}\n")
    return "\n".join(found)


def _summary(bundle: Bundle) -> dict[str, Any]:
    manifest = bundle.manifest
    return {
        "name": manifest.name,
        "version": manifest.version,
        "description": manifest.description,
        "labels": list(manifest.labels),
        "licence": manifest.licence,
        "trained_on": list(manifest.training.corpora),
        "bytes": _size(bundle),
        "sha256": bundle.sha256,
    }


def _size(bundle: Bundle) -> int:
    return sum((bundle.directory / name).stat().st_size for name in bundle.manifest.files)


def _print_table(found: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("model", "version", "labels", "licence", "trained on", "MB", "what it is")
    for model in found:
        table.add_row(
            model["name"],
            model["version"],
            ", ".join(model["labels"]),
            model["licence"],
            ", ".join(model["trained_on"]),
            f"{model['bytes'] / 1e6:.1f}",
            model["description"],
        )
    Console().print(table)
