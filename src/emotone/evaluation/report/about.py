"""The description of a run, from any version of `run.json`.

Missing keys are "not recorded", never an error. Values of an unexpected type are shown unchanged or count as not
recorded.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import tomli_w

NOT_RECORDED = "not recorded"
MAX_EXAMPLES = 3  # of items that training and test parts share
HASH = 12  # characters of a SHA-256 that are shown


@dataclass(frozen=True, slots=True)
class AuditLine:
    """One line of the leakage audit.

    Attributes:
        kind: what was compared, e.g. "speakers".
        found: result, e.g. "none shared".
        clips: number of affected test recordings; None if not recorded.
        examples: the first items.

    """

    kind: str
    found: str
    clips: int | None
    examples: str


@dataclass(frozen=True)
class RunDescription:
    """The description of a run.

    Attributes:
        about: the content of `run.json`.

    """

    about: Mapping[str, Any]

    @property
    def recipe(self) -> Mapping[str, Any]:
        """The recipe; empty for a finished model, or if not recorded."""
        return self._mapping("recipe")

    @property
    def model(self) -> Mapping[str, Any]:
        """The finished model; empty for a recipe."""
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
        """Whether the leakage audit found no problem; None if not recorded."""
        value = self._mapping("leakage").get("clean")
        return value if isinstance(value, bool) else None

    @property
    def system(self) -> str:
        """Name of the evaluated system."""
        if self.model:
            return " ".join(str(self.model[key]) for key in ("name", "version") if key in self.model)
        return str(self.recipe.get("name", NOT_RECORDED))

    def what(self) -> str:
        """Return a description of the evaluated system."""
        if self.model:
            digest = str(self.model.get("sha256", NOT_RECORDED))[:HASH]
            return f"finished model {self.system} (SHA-256 {digest})"
        if not self.recipe:
            return NOT_RECORDED
        return ": ".join(
            ["recipe " + self.system, *filter(None, [str(self.recipe.get("description", "")).rstrip(".")])]
        )

    def method(self) -> str:
        """Return how predictions were made."""
        usual = "inference engine of emotone predict" if self.recipe or self.model else ""
        if "classifier" in self.recipe:
            usual = "classifier on functionals of whole recordings"
        return str(self.about.get("how") or usual or NOT_RECORDED)

    def normalisation(self) -> str:
        """Return how features were scaled, if recorded."""
        for mapping in (self.protocol, self.about, self.recipe):
            if mapping.get("normalisation"):
                return _plain(mapping["normalisation"])
        return NOT_RECORDED

    def problems(self) -> tuple[tuple[str, str], ...] | None:
        """Return excluded recordings with the reason; None if not recorded."""
        given = self.about.get("problems")
        if not isinstance(given, list):
            return None
        return tuple(
            (str(item.get("key", NOT_RECORDED)), str(item.get("message", NOT_RECORDED)))
            if isinstance(item, dict)
            else (str(item), NOT_RECORDED)
            for item in given
        )

    def leakage(self) -> tuple[AuditLine, ...] | None:
        """Return the leakage audit; None if there is none."""
        given = self.about.get("leakage")
        if not isinstance(given, dict):
            return None
        shared = given.get("shared")
        kinds = shared.items() if isinstance(shared, dict) else ()
        findings = [_finding(kind, value, word=" shared") for kind, value in kinds]
        return (*findings, *(_finding(kind, value) for kind, value in given.items() if kind != "shared"))

    def shortcuts(self) -> tuple[Mapping[str, Any], ...]:
        """Return the baselines that use simple cues; empty if not recorded."""
        given = self.about.get("shortcuts")
        return tuple(item for item in given if isinstance(item, dict)) if isinstance(given, list) else ()

    def command(self, corpora: tuple[str, ...], *, protocol: str, seeds: int) -> str:
        """Return the command that repeats the evaluation."""
        if self.about.get("again"):
            return str(self.about["again"])
        given = " ".join(f"--corpus {shlex.quote(corpus)}=DIR" for corpus in corpora)
        if self.model:
            return f"emotone evaluate {shlex.quote(str(self.model.get('name', 'MODEL')))} {given}"
        repeats = f" --seeds {seeds}" if seeds > 1 else ""
        recipe = shlex.quote(f"{self.recipe.get('name', 'RECIPE')}.toml")
        return f"emotone evaluate {recipe} {given} --protocol {shlex.quote(protocol)}{repeats}"

    def recipe_toml(self) -> str:
        """Return the recipe as a file for `emotone evaluate`; empty if there is none."""
        return tomli_w.dumps(_without_nulls(self.recipe)) if self.recipe and not self.about.get("again") else ""

    def _mapping(self, key: str) -> Mapping[str, Any]:
        value = self.about.get(key)
        return value if isinstance(value, dict) else {}


def _finding(kind: str, value: Any, *, word: str = "") -> AuditLine:
    """Return the line of a record: `{"items", "clips"}`, a list, a mapping of lists or others, or a plain value."""
    name = _words(kind)
    if isinstance(value, dict) and "items" in value:
        if value["items"] is None:
            return AuditLine(name, "unknown", None, "")
        found = _finding(kind, value["items"], word=word)
        return AuditLine(name, found.found, _count(value.get("clips")), found.examples)
    if isinstance(value, list) or (isinstance(value, dict) and all(map(_is_nested, value.values()))):
        examples = [_plain(item) for item in value] if isinstance(value, list) else _pairs(value)
        return AuditLine(name, f"{len(examples) or 'none'}{word}", None, _some(examples))
    if isinstance(value, dict):
        pairs = _pairs({key: inner for key, inner in value.items() if key != "clips"})
        return AuditLine(name, "; ".join(pairs), _count(value.get("clips")), "")
    return AuditLine(name, _plain(value), None, "")


def _plain(value: Any) -> str:
    """Return a JSON value as text."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return _some([_plain(item) for item in value]) or "none"
    if isinstance(value, dict):
        return "; ".join(_pairs(value))
    return "unknown" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


def _pairs(value: Mapping[str, Any]) -> list[str]:
    return [f"{_words(key)}: {_plain(inner)}" for key, inner in value.items()]


def _words(name: str) -> str:
    """Return a JSON key as words."""
    return name.replace("_", " ")


def _some(texts: list[str]) -> str:
    more = [f"and {len(texts) - MAX_EXAMPLES} more"] if len(texts) > MAX_EXAMPLES else []
    return ", ".join([*texts[:MAX_EXAMPLES], *more])


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) else None


def _is_nested(value: Any) -> bool:
    return isinstance(value, list | dict)


def _without_nulls(value: Any) -> Any:
    """Return a value for TOML, without nulls."""
    if isinstance(value, Mapping):
        return {key: _without_nulls(inner) for key, inner in value.items() if inner is not None}
    return [_without_nulls(inner) for inner in value if inner is not None] if isinstance(value, list) else value
