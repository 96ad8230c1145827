"""`emotone recipes`: what can be evaluated without writing anything."""

from __future__ import annotations

import click

from emotone.cli import console as _say


@click.group()
def command() -> None:
    """List the recipes that come with emotone, and show them to start your own from."""


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_recipes(*, as_json: bool) -> None:
    """List every recipe, e.g. for `emotone evaluate is10-linear-svm --corpus NAME=DIR`."""
    from emotone.recipes.library import shipped_recipes

    found = [
        {"name": recipe.name, "labels": recipe.labels, "description": recipe.description}
        for recipe in shipped_recipes()
    ]
    if as_json:
        _say.print_json(found)
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("recipe", "labels", "what it is")
    for recipe in found:
        table.add_row(recipe["name"], recipe["labels"], recipe["description"])
    Console().print(table)


@command.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(name: str, *, as_json: bool) -> None:
    """Show one recipe with every setting written out, as TOML to change and give to `emotone evaluate`."""
    import tomli_w

    from emotone.config import to_mapping
    from emotone.recipes.library import load_recipe

    told = to_mapping(load_recipe(name).written_out())
    if as_json:
        _say.print_json(told)
    else:
        click.echo(tomli_w.dumps(told), nl=False)
