"""`emotone recipes`: list the shipped recipes, and show them as TOML."""

from __future__ import annotations

import click

from emotone.cli import console


@click.group(
    epilog="""\b
Examples:
  emotone recipes list
  emotone recipes show default > mine.toml"""
)
def command() -> None:
    """List the shipped recipes, and show them as templates for your own."""


@command.command("list")
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


@command.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(name: str, *, as_json: bool) -> None:
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
