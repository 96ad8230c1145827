"""What `run.json` tells, from any version of it: a key that is not there is "not recorded", and never an error.

A value of another kind than expected is shown as it is, or counts as not recorded: a report is for reading.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import tomli_w

from emotone.errors import ConfigError, RunError
from emotone.evaluation.run import RUN, TABLE

if TYPE_CHECKING:
    from pathlib import Path

NOT_RECORDED = "not recorded"
SHOWN = 3  # examples of what is shared
HASH = 12  # characters of a SHA-256 that are enough to recognise it


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the leakage audit.

    Attributes:
        kind: what was looked for, e.g. "speakers".
        found: what was found, e.g. "none shared".
        clips: test recordings concerned, or None where it is not told.
        examples: the first few.

    """

    kind: str
    found: str
    clips: int | None
    examples: str


@dataclass(frozen=True)
class About:
    """The description of a run.

    Attributes:
        told: `run.json` as it is.

    """

    told: Mapping[str, Any]

    @property
    def recipe(self) -> Mapping[str, Any]:
        """The recipe that was trained; empty for a finished model, or where it is not recorded."""
        return self._mapping("recipe")

    @property
    def model(self) -> Mapping[str, Any]:
        """The finished model that was judged; empty for a recipe."""
        return self._mapping("model")

    @property
    def protocol(self) -> Mapping[str, Any]:
        """The protocol's record."""
        return self._mapping("protocol")

    @property
    def trained_on(self) -> tuple[str, ...]:
        """Tested corpora that the finished model was trained on."""
        given = self.protocol.get("trained_on")
        return tuple(map(str, given)) if isinstance(given, list) else ()

    @property
    def clean(self) -> bool | None:
        """What the leakage audit came to; None where that is not recorded."""
        value = self._mapping("leakage").get("clean")
        return value if isinstance(value, bool) else None

    @property
    def system(self) -> str:
        """What was evaluated, in a few words."""
        if self.model:
            return " ".join(str(self.model[key]) for key in ("name", "version") if key in self.model)
        return str(self.recipe.get("name", NOT_RECORDED))

    def what(self) -> str:
        """Return what was evaluated, as a sentence."""
        if self.model:
            digest = str(self.model.get("sha256", NOT_RECORDED))[:HASH]
            return f"the finished model {self.system} (SHA-256 {digest})"
        if not self.recipe:
            return NOT_RECORDED
        return ": ".join(
            ["the recipe " + self.system, *filter(None, [str(self.recipe.get("description", "")).rstrip(".")])]
        )

    def how(self) -> str:
        """Return how recordings were judged."""
        usual = "by the engine that emotone predict uses" if self.recipe or self.model else ""
        if "classifier" in self.recipe:
            usual = "by the classifier, from functionals of whole recordings"
        return str(self.told.get("how") or usual or NOT_RECORDED)

    def normalisation(self) -> str:
        """Return how features were scaled, where the run tells."""
        for place in (self.protocol, self.told, self.recipe):
            if place.get("normalisation"):
                return _plain(place["normalisation"])
        return NOT_RECORDED

    def problems(self) -> tuple[tuple[str, str], ...] | None:
        """Return recordings that were left out, each with the reason; None where that is not recorded."""
        given = self.told.get("problems")
        if not isinstance(given, list):
            return None
        return tuple(
            (str(item.get("key", NOT_RECORDED)), str(item.get("message", NOT_RECORDED)))
            if isinstance(item, dict)
            else (str(item), NOT_RECORDED)
            for item in given
        )

    def leakage(self) -> tuple[Finding, ...] | None:
        """Return the leakage audit, whatever kinds it has; None where there is none."""
        given = self.told.get("leakage")
        if not isinstance(given, dict):
            return None
        shared = given.get("shared")
        kinds = shared.items() if isinstance(shared, dict) else ()
        findings = [_finding(kind, value, word=" shared") for kind, value in kinds]
        return (*findings, *(_finding(kind, value) for kind, value in given.items() if kind != "shared"))

    def shortcuts(self) -> tuple[Mapping[str, Any], ...]:
        """Return how far simple cues alone would get; empty where that is not recorded."""
        given = self.told.get("shortcuts")
        return tuple(item for item in given if isinstance(item, dict)) if isinstance(given, list) else ()

    def command(self, corpora: tuple[str, ...], *, protocol: str, seeds: int) -> str:
        """Return the command that does it again."""
        if self.told.get("again"):
            return str(self.told["again"])
        given = " ".join(f"--corpus {shlex.quote(corpus)}=DIR" for corpus in corpora)
        if self.model:
            return f"emotone evaluate {shlex.quote(str(self.model.get('name', 'MODEL')))} {given}"
        repeats = f" --seeds {seeds}" if seeds > 1 else ""
        recipe = shlex.quote(f"{self.recipe.get('name', 'RECIPE')}.toml")
        return f"emotone evaluate {recipe} {given} --protocol {shlex.quote(protocol)}{repeats}"

    def recipe_toml(self) -> str:
        """Return the recipe as the file that `emotone evaluate` reads; empty where there is none."""
        return tomli_w.dumps(_without_nulls(self.recipe)) if self.recipe and not self.told.get("again") else ""

    def _mapping(self, key: str) -> Mapping[str, Any]:
        value = self.told.get(key)
        return value if isinstance(value, dict) else {}


