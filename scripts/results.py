"""Change the runs that the repository stores under results/: python -m scripts.results add|remove|rename|list ...

    add DIR [--into KEY]            a run's folder, or a folder of runs with the rows of tables, as `emotone reproduce`
                                    writes it (--into is then the folder's name)
    remove NAME... [--into KEY]     runs
    rename OLD NEW [--into KEY]     a run; if its name starts with that of its recipe or model, that is renamed too
    list [--into KEY]               the names of the runs

KEY is a publication or another folder of runs under results/, such as transfer-curves; without it, the runs are those
of the shipped models and recipes. Afterwards: make docs.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from scripts.pages.markdown import RESULTS

from emotone.errors import EmotoneError, RunError
from emotone.reproductions.base import PAPERS
from emotone.reproductions.stored import store_figure, store_rows, stored_figure, stored_rows
from emotone.scoring.finished_run import finished_runs, is_finished, read_description, write_description
from emotone.scoring.packed_runs import pack, packed_names, remove_packed, unpack


def add(folder: Path, *, into: str = "", results: Path = RESULTS) -> list[str]:
    """Pack a run, or all runs of a folder with the rows of its tables, and return the names of the runs.

    Args:
        folder: of a run, or of runs; it is not changed.
        into: folder below the results; "" for the runs of models and recipes, and for a folder of runs its own name.
        results: folder of results.

    Raises:
        RunError: there is no finished run in the folder.

    """
    if is_finished(folder):
        pack(results / into, [folder])
        return [folder.name]
    packed = packed_names(folder)
    runs = [run for run in finished_runs(folder) if run.name not in packed]
    if not runs:
        raise RunError(f"{folder} contains no finished run in a folder of its own")
    key = into or folder.name
    pack(results / key, runs)
    if key in PAPERS.names:
        paper = PAPERS.get(key)
        for table in paper.tables:
            rows = stored_rows(folder, table)
            if rows:
                store_rows(paper, table, rows, out=results)
        for figure in paper.figures:
            data = stored_figure(paper, figure.name, results=folder.parent)
            if data is not None:
                store_figure(paper, figure, data, out=results)
    return [run.name for run in runs]


def rename(old: str, new: str, *, into: str = "", results: Path = RESULTS) -> None:
    """Rename a packed run, and its recipe or model if the run's name starts with its name.

    Raises:
        RunError: no such run, or the new name exists.

    """
    root = results / into
    names = packed_names(root)
    if old not in names or new in names:
        raise RunError(f"{root} has no packed run '{old}'" if old not in names else f"{root} has '{new}' already")
    with tempfile.TemporaryDirectory() as made:
        copy = Path(made) / new
        unpack(root / old, copy)
        about = read_description(copy)
        system = about.get("recipe") or about.get("model")
        if system is not None and old.startswith(system["name"]):
            rest = old.removeprefix(system["name"])
            if new.endswith(rest):
                system["name"] = new.removesuffix(rest)
                write_description(copy, about)
        pack(root, [copy])
    remove_packed(root, [old])


def main(arguments: list[str] | None = None, *, results: Path = RESULTS) -> int:
    """Return the exit status: 1 if a run is not there."""
    parser = argparse.ArgumentParser(description="Change the runs that are stored under results/.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, operands in (("add", ("dir",)), ("remove", ("names",)), ("rename", ("old", "new")), ("list", ())):
        command = commands.add_parser(name)
        command.add_argument("--into", default="", metavar="KEY", help="folder below results/, such as a publication")
        for operand in operands:
            command.add_argument(operand, nargs="+" if operand == "names" else None)
    given = parser.parse_args(arguments)
    try:
        if given.command == "add":
            print(*add(Path(given.dir), into=given.into, results=results), sep="\n")
        elif given.command == "remove":
            remove_packed(results / given.into, given.names)
        elif given.command == "rename":
            rename(given.old, given.new, into=given.into, results=results)
        else:
            print(*packed_names(results / given.into), sep="\n")
    except EmotoneError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
