"""The models of a server, loaded and checked before the first request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from emotone.bundles.library import shipped_names
from emotone.errors import ConfigError, unknown_name
from emotone.inference.model import load

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from emotone.inference.model import Model

DEFAULT = "default"


@dataclass(frozen=True)
class ServedModels:
    """Models by name; their files are not read again.

    Attributes:
        by_name: at least one model.
        default: name of the one that is used where a client names none.

    """

    by_name: Mapping[str, Model]
    default: str

    def get(self, name: str | None) -> Model:
        """Return a model by its name; None is the default.

        Raises:
            UnknownNameError: the server has no such model.

        """
        found = self.by_name.get(self.default if name is None else name)
        if found is None:
            raise unknown_name("model", str(name), self.by_name)
        return found

    def describe(self) -> list[dict[str, Any]]:
        """Return what clients should know about each model."""
        return [
            {
                "name": name,
                "version": model.bundle.manifest.version,
                "sha256": model.bundle.sha256,
                "licence": model.bundle.manifest.licence,
                "description": model.bundle.manifest.description,
                "labels": list(model.labels),
                "rate": model.bundle.feature.rate,
                "default": name == self.default,
            }
            for name, model in self.by_name.items()
        ]


def load_models(names: Sequence[str]) -> ServedModels:
    """Return models that are ready to predict.

    Args:
        names: shipped names, or folders of bundles; empty for all shipped models.

    Raises:
        UnknownNameError: neither a shipped model nor a folder.
        BundleError: a model is damaged.
        ConfigError: two models have the same name, or there is none.

    """
    shipped = shipped_names()
    chosen = list(names) or sorted(shipped, key=lambda name: (name != DEFAULT, name))
    if not chosen:
        raise ConfigError("no model is shipped with this installation; name one with --model")
    by_name: dict[str, Model] = {}
    for one in chosen:
        model = load(one)
        model.bundle.warm()
        name = one if one in shipped else model.bundle.manifest.name
        if name in by_name:
            raise ConfigError(f"two models are named '{name}'; serve one of them")
        by_name[name] = model
    return ServedModels(by_name, next(iter(by_name)))
