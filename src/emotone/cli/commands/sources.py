"""`emotone sources`: list networks to transfer from, get and convert their weights, or train one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from emotone.cli import console
from emotone.cli.console import progress

if TYPE_CHECKING:
    from emotone.fitting.distillation.source_run import HeldOutScore
    from emotone.transfer.source import Source


CARD = ".md"


@click.group(
    epilog="""\b
Examples:
  emotone sources list
  emotone sources get whisper-base
  emotone sources convert yamnet yamnet.npz --out yamnet.safetensors
  emotone train mine.toml --from whisper-base --transfer A5 --corpus calls=calls.csv"""
)
def command() -> None:
    """List networks to transfer from; get, convert or train their weights."""


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_sources(*, as_json: bool) -> None:
    """List all sources: those that come with emotone, and published ones.

    \b
    Example:
      emotone sources list --json
    """
    from emotone.fitting.weights import shipped_weights
    from emotone.transfer.source import SOURCES

    here = {name: path.with_suffix(CARD).read_text(encoding="utf-8") for name, path in shipped_weights().items()}
    published = [_summary(source) for source in SOURCES.all().values()]
    if as_json:
        console.print_json(
            [*({"name": name, "shipped": True, "card": card} for name, card in here.items()), *published]
        )
        return
    from rich.table import Table

    table = Table("source", "origin", "description")
    for name, card in here.items():
        table.add_row(name, "comes with emotone", card.splitlines()[2])
    for source in published:
        origin = f"published, {source['licence']}" + (", on this machine" if source["converted"] else "")
        table.add_row(source["name"], origin, source["title"])
    console.print_table(table)


@command.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(name: str, *, as_json: bool) -> None:
    """Show a source: its card, or its files, hashes and tensors.

    Shipped sources have a card.

    \b
    Examples:
      emotone sources show soundnet5-open
      emotone sources show whisper-base --json
    """
    from emotone.fitting.weights import shipped_weights
    from emotone.transfer.source import SOURCES

    if name in shipped_weights():
        card = shipped_weights()[name].with_suffix(CARD).read_text(encoding="utf-8")
        if as_json:
            console.print_json({"name": name, "shipped": True, "card": card})
        else:
            click.echo(card, nl=False)
        return
    source = SOURCES.get(name)
    if as_json:
        console.print_json(_summary(source))
        return
    click.echo(f"{source.name}: {source.title}\n")
    click.echo(f"net       {source.net}, layers {', '.join(source.layers)}; {source.rate} Hz")
    click.echo(f"licence   {source.licence}. {source.licence_note}")
    click.echo(f"cite      {source.citation}")
    for line in _published(source):
        click.echo(line)
    click.echo("\nrequired tensors:")
    for tensor, shape in source.shapes.items():
        click.echo(f"  {tensor}  {' x '.join(map(str, shape)) or 'scalar'}")


@command.command()
@click.argument("name")
@click.option(
    "--from",
    "given",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="A published file or its first part, or a folder to search. Default: the Python packages and caches of this "
    "machine.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The .safetensors file to write. Default: a file in the user's data folder, where recipes find it by NAME.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def get(name: str, *, given: Path | None, out: Path | None, as_json: bool) -> None:
    """Locate the weights of a source on this machine, and convert them.

    NAME is a published source (see emotone sources list). The command searches installed Python packages that contain
    the published file, whole or in parts, the cache of the Hugging Face hub, and the cache of OpenAI's whisper; or the
    given PATH. The SHA-256 of the file is compared with the published one. emotone downloads nothing: if no place has
    the file, the addresses to download it from are printed. Recipes then load the weights by name: source = "NAME" in
    [transfer], or --from NAME.

    \b
    Examples:
      emotone sources get whisper-base
      emotone sources get whisper-base --from ~/downloads/faster-whisper-base
      emotone sources get whisper-tiny-en --from tiny.en.pt --out tiny.safetensors

    \b
    Exit status: 0 converted, or converted before; 2 no place has an intact file, or it can't be written.
    """
    from emotone.errors import SourceError, UsageError
    from emotone.transfer.locate import converted_path, locate_weights, store
    from emotone.transfer.source import SOURCES
    from emotone.transfer.weights import SUFFIX

    source = SOURCES.get(name)
    if out is not None and out.suffix != SUFFIX:
        raise UsageError(f"--out {out} must end in {SUFFIX}")
    path = converted_path(name)
    if given is None and out is None and path.exists():
        source.read(path)
        console.note(f"{name} was converted before")
        _print_converted(name, path, place=None, verified=None, as_json=as_json)
        return
    try:
        located = locate_weights(source, path=given)
    except SourceError:
        for line in _published(source):
            console.note(line)
        console.note(f"download one of these files, then run: emotone sources get {name} --from FILE")
        raise
    path = store(located, out)
    digest = located.weights.sha256
    known = "as published" if located.verified else "which is not a published one; all tensors have the right shapes"
    console.note(f"{name}: from {located.file.place}; SHA-256 {digest}, {known}")
    console.note(f"licence: {source.licence}. {source.licence_note}")
    _print_converted(name, path, place=located.file.place, verified=located.verified, as_json=as_json)


def _print_converted(name: str, path: Path, *, place: str | None, verified: bool | None, as_json: bool) -> None:
    if as_json:
        console.print_json({"source": name, "file": str(path), "from": place, "verified": verified})
    else:
        click.echo(path)


@command.command()
@click.argument("name")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The .safetensors file to write.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def convert(name: str, file: Path, *, out: Path, as_json: bool) -> None:
    """Convert FILE, a published file of the source NAME, to safetensors.

    Names and shapes of all tensors are checked. Nothing in FILE is executed.

    \b
    Example:
      emotone sources convert soundnet5 soundnet5_final.t7 --out soundnet5.safetensors
    """
    from emotone.errors import UsageError
    from emotone.transfer.source import SOURCES
    from emotone.transfer.weights import SUFFIX, write_weights

    if out.suffix != SUFFIX:
        raise UsageError(f"--out {out} must end in {SUFFIX}")
    weights = SOURCES.get(name).read(file)
    write_weights(out, weights)
    if as_json:
        console.print_json(
            {"source": name, "file": str(out), "sha256": weights.sha256, "tensors": len(weights.tensors)}
        )
        return
    values = sum(values.size for values in weights.tensors.values())
    console.note(f"{len(weights.tensors)} tensors, {values:,} values; SHA-256 of {file}: {weights.sha256}")
    click.echo(out)


@command.command()
@click.argument("recipe", type=click.Path(path_type=Path))
@click.option("--sound", multiple=True, metavar="NAME=DIR", help="Folder of each sound of the recipe.")
@click.option("--teacher", type=click.Path(path_type=Path), help="The teacher's published file.")
@click.option("--speech", multiple=True, metavar="NAME=DIR", help="Folder of each transcribed corpus of the recipe.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs"), show_default=True, help="Folder of runs.")
@click.option(
    "--resume/--fresh",
    default=True,
    show_default=True,
    help="Resume an interrupted training or reuse a finished one, or train from scratch.",
)
@click.option(
    "--threads", type=click.IntRange(1), default=None, help="Number of PyTorch threads. Default: one per core."
)
@click.option("--quiet", is_flag=True, help="Hide progress bars.")
def train(
    recipe: Path,
    *,
    sound: tuple[str, ...],
    teacher: Path | None,
    speech: tuple[str, ...],
    out: Path,
    resume: bool,
    threads: int | None,
    quiet: bool,
) -> None:
    """Train a source from scratch: a student of another network, or a speech recogniser.

    A student network is trained on unlabelled sound to match the predictions of the TEACHER, or, if the recipe has a
    table student, the layers of the speech encoder that the recipe names. A recogniser is trained on transcribed
    speech. RECIPE is a TOML file such as sources/soundnet5-open.toml among the shipped recipes; one with the key
    corpora is that of a recogniser. The run's folder contains the weights and the results on held-out sound.

    \b
    Examples:
      emotone sources train soundnet5-open.toml --sound speech=DIR --sound music=DIR --teacher teacher.npz
      emotone sources train speech-student.toml --sound emodb=DIR --sound librispeech=DIR
      emotone sources train recogniser.toml --speech librispeech=DIR --speech voxforge=DIR
    """
    from emotone.errors import UsageError
    from emotone.recipes.encoder_recipe import is_encoder_recipe
    from emotone.recipes.recogniser_recipe import is_recogniser_recipe

    if is_recogniser_recipe(recipe):
        if sound or teacher is not None:
            raise UsageError(f"{recipe} is the recipe of a recogniser: give --speech NAME=DIR, no --sound or --teacher")
        _train_recogniser(recipe, speech, out=out, resume=resume, threads=threads, quiet=quiet)
        return
    if is_encoder_recipe(recipe):
        if speech or teacher is not None:
            raise UsageError(
                f"{recipe} is the recipe of a small encoder: give --sound NAME=DIR, no --speech or --teacher"
            )
        _train_encoder(recipe, sound, out=out, resume=resume, threads=threads, quiet=quiet)
        return
    if speech or teacher is None:
        raise UsageError(f"{recipe} is the recipe of a student: give --teacher FILE and --sound NAME=DIR, no --speech")
    from emotone.fitting.distillation.run import WEIGHTS, prepare, train_source
    from emotone.fitting.distillation.source_run import RUN, load_source_run
    from emotone.recipes.source_recipe import read_source_recipe

    asked = read_source_recipe(recipe)
    folders = _folders(sound, wanted=tuple(asked.sound), option="--sound", kind="sound")
    if threads is not None:
        import torch

        torch.set_num_threads(threads)
    with progress(quiet=quiet) as bar:
        prepared = prepare(asked, folders, teacher=teacher, progress=bar.stage)
        folder = out / prepared.name
        if (folder / RUN).exists() and resume:
            console.note(f"already trained with the same recipe, sound and teacher, so nothing was computed: {folder}")
        else:

            def report(score: HeldOutScore) -> None:
                bar.say(
                    f"step {score.step}: divergence {score.divergence:.4f}, "
                    f"agreement {100 * score.agreement:.1f} % on held-out sound"
                )

            def on_step(done: int, total: int) -> None:
                bar.stage("steps", done, total)

            train_source(prepared, folder, fresh=not resume, report=report, on_step=on_step)
    last = load_source_run(folder).history[-1]
    console.note(f"divergence {last.divergence:.4f}, agreement {100 * last.agreement:.1f} %")
    click.echo(folder / WEIGHTS)


def _train_encoder(
    recipe: Path, sound: tuple[str, ...], *, out: Path, resume: bool, threads: int | None, quiet: bool
) -> None:
    from emotone.cli.source_training import train_small_encoder
    from emotone.recipes.encoder_recipe import read_encoder_recipe

    asked = read_encoder_recipe(recipe)
    folders = _folders(sound, wanted=tuple(asked.sound), option="--sound", kind="sound")
    if threads is not None:
        import torch

        torch.set_num_threads(threads)
    click.echo(train_small_encoder(asked, folders, out=out, resume=resume, quiet=quiet))


def _train_recogniser(
    recipe: Path, speech: tuple[str, ...], *, out: Path, resume: bool, threads: int | None, quiet: bool
) -> None:
    from emotone.fitting.recogniser import RUN, WEIGHTS, load_recogniser_run, prepare_speech, train_recogniser
    from emotone.recipes.recogniser_recipe import read_recogniser_recipe

    asked = read_recogniser_recipe(recipe)
    folders = _folders(speech, wanted=asked.corpora, option="--speech", kind="transcribed corpus")
    if threads is not None:
        import torch

        torch.set_num_threads(threads)
    prepared = prepare_speech(asked, folders)
    for sentence in prepared.left_out[:3]:
        console.note(f"left out: {sentence}")
    if len(prepared.left_out) > 3:
        console.note(f"left out: {len(prepared.left_out) - 3} more utterances")
    folder = out / prepared.name
    if (folder / RUN).exists() and resume:
        console.note(f"already trained with the same recipe and speech, so nothing was computed: {folder}")
    else:
        with progress(quiet=quiet) as bar:
            train_recogniser(
                prepared,
                folder,
                fresh=not resume,
                progress=lambda epoch: bar.say(
                    f"epoch {epoch.number}: loss {epoch.loss:.3f}, CER {100 * epoch.metrics['cer']:.1f} %"
                ),
                on_batch=lambda done, total: bar.stage("batches", done, total),
            )
    run = load_recogniser_run(folder)
    console.note(
        f"epoch {run.best}: CER {100 * run.cer:.1f} %, WER {100 * run.wer:.1f} % on {len(run.held_out_speakers)} "
        f"held-out speakers; {run.seconds_per_hour:g} s per epoch and hour of speech"
    )
    click.echo(folder / WEIGHTS)


def _folders(given: tuple[str, ...], *, wanted: tuple[str, ...], option: str, kind: str) -> dict[str, Path]:
    from emotone.errors import UsageError, unknown_name

    folders: dict[str, Path] = {}
    for text in given:
        name, mark, folder = text.partition("=")
        if not mark or not folder:
            raise UsageError(f"{option} {text} must be NAME=DIR")
        if name not in wanted:
            raise unknown_name(f"{kind} of the recipe", name, wanted)
        folders[name] = Path(folder)
    missing = [name for name in wanted if name not in folders]
    if missing:
        raise UsageError(f"a {kind} of the recipe is missing: {', '.join(missing)}; add {option} NAME=DIR for each")
    return folders


def _published(source: Source) -> list[str]:
    """Return two lines per published file: its address and its hash."""
    lines = []
    for published in source.published:
        lines.append(f"file      {published.file}, from {published.url}")
        lines.append(f"          SHA-256 {published.sha256 or 'not published'}")
    return lines


def _summary(source: Source) -> dict[str, Any]:
    from emotone.transfer.locate import converted_path

    converted = converted_path(source.name)
    return {
        "name": source.name,
        "shipped": False,
        "title": source.title,
        "net": source.net,
        "layers": list(source.layers),
        "rate": source.rate,
        "licence": source.licence,
        "citation": source.citation,
        "converted": str(converted) if converted.exists() else None,
        "published": [{"file": file.file, "url": file.url, "sha256": file.sha256 or None} for file in source.published],
        "tensors": {name: list(shape) for name, shape in source.shapes.items()},
    }
