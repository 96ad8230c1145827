"""`emotone nets`: every architecture, its layers and where it is from. Needs no torch."""

from __future__ import annotations

from typing import Any

import click

from emotone.cli import _say

BANDS, CLASSES = 64, 7  # the size that tables are printed for unless told otherwise


@click.group()
def command() -> None:
    """List architectures and show their layer tables."""


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_nets(*, as_json: bool) -> None:
    """List every net with its number of parameters."""
    from emotone.nets.base import NETS

    found = [_summary(name) for name in NETS.names]
    if as_json:
        _say.print_json(found)
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("net", "parameters", "receptive field", "from", "what it is")
    for net in found:
        field = f"{net['receptive_field']} frames"
        table.add_row(net["name"], f"{net['parameters']:,}", field, net["paper"], net["title"])
    Console().print(table)


@command.command()
@click.argument("name")
@click.option("--bands", default=BANDS, show_default=True, help="Values per frame of the input.")
@click.option("--classes", default=CLASSES, show_default=True, help="Number of labels.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(name: str, *, bands: int, classes: int, as_json: bool) -> None:
    """Show the layer table of one net, e.g. `emotone nets show log-mel-cnn`."""
    if bands < 1 or classes < 2:
        raise click.UsageError(f"--bands must be at least 1 and --classes at least 2; given {bands} and {classes}")
    summary = _summary(name, bands=bands, classes=classes)
    if as_json:
        _say.print_json(summary)
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("layer", "what it does", "output", "parameters", title=f"{name}: {summary['title']}")
    for layer in summary["layers"]:
        table.add_row(layer["name"], layer["kind"], layer["output"], f"{layer['parameters']:,}")
    table.add_row("all", "", "", f"{summary['parameters']:,}", style="bold")
    console = Console()
    console.print(table)
    console.print(f"T: frames of the input, {bands} values each. A step sees {summary['receptive_field']} frames.")
    console.print(f"From: {summary['paper']}")


def _summary(name: str, *, bands: int = BANDS, classes: int = CLASSES) -> dict[str, Any]:
    from dataclasses import asdict

    from emotone.config import to_mapping
    from emotone.nets.base import NETS, parameters, receptive_field

    spec = NETS.get(name)()
    layers = spec.layers(bands, classes)
    return {
        "name": name,
        "title": spec.title,
        "paper": spec.paper,
        "parameters": parameters(layers),
        "receptive_field": receptive_field(layers),
        "settings": to_mapping(spec),
        "layers": [asdict(layer) for layer in layers],
    }
