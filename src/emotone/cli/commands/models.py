"""`emotone models`: list, show, check, export, get and push models."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from emotone.cli import console
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
  emotone models get hf://user/model --out my-model
  emotone models export runs/anger --out anger --false-positive-rate 0.05 --validation results/anger-folds-1a2b"""
)
def command() -> None:
    """List, show, check and export models, and copy them from and to URLs."""


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_models(*, as_json: bool) -> int:
    """List the shipped models. Damaged models are reported, and the others are listed.

    \b
    Example:
      emotone models list --json
    """
    from emotone.bundles.library import load, shipped_names

    found: list[dict[str, Any]] = []
    errors: list[BundleError] = []
    for name in shipped_names():
        try:
            found.append(_summary(load(name)))
        except BundleError as error:
            errors.append(error)
    if as_json:
        console.print_json(found)
    elif not found:
        click.echo("no models are shipped with this installation; pass the folder of a model instead")
    else:
        _print_table(found)
    for problem in errors:
        console.error(problem)
    return SOME_FAILED if errors else 0


@command.command()
@click.argument("model", metavar="NAME|DIR")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(model: str, *, as_json: bool) -> None:
    """Show a model: labels, front end, training data, licence, and its model card.

    \b
    Examples:
      emotone models show default
      emotone models show ./mine --json
    """
    from emotone.bundles.contents import CARD
    from emotone.bundles.library import load
    from emotone.config import to_mapping

    bundle = load(model)
    card = (bundle.directory / CARD).read_text(encoding="utf-8", errors="replace")
    if as_json:
        console.print_json(
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
        ("summary", manifest.description),
        ("labels", ", ".join(manifest.labels)),
        ("licence", manifest.licence),
        ("front end", f"{manifest.front_end['name']}: {front_end}"),
        ("windows", f"{manifest.windows}; an utterance is {manifest.windows.clip_score}"),
        *(
            ("threshold", f"{label} if its probability is at least {value:.4g}")
            for label, value in manifest.thresholds.items()
        ),
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
    """Check the files of a model, and its test vector on this machine.

    The SHA-256 of every file is compared with the stored one, and the probabilities for the stored test signal with the
    stored probabilities.

    \b
    Example:
      emotone models check ./mine
    """
    from emotone.bundles.bundle import TOLERANCE
    from emotone.bundles.library import load

    bundle = load(model)
    deviation = bundle.check()
    allowed = TOLERANCE if bundle.manifest.tolerance is None else bundle.manifest.tolerance
    if as_json:
        result = {"name": bundle.manifest.name, "sha256": bundle.sha256, "deviation": deviation, "allowed": allowed}
        console.print_json(result)
    else:
        files = len(bundle.manifest.files) + 1
        click.echo(
            f"{bundle.manifest.name}: no problems found; {files} files match their hashes; test-vector probabilities "
            f"agree within {deviation:.1g} (allowed: {allowed:g})"
        )


@command.command()
@click.argument("run", type=click.Path(path_type=Path), metavar="RUN")
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, metavar="DIR", help="Folder of the model to write."
)
@click.option(
    "--evaluation",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="DIR",
    help="Folder of an evaluation whose scores the model card shows. Repeatable.",
)
@click.option(
    "--compare-with",
    "--beside",
    "others",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="DIR",
    help="With --evaluation: folder of the evaluation of another system on the same folds, to show next to the first. "
    "Repeatable.",
)
@click.option(
    "--false-positive-rate",
    type=click.FloatRange(0, 1),
    metavar="RATE",
    help="For a detector, with --validation: store the lowest threshold with at most this false positive rate.",
)
@click.option(
    "--validation",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="With --false-positive-rate: folder of an evaluation of the same recipe on speakers outside the training "
    "data. The threshold is chosen there.",
)
@click.option(
    "--per",
    type=click.Choice(["window", "clip"]),
    default="window",
    show_default=True,
    help="With --false-positive-rate: the unit of the rate, windows or whole recordings.",
)
@click.option("--note", default="", metavar="TEXT", help="Further information about the scores for the model card.")
@click.option(
    "--name",
    default="",
    metavar="NAME",
    help="Name of the model. Default: the recipe's; a shipped model's name gets a suffix.",
)
@click.option("--description", default="", metavar="TEXT", help="What the model is, in one sentence.")
@click.option("--version", default="1.0.0", show_default=True, help="Version of the model.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def export(
    run: Path,
    *,
    out: Path,
    evaluation: tuple[Path, ...],
    others: tuple[Path, ...],
    false_positive_rate: float | None,
    validation: Path | None,
    per: Literal["window", "clip"],
    note: str,
    name: str,
    description: str,
    version: str,
    as_json: bool,
) -> None:
    """Export the training run in the folder RUN as a model.

    The model contains the network as ONNX, its weights for fine-tuning, a model card, the licence and a test vector.
    Needs the extra `train`.

    \b
    Examples:
      emotone models export runs/mine-0123456789ab --out mine
      emotone models export runs/default-0123456789ab --out calls --name calls --description "Calls of our hotline"
      emotone models export runs/mine-0123456789ab --out mine --evaluation results/mine-speaker-folds-5-1a2b
      emotone models export runs/anger-1a2b --out anger --false-positive-rate 0.05 --validation results/anger-3c4d
    """
    from emotone.bundles.bundle import load_bundle
    from emotone.fitting.export import export_run

    stored = _threshold(run, rate=false_positive_rate, validation=validation, per=per)
    scores = _scores(evaluation, others=others)
    if stored is not None:
        scores = f"{scores}\n### Threshold\n\n{stored.markdown()}"
    if note:
        scores = f"{scores}\n{note}\n"
    thresholds = {} if stored is None else stored.thresholds
    folder = export_run(
        run, out, name=name, description=description, version=version, evaluation=scores, thresholds=thresholds
    )
    bundle = load_bundle(folder)
    if as_json:
        threshold = {} if stored is None else {"thresholds": thresholds, "threshold": stored.to_dict()}
        console.print_json({**_summary(bundle), "directory": str(bundle.directory), **threshold})
        return
    click.echo(f"{bundle.directory}: {bundle.manifest.name} {bundle.manifest.version}, {_size(bundle) / 1e6:.1f} MB")
    if stored is not None:
        click.echo(f"\n{stored.markdown().rstrip()}")


