"""The mean over time of every layer of a network, stored by the content of recordings: probes of layers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from emotone.errors import SourceError, unknown_name
from emotone.features.base import FEATURES
from emotone.features.store import FeatureStore
from emotone.fitting.encoder import HEAD_WIDTH, PooledEncoder, pooled_encoder
from emotone.fitting.hub_source import HubSource
from emotone.fitting.weights import find_weights
from emotone.nets.base import NETS
from emotone.transfer.source import SOURCES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import torch

    from emotone.features.base import Feature
    from emotone.features.store import ExtractionResult
    from emotone.nets.blocks.base import Network
    from emotone.types import Array, Hertz, Utterance

PATCH_ROWS = 96  # of networks that read patches
CONVOLUTIONS = "convolutions"  # name of the layer before the first transformer layer


@dataclass(frozen=True)
class ProbedNet:
    """How the layers of a network are probed.

    Attributes:
        front_end: name and settings.
        settings: of the network.
        axis: of the values of a layer's output; the others are averaged.
        skipped: layers that are left out: another one that is not far behind stands for them.
        patches: whether the network reads patches of 96 rows.

    """

    front_end: tuple[str, tuple[tuple[str, Any], ...]]
    settings: tuple[tuple[str, Any], ...] = ()
    axis: int = 1
    skipped: tuple[str, ...] = ()
    patches: bool = False

    @property
    def feature(self) -> Feature:
        """The front end."""
        name, settings = self.front_end
        return FEATURES.get(name)(**dict(settings))


_WHISPER = ProbedNet(("whisper-log-mel", ()), (("peak", 1.5),), axis=-1, skipped=("conv1", "conv2"))
_LETTERS = ProbedNet(("power-spectrogram", ()), axis=-1, skipped=("gru1", "gru2"))
PROBED: dict[str, ProbedNet] = {
    "whisper-base": _WHISPER,
    "whisper-tiny-en": _WHISPER,
    "letter-gru": replace(_LETTERS, settings=(("kind", "gru"),)),
    "letter-convolution": replace(_LETTERS, settings=(("kind", "convolution"),)),
    "yamnet": ProbedNet(
        ("vggish-log-mel", (("offset", 0.001),)),
        skipped=tuple(f"layer{number}" for number in range(2, 13, 2)),
        patches=True,
    ),
    "mn04": ProbedNet(
        ("mn-log-mel", ()),
        skipped=("conv2", *(f"block{number}" for number in range(1, 15) if number % 3)),
    ),
}
"""Source -> how it is probed."""


@dataclass(frozen=True)
class LayerMeans:
    """The means of all layers of a source, one after the other, as a feature store computes and keeps them.

    Attributes:
        source: name.
        sha256: of the file of its weights.

    """

    version: ClassVar[int] = 1

    source: str
    sha256: str

    @property
    def rate(self) -> Hertz:
        """Sampling rate that the source's front end needs."""
        return PROBED[self.source].feature.rate

    def compute(self, signal: Array) -> Array:
        """Return the means [values of all layers] of a signal [time]."""
        found = _prober(self.source, self.sha256)(signal)
        return np.concatenate(list(found.values()))


@dataclass(frozen=True)
class EncoderMeans:
    """The means of all layers of an encoder in the format of transformers, as a feature store computes and keeps them.

    Attributes:
        source: the encoder, `hf:...`.
        sha256: of its weights and settings.
        rate: sampling rate that it needs.

    """

    version: ClassVar[int] = 1

    source: str
    sha256: str
    rate: Hertz

    def compute(self, signal: Array) -> Array:
        """Return the means [values of all layers] of a signal [time]."""
        import torch

        encoder = _hub_encoder(self.source, self.sha256)
        rows = torch.from_numpy(encoder.feature.compute(signal)[np.newaxis])
        with torch.inference_mode():
            means: Array = encoder.net(rows)[0].numpy()
        return means


@dataclass(frozen=True)
class ProbedSource:
    """A source whose weights are on this machine.

    Attributes:
        means: what a feature store computes.
        sizes: values of each layer, by name, from the first layer to the last.

    """

    means: LayerMeans | EncoderMeans
    sizes: Mapping[str, int]

    @property
    def name(self) -> str:
        """Name of the source."""
        return self.means.source

    @property
    def sha256(self) -> str:
        """Hash of its weights."""
        return self.means.sha256

    def extract(
        self, utterances: Sequence[Utterance], *, progress: Callable[[int], None] | None = None
    ) -> ExtractionResult:
        """Return the means of all layers by utterance, from the store where they were computed before."""
        return FeatureStore("layer-means", self.means).extract(utterances, progress=progress)

    def split(self, values: Array) -> dict[str, Array]:
        """Return the part of each layer of values [..., values of all layers]."""
        ends = np.cumsum(list(self.sizes.values()))[:-1]
        return dict(zip(self.sizes, np.split(values, ends, axis=-1), strict=True))


