"""What is kept of a source among the results: its run, what its layers tell, and notes; its card is made from them."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from emotone.errors import RunError
from emotone.files import atomic_write
from emotone.fitting.distillation.card import source_card
from emotone.fitting.distillation.probe import Comparison, Probe
from emotone.fitting.distillation.run import RUN, load_source_run

if TYPE_CHECKING:
    from pathlib import Path

PROBES, NOTES = "probes.json", "NOTES.md"
SCHEMA = "emotone.probes/1"


def save_results(run_folder: Path, comparisons: tuple[Comparison, ...], folder: Path, *, signature: str) -> None:
    """Write `run.json` and `probes.json` of a finished source into a folder, but not the weights.

    Args:
        run_folder: of the training.
        comparisons: of its student.
        folder: of results, named after the source.
        signature: of the training.

    """
    text = (run_folder / RUN).read_text(encoding="utf-8")
    with atomic_write(folder / RUN, text=True) as stream:
        stream.write(text)
    found = {"schema": SCHEMA, "signature": signature, "comparisons": [asdict(one) for one in comparisons]}
    with atomic_write(folder / PROBES, text=True) as stream:
        stream.write(json.dumps(found, indent=1) + "\n")


def results_card(folder: Path) -> str:
    """Return the card of a source as its results tell it; `NOTES.md` there, if any, ends it.

    Raises:
        RunError: no results of a source, or the probes are of another training.

    """
    run, (probed, comparisons) = load_source_run(folder), _read_probes(folder)
    if probed != run.signature:
        raise RunError(f"{folder / PROBES} is of the training {probed}, {RUN} beside it of {run.signature}")
    notes = folder / NOTES
    return source_card(run, comparisons, notes=notes.read_text(encoding="utf-8") if notes.exists() else "")


def load_probes(folder: Path) -> tuple[Comparison, ...]:
    """Return the comparisons in a folder of results, or raise `RunError`."""
    return _read_probes(folder)[1]


def _read_probes(folder: Path) -> tuple[str, tuple[Comparison, ...]]:
    """Return the signature of the training, and the comparisons."""
    path = folder / PROBES
    try:
        text = json.loads(path.read_text(encoding="utf-8"))
        if text["schema"] != SCHEMA:
            raise RunError(f"{path} has schema {text['schema']!r}; this version reads {SCHEMA!r}")
        return str(text["signature"]), tuple(_comparison(item) for item in text["comparisons"])
    except OSError as error:
        raise RunError(f"{folder} holds no probes of a source (no {PROBES})") from error
    except (json.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise RunError(f"{path} can't be read as probes: {error!r}") from error


def _comparison(item: dict[str, object]) -> Comparison:
    probes = item["probes"]
    unheard = item["unheard"]
    if not isinstance(probes, dict) or not isinstance(unheard, list):
        raise TypeError("probes are no mapping")
    made = {
        name: tuple(Probe(**{**one, "layers": tuple(one["layers"])}) for one in found) for name, found in probes.items()
    }
    return Comparison(**{**item, "probes": made, "unheard": tuple(unheard)})  # type: ignore[arg-type]