@command.command()
@click.argument("url", metavar="URL")
@click.option("--out", type=click.Path(path_type=Path), required=True, metavar="DIR", help="Folder to copy it to.")
@click.option("--sha256", metavar="HEX", help="Of the model, as 'emotone models show' prints it: accept no other.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def get(url: str, *, out: Path, sha256: str | None, as_json: bool) -> None:
    """Copy a model from a URL, and check every file and its test vector.

    URL is a folder with a bundle on a web server (https://host/model), in a repository of the Hugging Face Hub
    (hf://user/model, needs the extra `hub`) or in an object store (s3://bucket/model, needs `bulk` and `s3`).

    \b
    Example:
      emotone models get https://host/calls --out calls --sha256 0123...
    """
    from emotone.bundles.library import get_bundle

    bundle = get_bundle(url, out, sha256=sha256)
    if as_json:
        console.print_json({**_summary(bundle), "directory": str(bundle.directory), "url": url})
        return
    click.echo(f"{bundle.directory}: {bundle.manifest.name} {bundle.manifest.version}, {_size(bundle) / 1e6:.1f} MB")
    click.echo(f"licence {bundle.manifest.licence}; sha256 {bundle.sha256}")


@command.command()
@click.argument("model", metavar="NAME|DIR")
@click.argument("url", metavar="URL")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def push(model: str, url: str, *, as_json: bool) -> None:
    """Copy a model to a URL, from where 'emotone models get' copies it; another model there is not replaced.

    \b
    Examples:
      emotone models push ./calls hf://user/calls
      emotone models push ./calls s3://bucket/models/calls
    """
    from emotone.bundles.library import load, push_bundle

    bundle = load(model)
    bundle.check()
    where = push_bundle(bundle, url)
    if as_json:
        console.print_json({**_summary(bundle), "url": where})
        return
    click.echo(f"copied to {where}; others get it with:")
    click.echo(f"emotone models get {where} --out {bundle.manifest.name} --sha256 {bundle.sha256}")


def _threshold(
    run: Path, *, rate: float | None, validation: Path | None, per: Literal["window", "clip"]
) -> StoredThreshold | None:
    if rate is None and validation is None:
        return None
    if rate is None or validation is None:
        raise UsageError(
            "--false-positive-rate and --validation need each other: the rate, and the evaluation that measures it"
        )
    from emotone.fitting.training_run import load_run
    from emotone.scoring.operating_points import stored_threshold

    training = load_run(run)
    return stored_threshold(validation, training.recipe, labels=training.labels, rate=rate, per=per)


def _scores(evaluation: tuple[Path, ...], *, others: tuple[Path, ...]) -> str:
    """Return the section of a card about evaluations: scores, those of other systems, and thresholds."""
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
        found.append(summary_markdown(folder, others=() if number else others, heading=heading))
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
    return sum(len(content) for name, content in bundle.contents().items() if name in bundle.manifest.files)


def _print_table(found: list[dict[str, Any]]) -> None:
    from rich.table import Table

    table = Table("model", "version", "labels", "licence", "trained on", "MB", "description")
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
    console.print_table(table)