def probed_source(name: str) -> ProbedSource:
    """Return a source that can be probed, with its layers.

    Args:
        name: one of `PROBED`, or an encoder in the format of transformers, `hf:ORGANISATION/NAME` or `hf:./FOLDER`.

    Raises:
        UnknownNameError: a source without a known way to probe it.
        SourceError: its weights are not on this machine, or do not fit.

    Example:
        >>> probed_source("whisper")  # doctest: +IGNORE_EXCEPTION_DETAIL
        Traceback (most recent call last):
        emotone.errors.UnknownNameError: no source whose layers can be compared is called 'whisper'

    """
    hub = HubSource.parse(name)
    if hub is not None:
        files = hub.files()
        encoder = _hub_encoder(name, files.sha256)
        layers = (CONVOLUTIONS, *(f"layer{number}" for number in range(1, encoder.layers + 1)))
        means = EncoderMeans(name, files.sha256, encoder.feature.rate)
        return ProbedSource(means, dict.fromkeys(layers, len(means.compute(_second(means.rate))) // len(layers)))
    if name not in PROBED:
        raise unknown_name("source whose layers can be compared", name, tuple(PROBED))
    found = find_weights(name)
    second = _second(PROBED[name].feature.rate)
    sizes = {layer: len(mean) for layer, mean in _prober(name, found.sha256)(second).items()}
    return ProbedSource(LayerMeans(name, found.sha256), sizes)


def _second(rate: Hertz) -> Array:
    """Return a second of silence."""
    return np.zeros(rate, np.float32)


@lru_cache(maxsize=1)
def _hub_encoder(source: str, sha256: str) -> PooledEncoder:
    """Return an encoder in the format of transformers, whose files must have a hash."""
    hub = HubSource.parse(source)
    files = None if hub is None else hub.files()
    if files is None or files.sha256 != sha256:
        raise SourceError(f"{source} was modified while it was used")
    return pooled_encoder(files)


@lru_cache(maxsize=1)
def _prober(name: str, sha256: str) -> Callable[[Array], dict[str, Array]]:
    """Return the function from a signal [time] to the mean of each layer."""
    probed, feature = PROBED[name], PROBED[name].feature
    net = _network(name, sha256)
    layers = SOURCES.get(name).layers

    def means(signal: Array) -> dict[str, Array]:
        import torch

        rows = feature.compute(signal)
        x, lengths = torch.from_numpy(_patches(rows) if probed.patches else rows[np.newaxis]), None
        found: dict[str, Array] = {}
        with torch.inference_mode():
            for block_name, block in net.blocks.items():
                x, lengths = block(x, lengths)
                if block_name in layers and block_name not in probed.skipped:
                    layer = CONVOLUTIONS if block_name == "positions" else block_name
                    found[layer] = _mean(x, axis=probed.axis)
        return found

    return means


def _network(name: str, sha256: str) -> Network:
    """Return the network of a source with its weights, up to its last published layer, in eval mode."""
    import torch

    from emotone.nets.blocks.base import Network

    source, probed = SOURCES.get(name), PROBED[name]
    weights = find_weights(name, sha256=sha256).read()
    settings = dict(probed.settings)
    if source.net == "whisper-encoder":
        layers = sum(layer.startswith("layer") for layer in source.layers)
        width = len(weights.tensors["blocks.conv1.convolution.bias"])
        settings |= {"layers": (layers,), "width": width, "heads": width // HEAD_WIDTH}
    whole = NETS.get(source.net)(**settings).build(probed.feature.dimension, 2)
    names = list(whole.blocks)
    last = max(names.index(layer) for layer in source.layers if layer in names)
    net = Network({each: whole.blocks[each] for each in names[: last + 1]}).eval()
    state = net.state_dict()
    missing = [each for each in state if each not in weights.tensors and not each.endswith("num_batches_tracked")]
    if missing:
        raise SourceError(f"the weights of {name} lack {missing[0]} and {len(missing) - 1} other tensors")
    given = {each: torch.from_numpy(weights.tensors[each].copy()) for each in state if each in weights.tensors}
    net.load_state_dict({**state, **given})
    return net


def _patches(rows: Array) -> Array:
    """Return rows [time, bands] as patches [patches, 96, bands]; the last one is filled with its last row."""
    count = max(1, -(-len(rows) // PATCH_ROWS))
    filled: Array = np.pad(rows, ((0, count * PATCH_ROWS - len(rows)), (0, 0)), mode="edge")
    return filled.reshape(count, PATCH_ROWS, rows.shape[1])


def _mean(x: torch.Tensor, *, axis: int) -> Array:
    """Return the mean [values] over all axes but that of the values; of a stack of outputs, of its last one."""
    if axis == -1 and x.ndim == 4:
        x = x[:, -1]
    axis %= x.ndim
    mean: Array = x.mean(dim=[each for each in range(x.ndim) if each != axis]).numpy()
    return mean
