"""A plan: which layers are taken over, and which of them stay as they are."""

from __future__ import annotations

from dataclasses import dataclass

from emotone.errors import ConfigError


@dataclass(frozen=True)
class Plan:
    """Patterns of layers (see `emotone.transfer.select`). What is not loaded is drawn anew; what is not frozen learns.

    Attributes:
        load: layers whose tensors come from the source.
        freeze: layers among them that do not learn, and whose batch normalisations keep their statistics.

    Raises:
        ConfigError: nothing is loaded.

    """

    load: tuple[str, ...]
    freeze: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.load:
            raise ConfigError("a transfer needs at least one layer to load; without a transfer, leave its table out")
