"""`emotone recipes` and `emotone nets`: list and show the shipped recipes, and network architectures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from emotone.cli import console

if TYPE_CHECKING:
    from emotone.nets.base import NetSpec


@click.group(
    epilog="""\b
Examples:
  emotone recipes list
  emotone recipes show default > mine.toml"""
)
def recipes() -> None:
    """List the shipped recipes, and show them as templates for your own."""


@recipes.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_recipes(*, as_json: bool) -> None:
    """List all shipped recipes.

    \b
    Examples:
      emotone recipes list
      emotone evaluate --recipe is10-linear-svm --corpus emodb=~/corpora/emodb
    """
    from emotone.recipes.library import shipped_recipes

    found = [
        {"name": recipe.name, "labels": recipe.labels, "description": recipe.description}
        for recipe in shipped_recipes()
    ]
    if as_json:
        console.print_json(found)
        return
    from rich.table import Table

    table = Table("recipe", "labels", "description")
    for recipe in found:
        table.add_row(recipe["name"], recipe["labels"], recipe["description"])
    console.print_table(table)


@recipes.command("show")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show_recipe(name: str, *, as_json: bool) -> None:
    """Show a recipe as TOML with all defaults filled in.

    NAME is the name of a shipped recipe, a TOML file, or one of the recipes in a file of several (FILE.toml:NAME).

    \b
    Examples:
      emotone recipes show default > mine.toml
      emotone recipes show experiments.toml:small-steps
      emotone evaluate --recipe mine.toml --corpus calls=calls.csv
    """
    import tomli_w

    from emotone.config import to_mapping
    from emotone.recipes.library import load_recipe

    settings = to_mapping(load_recipe(name).written_out())
    if as_json:
        console.print_json(settings)
    else:
        click.echo(tomli_w.dumps(settings), nl=False)


BANDS, CLASSES = 64, 7  # default size of the tables


@click.group(
    epilog="""\b
Examples:
  emotone nets list
  emotone nets show log-mel-cnn
  emotone nets show anger-soundnet"""
)
def nets() -> None:
    """List network architectures and show their layer tables."""


@nets.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_nets(*, as_json: bool) -> None:
    """List all network architectures with their number of parameters."""
    from emotone.nets.base import NETS

    networks = [_summary(name, NETS.get(name)(), bands=BANDS, classes=CLASSES) for name in NETS.names]
    if as_json:
        console.print_json(networks)
        return
    from rich.table import Table

    table = Table("network", "parameters", "receptive field", "source", "description")
    for net in networks:
        field = f"{net['receptive_field']} frames"
        table.add_row(net["name"], f"{net['parameters']:,}", field, net["paper"], net["title"])
    console.print_table(table)


@nets.command("show")
@click.argument("name")
@click.option("--bands", type=int, help=f"Values per frame of the input.  [default: {BANDS}, or the recipe's]")
@click.option("--classes", type=int, help=f"Number of labels.  [default: {CLASSES}, or the recipe's]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show_net(name: str, *, bands: int | None, classes: int | None, as_json: bool) -> None:
    """Show the layer table of a network.

    NAME is an architecture, or a recipe, whose network is shown with its settings.

    Tables of other sizes or settings than those of shipped recipes need the extra `train`.

    \b
    Examples:
      emotone nets show log-mel-cnn --bands 40
      emotone nets show anger-soundnet
      emotone nets show mine.toml
    """
    spec, of_recipe = _net(name)
    known_bands, known_classes = of_recipe or (BANDS, CLASSES)
    bands, classes = known_bands if bands is None else bands, known_classes if classes is None else classes
    if bands < 1 or classes < 2:
        raise click.UsageError(f"--bands must be at least 1 and --classes at least 2; given {bands} and {classes}")
    summary = _summary(name, spec, bands=bands, classes=classes)
    if as_json:
        console.print_json(summary)
        return
    from rich.table import Table

    table = Table("layer", "operation", "output", "parameters", title=f"{name}: {summary['title']}")
    for layer in summary["layers"]:
        table.add_row(layer["name"], layer["kind"], layer["output"], f"{layer['parameters']:,}")
    table.add_row("total", "", "", f"{summary['parameters']:,}", style="bold")
    console.print_table(table)
    values = "one sample each" if bands == 1 else f"{bands} values each"
    click.echo(f"T: frames of the input, {values}. Receptive field: {summary['receptive_field']} frames.")
    click.echo(f"Source: {summary['paper']}")


def _net(name: str) -> tuple[NetSpec, tuple[int, int] | None]:
    """Return a network; for that of a recipe also the values per frame and the number of labels."""
    from emotone.nets.base import NETS
    from emotone.recipes.library import load_net_recipe, parse_place, shipped_names

    if name in NETS.names or not (parse_place(name) or name in shipped_names()):
        return NETS.get(name)(), None
    from emotone.corpora.labels import label_set

    recipe = load_net_recipe(name)
    return recipe.net_spec, (recipe.feature.dimension, len(label_set(recipe.labels).labels))


def _summary(name: str, spec: Any, *, bands: int, classes: int) -> dict[str, Any]:
    from dataclasses import asdict

    from emotone.config import to_mapping
    from emotone.nets.layers import layer_table, parameter_count, receptive_field

    layers = layer_table(spec, bands, classes)
    return {
        "name": name,
        "title": spec.title,
        "paper": spec.paper,
        "parameters": parameter_count(layers),
        "receptive_field": receptive_field(layers),
        "settings": to_mapping(spec),
        "layers": [asdict(layer) for layer in layers],
    }
