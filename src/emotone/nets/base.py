"""The protocol of architectures: a frozen specification that builds a network, found by name."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from emotone.errors import missing_extra
from emotone.registry import Registry

if TYPE_CHECKING:
    from emotone.nets.blocks.base import Network

GROUPS = 4  # of layers, in every architecture


class NetSpec(Protocol):
    """A frozen dataclass of settings that describes and builds one architecture.

    Attributes:
        title: one line for lists.
        paper: its source: a citation, or "emotone" for an architecture of this project.

    A class variable `starts_from` names other architectures whose trained weights fit the layers of the same names.
    Another one, `source_block`, names the block whose inner layers are those of a source.
    """

    title: ClassVar[str]
    paper: ClassVar[str]

    @property
    def groups(self) -> tuple[tuple[str, ...], ...]:
        """Names of the layers that have tensors, each once and in order, in `GROUPS` groups.

        The groups are the first convolution, further convolutions, layers over time and the classifier, or what
        corresponds to them. Named transfer plans refer to them (see `emotone.transfer.plans`), so they fit every
        architecture. With fewer layers than groups, groups other than the first and the last are empty.
        """
        ...

    def build(self, dimension: int, classes: int) -> Network:
        """Return the torch module: `forward(x [batch, time, dimension], lengths) -> logits [batch, classes]`.

        Weights come from torch's global random generator: seed it before.

        Raises:
            MissingExtraError: torch is not installed.

        """
        ...


NETS: Registry[type[Any]] = Registry("network", "emotone.nets.architectures", "NET")


def require_torch(purpose: str) -> None:
    """Raise `MissingExtraError`, which names the extra to install, if torch is missing.

    Args:
        purpose: what needs torch, e.g. "building a network".

    """
    if find_spec("torch") is None:
        raise missing_extra("torch", "train", purpose)
