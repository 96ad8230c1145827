"""The protocol of architectures: a frozen specification that builds a network, found by name; and shared settings.

Settings that several architectures share are checked here, without torch.
"""

from __future__ import annotations

import math
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, TypeAlias, get_args

from emotone.errors import ConfigError, missing_extra, unknown_name
from emotone.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emotone.nets.blocks.base import Network

GROUPS = 4  # of layers, in every architecture

PATCH_ROWS = 96  # rows of a patch: 0.96 s
CHUNK_ROWS = 64  # rows of 8 ms of a chunk: 512 ms
CHUNK_MILLISECONDS = 512
FACE_FILTERS = (8, 16, 32, 64, 128)  # of networks on faces, as in mini-Xception
SOUND_VALUES = 128  # of a row of `audio-visual`; those of the face follow
MAX_LAYERS = 32  # of an encoder
CHANNELS = 2  # of a row of `two-channel-spectrogram`

PoolingMethod: TypeAlias = Literal["mean-logit", "attention", "gated-attention", "log-sum-exp", "max"]
GridPlacement: TypeAlias = Literal["grid", "speech", "valleys"]  # decided from the rows
SegmentPlacement: TypeAlias = Literal[GridPlacement, "changes"]
Context: TypeAlias = Literal["lstm", "bidirectional-lstm", "attention"]
"""How the chunks of a window are combined: "lstm" reads them in order, and its last output is classified, so that the
result at any time depends on the chunks so far only; "bidirectional-lstm" adds the other direction; "attention" weights
the logits of single chunks instead (see `emotone.nets.blocks.segments`)."""
LetterKind: TypeAlias = Literal["gru", "convolution"]  # of recognisers of letters


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


def check_patch_network(network: str, *, width: float, offset: float, hidden: int, dropout: float) -> None:
    """Check the settings that networks on patches share.

    Raises:
        ConfigError: one is out of range.

    """
    check_offset(network, offset)
    check_pretrained_network(network, width=width, hidden=hidden, dropout=dropout)


def check_pretrained_network(network: str, *, width: float, hidden: int, dropout: float) -> None:
    """Check the settings that networks with published weights share.

    Raises:
        ConfigError: one is out of range.

    """
    if not (width > 0 and math.isfinite(width)):
        raise ConfigError(f"{network} needs width > 0; given {width}")
    if hidden < 0:
        raise ConfigError(f"{network} needs hidden >= 0, where 0 means no hidden layer; given {hidden}")
    check_dropout(network, dropout)


def check_chunk_network(network: str, *, dropout: float, anomalies: float, offset: float) -> None:
    """Check the settings that networks on chunks share.

    Raises:
        ConfigError: one is out of range.

    """
    check_dropout(network, dropout)
    check_offset(network, offset)
    if not 0 <= anomalies < 1:
        raise ConfigError(f"{network} needs 0 <= anomalies < 1, a share of values; given {anomalies}")


def check_filters(network: str, filters: tuple[int, ...], *, least: int, width: int, units: int, slope: float) -> None:
    """Check the settings that networks with convolutions on chunks share.

    Raises:
        ConfigError: fewer convolutions than `least`, more than two, or a number out of range.

    """
    if not least <= len(filters) <= 2 or min((width, units, *filters)) < 1:
        allowed = "one or two numbers of filters" if least else "no, one or two numbers of filters"
        raise ConfigError(f"{network} needs {allowed}, width >= 1 and units >= 1; given {filters}, {width} and {units}")
    if not 0 <= slope < 1:
        raise ConfigError(f"{network} needs 0 <= slope < 1; given {slope}")


def check_channels(network: str, dimension: int) -> None:
    """Check the number of values per row.

    Raises:
        ConfigError: they are not those of two channels.

    """
    if dimension % CHANNELS:
        raise ConfigError(f"{network} needs rows of {CHANNELS} channels; given {dimension} values per row")


def check_face(network: str, *, size: int, channels: int, offset: float) -> None:
    """Check the settings of networks that read a face from the rows of a chunk.

    Raises:
        ConfigError: one is out of range.

    """
    check_offset(network, offset)
    if channels not in {1, 3}:
        raise ConfigError(f"{network} needs 1 or 3 channels; given {channels}")
    if size < 1 or size % 8:  # 64 rows, each with the same number of values
        raise ConfigError(f"{network} needs faces whose size is a multiple of 8 pixels; given {size}")


def check_face_rows(network: str, dimension: int, *, size: int, channels: int) -> int:
    """Return the values of a face in each row, after comparing them with the values per row.

    Raises:
        ConfigError: the rows are those of faces of another size.

    """
    face = size * size * channels // CHUNK_ROWS
    if face > dimension or (dimension > SOUND_VALUES and dimension != SOUND_VALUES + face):
        raise ConfigError(
            f"{network}: a face of {size} x {size} pixels and {channels} channel(s) has {face} values per row, and the "
            f"rows have {dimension}; use the front end audio-visual with the same size"
        )
    return face


def check_choice(network: str, kind: str, given: str, allowed: tuple[str, ...]) -> None:
    """Check a setting that is one of several names.

    Raises:
        ConfigError: another name.

    """
    if given not in allowed:
        raise ConfigError(f"{network}: {unknown_name(kind, given, allowed)}")


def check_context(network: str, context: str, *, units: int) -> None:
    """Check how chunks are combined.

    Raises:
        ConfigError: an unknown context, or no units.

    """
    check_choice(network, "context", context, get_args(Context))
    if units < 1:
        raise ConfigError(f"{network} needs context_units >= 1; given {units}")


def check_layers(network: str, layers: tuple[int, ...]) -> None:
    """Check the numbers of the layers of an encoder whose outputs are used.

    Raises:
        ConfigError: none, not ascending, below 0 or above `MAX_LAYERS`.

    """
    if not layers or list(layers) != sorted(set(layers)) or not layers[0] >= 0:
        raise ConfigError(f"{network} needs layers in ascending order, each once; given {list(layers)}")
    if layers[-1] > MAX_LAYERS:
        raise ConfigError(f"{network} has at most {MAX_LAYERS} layers; given layer {layers[-1]}")


def check_heads(network: str, *, width: int, heads: int) -> None:
    """Check the width of a transformer and its number of attention heads.

    Raises:
        ConfigError: below 1, or a width that the heads don't divide.

    """
    if width < 1 or heads < 1 or width % heads:
        raise ConfigError(f"{network} needs a width that its heads divide; given {width}, {heads}")


def check_dropout(network: str, dropout: float) -> None:
    """Check a share of values that are dropped.

    Raises:
        ConfigError: it is out of range.

    """
    if not 0 <= dropout < 1:
        raise ConfigError(f"{network} needs 0 <= dropout < 1; given {dropout}")


def check_offset(network: str, offset: float) -> None:
    """Check the offset of the network's front end.

    Raises:
        ConfigError: it is out of range.

    """
    if not offset > 0:
        raise ConfigError(f"{network} needs offset > 0, the offset of its front end; given {offset}")


def grouped(layers: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Return the names of at least four layers in the groups of `NetSpec`: the last three are single.

    Example:
        >>> grouped(["limits", "centre", "conv1", "hidden", "classifier"])
        (('limits', 'centre'), ('conv1',), ('hidden',), ('classifier',))

    """
    return (tuple(layers[:-3]), *((name,) for name in layers[-3:]))


def scaled(channels: int, width: float) -> int:
    """Return a number of channels times the width of a network, at least 1."""
    return max(1, round(channels * width))