def read_about(folder: Path) -> About:
    """Return what `run.json` of a finished evaluation tells.

    Raises:
        RunError: no finished evaluation there.
        ConfigError: `run.json` can't be read.

    """
    if not (folder / RUN).is_file() or not (folder / TABLE).is_file():
        raise RunError(f"{folder} holds no finished evaluation; give the folder that `emotone evaluate` printed")
    try:
        told: Any = json.loads((folder / RUN).read_text(encoding="utf-8"))
    except ValueError as error:
        raise ConfigError(f"{folder / RUN} is not valid JSON: {error}") from error
    if not isinstance(told, dict):
        raise ConfigError(f"{folder / RUN} does not describe an evaluation: it is no JSON object")
    return About(told)


def _finding(kind: str, value: Any, *, word: str = "") -> Finding:
    """Return a line for any record: `{"items", "clips"}`, a list, a mapping of lists or others, or a plain value."""
    name = _spoken(kind)
    if isinstance(value, dict) and "items" in value:
        if value["items"] is None:
            return Finding(name, "not known", None, "")
        found = _finding(kind, value["items"], word=word)
        return Finding(name, found.found, _count(value.get("clips")), found.examples)
    if isinstance(value, list) or (isinstance(value, dict) and all(map(_holds_more, value.values()))):
        examples = [_plain(item) for item in value] if isinstance(value, list) else _pairs(value)
        return Finding(name, f"{len(examples) or 'none'}{word}", None, _some(examples))
    if isinstance(value, dict):
        pairs = _pairs({key: inner for key, inner in value.items() if key != "clips"})
        return Finding(name, "; ".join(pairs), _count(value.get("clips")), "")
    return Finding(name, _plain(value), None, "")


def _plain(value: Any) -> str:
    """Return any JSON value in words."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return _some([_plain(item) for item in value]) or "none"
    if isinstance(value, dict):
        return "; ".join(_pairs(value))
    return "not known" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


def _pairs(value: Mapping[str, Any]) -> list[str]:
    return [f"{_spoken(key)}: {_plain(inner)}" for key, inner in value.items()]


def _spoken(name: str) -> str:
    """Return a key of JSON in words."""
    return name.replace("_", " ")


def _some(texts: list[str]) -> str:
    more = [f"and {len(texts) - SHOWN} more"] if len(texts) > SHOWN else []
    return ", ".join([*texts[:SHOWN], *more])


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) else None


def _holds_more(value: Any) -> bool:
    return isinstance(value, list | dict)


def _without_nulls(value: Any) -> Any:
    """Return a value that TOML can hold: without what is null."""
    if isinstance(value, Mapping):
        return {key: _without_nulls(inner) for key, inner in value.items() if inner is not None}
    return [_without_nulls(inner) for inner in value if inner is not None] if isinstance(value, list) else value
