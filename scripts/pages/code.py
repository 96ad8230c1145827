"""Pages that are generated from the code: commands, corpora, models, nets and errors; and the stored layer tables."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

import emotone.audio.identify  # noqa: F401  (defines errors of its own)
from emotone.bundles import library
from emotone.bundles.contents import CARD
from emotone.cli.main import cli
from emotone.corpora.base import CORPORA, Corpus
from emotone.corpora.labels import label_set
from emotone.corpora.resolve import Selection, selections_of
from emotone.errors import AudioError, EmotoneError
from emotone.nets.base import NETS
from emotone.nets.layers import (
    derive_layers,
    layer_table,
    parameter_count,
    receptive_field,
    table_identity,
)
from emotone.recipes.library import shipped_recipes
from emotone.recipes.recipe import Recipe
from emotone.reproductions.document import document, markdown_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from emotone.nets.base import NetSpec


# ----------------------------------------------------------------------------------------------------------------------
# Pages that are generated from the code: commands, corpora, models, nets and errors.

WIDTH = 100  # characters per line of help pages
BANDS, CLASSES = 64, 7  # the size that layer tables are printed for


def commands() -> str:
    """Return every help page."""
    lines = [
        "# Commands",
        "",
        "Results go to standard output, everything else to standard error. Exit status: 0 all done; 1 some inputs",
        "failed; 2 wrong usage, or nothing could be done.",
    ]
    for name, text in _help_pages(cli, "emotone", None):
        lines += ["", f"## {name}", "", "```text", text, "```"]
    return document(lines)


def corpora() -> str:
    """Return the description of every corpus."""
    known = CORPORA.all()
    lines = [
        "# Corpora",
        "",
        "emotone does not include any corpus: get it from its owners, and observe its licence.",
        "`emotone corpora check NAME DIR` checks whether your copy is complete. Any other corpus is given as a",
        "table: see [own-data.md](own-data.md).",
        "",
        "A *selection* is the clips that a publication used, where a label set does not define them.",
        "",
        *markdown_table(
            ("name", "clips", "speakers", "languages", "licence", "may weights be shipped?"),
            (
                (
                    f"[{name}](#{name})",
                    f"{corpus.clips or 'not known'}",
                    f"{corpus.speaker_count or 'not known'}",
                    ", ".join(corpus.languages),
                    corpus.licence.name,
                    "yes" if corpus.licence.weights_shippable else "no",
                )
                for name, corpus in known.items()
            ),
        ),
    ]
    for name, corpus in known.items():
        lines += ["", f"## {name}", "", *_corpus(corpus)]
    return document(lines)


def models() -> str:
    """Return the cards of the shipped models."""
    lines = [
        "# Models",
        "",
        "The cards of the shipped models; `emotone models show NAME` prints the same text. Each model is a folder as",
        "described in [bundle.md](bundle.md).",
    ]
    bundles = {name: library.load(name) for name in library.shipped_names()}
    if bundles:
        lines += [
            "",
            *markdown_table(
                ("name", "version", "labels", "trained on", "licence of the weights"),
                (
                    (
                        name,
                        bundle.manifest.version,
                        ", ".join(bundle.labels),
                        ", ".join(bundle.manifest.training.corpora),
                        bundle.manifest.licence,
                    )
                    for name, bundle in bundles.items()
                ),
            ),
        ]
    for bundle in bundles.values():
        card = (bundle.directory / CARD).read_text(encoding="utf-8")
        lines += ["", *(f"#{line}" if line.startswith("#") else line for line in card.rstrip().splitlines())]
    return document(lines)


def nets() -> str:
    """Return the layer table of every architecture."""
    lines = [
        "# Network architectures",
        "",
        f"Layer tables for {BANDS} values per frame and {CLASSES} labels. T is the number of input frames. The",
        "receptive field is the number of frames that one step depends on, before pooling over time.",
        "`emotone nets show NAME` prints the table of an architecture or of a recipe; tables of other sizes need",
        "the extra `train`.",
    ]
    for name in NETS.names:
        spec = NETS.get(name)()
        layers = layer_table(spec, BANDS, CLASSES)
        rows = ((layer.name, layer.kind, layer.output, f"{layer.parameters:,}") for layer in layers)
        lines += [
            "",
            f"## {name}",
            "",
            f"{spec.title if spec.title.startswith(name) else spec.title[0].upper() + spec.title[1:]}.",
            f"Source: {spec.paper}.",
            f"{parameter_count(layers):,} parameters; receptive field of {receptive_field(layers)} frames.",
            "",
            *markdown_table(("layer", "operation", "output", "parameters"), rows),
        ]
    return document(lines)


def errors() -> str:
    """Return every error with its code."""
    rows = ((f"`{error.code}`", f"`{error.__name__}`", _effect(error), _summary(error)) for error in _leaves())
    lines = [
        "# Errors",
        "",
        "Every error that emotone raises on purpose is an `emotone.EmotoneError`. Its message is one line: what was",
        "given, what is allowed, and how to fix it. Its `code` is a short word for scripts. The result of a failed",
        'recording contains the code: `{"error": {"code", "message"}}`. A traceback from the command is a defect of',
        "emotone: please report it.",
        "",
        *markdown_table(("code", "class", "affects", "cause"), rows),
        "",
        "Two more codes occur only in results: `worker_died` if a process was killed while it analysed a recording,",
        "and `memory` if there was not enough memory. A recording that needs an extra to be decoded fails alone, with",
        "`missing_extra`.",
    ]
    return document(lines)


def _help_pages(command: click.Command, name: str, parent: click.Context | None) -> Iterator[tuple[str, str]]:
    settings = {} if parent else cli.context_settings
    context = click.Context(
        command, info_name=name, parent=parent, terminal_width=WIDTH, max_content_width=WIDTH, **settings
    )
    yield context.command_path, command.get_help(context)
    if isinstance(command, click.Group):
        for child in command.list_commands(context):
            found = command.get_command(context, child)
            if found is not None:
                yield from _help_pages(found, child, context)


def _corpus(corpus: Corpus) -> list[str]:
    counts = ", ".join(label if count is None else f"{label} {count}" for label, count in corpus.counts.items())
    return [
        f"{corpus.title}.",
        "",
        f"- **Clips**: {corpus.clips or 'not known'}: {counts}",
        f"- **Speakers**: {corpus.speaker_count or 'not known'}; languages: {', '.join(corpus.languages)}",
        f"- **Licence**: {corpus.licence.name}. {corpus.licence.note}",
        f"- **Access**: {corpus.access}",
        f"- **Layout**: {corpus.layout}",
        f"- **Parser**: {corpus.evidence}",
        f"- **Cite**: {corpus.citation}",
        *(_selection(selection) for selection in selections_of(corpus.name)),
    ]


def _selection(selection: Selection) -> str:
    counts = ", ".join(f"{label} {count}" for label, count in selection.published.items())
    about = f"{selection.description}: {counts} in the publication. {selection.note} From: {selection.citation}"
    return f"- **Selection** `{selection.name}`: {about}"


def _leaves() -> Iterator[type[EmotoneError]]:
    """Yield every error below the root, each kind before its own kinds."""
    waiting = EmotoneError.__subclasses__()
    while waiting:
        error = waiting.pop(0)
        yield error
        waiting = error.__subclasses__() + waiting


def _effect(error: type[EmotoneError]) -> str:
    return "one recording" if issubclass(error, AudioError) else "the command (status 2)"


def _summary(error: type[EmotoneError]) -> str:
    return (error.__doc__ or "").strip().splitlines()[0]


def layer_tables() -> str:
    """Return the layer tables that are stored with the package: of every architecture and every shipped recipe."""
    entries: dict[str, Any] = {}
    for spec, dimension, classes in _networks():
        key = json.dumps(table_identity(spec, dimension, classes), sort_keys=True)
        if key not in entries:
            layers = ",\n".join(json.dumps(asdict(layer)) for layer in derive_layers(spec, dimension, classes))
            entries[key] = f'{{{key[1:-1]}, "layers": [\n{layers}\n]}}'
    return "[\n{}\n]\n".format(",\n".join(entries.values()))


def _networks() -> Iterator[tuple[NetSpec, int, int]]:
    """Yield every network whose table is stored, with its values per frame and its number of classes."""
    for name in NETS.names:
        yield NETS.get(name)(), BANDS, CLASSES
    for recipe in shipped_recipes():
        if isinstance(recipe, Recipe):
            yield recipe.net_spec, recipe.feature.dimension, len(label_set(recipe.labels).labels)
