"""A frozen encoder as an ONNX file: built from published weights, truncated after the last pooled layer, quantised."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from emotone.bundles.contents import EMBEDDING, INPUT, onnx_errors
from emotone.config import signature
from emotone.errors import SourceError
from emotone.features.front_ends.log_mel import WhisperLogMel
from emotone.features.front_ends.waveform import Waveform
from emotone.files import atomic_write, cache_dir
from emotone.fitting.export import example_signal
from emotone.fitting.hub_source import HubSource
from emotone.fitting.onnx_export import onnx_bytes
from emotone.fitting.onnx_source import DEFAULT_RATE, OnnxSource, embedding_model
from emotone.fitting.quantisation import loss_of, quantised, with_loss
from emotone.fitting.weights import find_weights
from emotone.nets.architectures.speech_encoders import SpeechStudent, WhisperEncoder
from emotone.recipes.embedding_recipe import Combination, EncoderSettings
from emotone.transfer.sources.whisper import from_checkpoint
from emotone.transfer.weights import SourceWeights, read_tensors
from emotone.types import Hertz  # noqa: TC001 - settings are read by their types

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import nn

    from emotone.features.base import Feature
    from emotone.fitting.hub_source import HubFiles
    from emotone.nets.blocks.base import Network

FOLDER = "encoders"  # in the cache folder
VERSION = 1  # incremented when a change to how encoders are built changes a value
HEAD_WIDTH = 64  # values per attention head, in every size of Whisper
LAST_BLOCK = "pool"
WHISPER = "whisper"  # family of encoders in the format of transformers
WHISPER_SETTINGS = {"num_mel_bins": 80, "max_source_positions": 1500, "activation_function": "gelu"}  # and defaults
WHISPER_HEADS, WHISPER_LAYERS = 6, 4  # where config.json has no number
EXAMPLES = 5  # parts of the synthetic signal that a quantised encoder is compared on
STUDENT = "blocks.layer1.depthwise.weight"  # a tensor of every student, and of no other encoder


@dataclass(frozen=True)
class Encoder:
    """An encoder on disk.

    Attributes:
        name: hash of the weights and the settings that it was built from.
        sha256: of the ONNX file.
        values: of an embedding.
        rate: of the samples that it reads; None for one that reads rows of `whisper-log-mel`.

    """

    name: str
    sha256: str
    values: int
    rate: Hertz | None = None

    @property
    def feature(self) -> Feature:
        """The front end."""
        return WhisperLogMel() if self.rate is None else Waveform(rate=self.rate)

    @property
    def front_end(self) -> dict[str, Any]:
        """Name and settings of the front end."""
        feature: Any = self.feature
        return {"name": "whisper-log-mel" if self.rate is None else "waveform", **asdict(feature)}

    @property
    def path(self) -> Path:
        """The ONNX file in the cache."""
        return cache_dir() / FOLDER / f"{self.name}.onnx"

    def quantisation_loss(self) -> float | None:
        """Return the change of embeddings by 8-bit weights, relative to their deviation; None where not measured."""
        return loss_of(self.model())

    def model(self) -> bytes:
        """Return the ONNX file, after checking its hash.

        Raises:
            SourceError: the file was modified or removed.

        """
        try:
            data = self.path.read_bytes()
        except OSError as error:
            raise SourceError(f"{self.path} cannot be read: {error.strerror or error}") from error
        if hashlib.sha256(data).hexdigest() != self.sha256:
            raise SourceError(f"{self.path} was modified after it was built; delete it to build it again")
        return data


def build_encoder(settings: EncoderSettings) -> Encoder:
    """Return the encoder of a recipe; one that was built before comes from the cache.

    Raises:
        SourceError: the weights are missing, or do not fit.

    """
    own = OnnxSource.parse(settings.source)
    if own is not None:
        return _own_encoder(settings, own)
    hub = HubSource.parse(settings.source)
    if hub is not None:
        return _hub_encoder(settings, hub.files())
    found = find_weights(settings.source)
    name = signature("encoder", VERSION, found.sha256, _without_source(settings))
    path = cache_dir() / FOLDER / f"{name}.onnx"
    if not path.exists():
        weights = found.read()
        data = _exported(settings, weights)
        with atomic_write(path) as stream:
            stream.write(data)
    data = path.read_bytes()
    return Encoder(name, hashlib.sha256(data).hexdigest(), _embedding_size(data))


def _own_encoder(settings: EncoderSettings, source: OnnxSource) -> Encoder:
    """Return the encoder in an ONNX file of the user's."""
    given, rate = source.data(), settings.rate or DEFAULT_RATE
    used = {"statistics": settings.statistics, "quantised": settings.quantised, "tensor": source.tensor, "rate": rate}
    name = signature("onnx", VERSION, hashlib.sha256(given).hexdigest(), used)
    path = cache_dir() / FOLDER / f"{name}.onnx"
    if not path.exists():
        data = embedding_model(source, given, statistics=settings.statistics, rate=rate)
        with atomic_write(path) as stream:
            stream.write(_small(data, Waveform(rate=rate)) if settings.quantised else data)
    data = path.read_bytes()
    return Encoder(name, hashlib.sha256(data).hexdigest(), _tried_size(source, data, rate=rate), rate)


def _hub_encoder(settings: EncoderSettings, files: HubFiles) -> Encoder:
    """Return an encoder in the format of transformers."""
    used = _without_source(settings)
    if files.family != WHISPER:
        del used["peak"]  # of mel power
    name = signature("hub", VERSION, files.sha256, used)
    path = cache_dir() / FOLDER / f"{name}.onnx"
    if not path.exists():
        data = _hub_model(settings, files)
        with atomic_write(path) as stream:
            stream.write(data)
    data = path.read_bytes()
    rate = None if files.family == WHISPER else files.rate
    return Encoder(name, hashlib.sha256(data).hexdigest(), _embedding_size(data), rate)


def _hub_model(settings: EncoderSettings, files: HubFiles) -> bytes:
    from emotone.fitting import hub_encoder

    if files.family == WHISPER:
        data = onnx_bytes(hub_whisper(settings, files), WhisperLogMel.dimension, output=EMBEDDING)
        return _small(data, WhisperLogMel(), operators=()) if settings.quantised else data
    net = hub_encoder.hub_network(
        files, layers=settings.layers, statistics=settings.statistics, combination=settings.combination
    )
    data = hub_encoder.export(net, source=files.source, output=EMBEDDING)
    return _small(data, Waveform(rate=files.rate)) if settings.quantised else data


def _small(data: bytes, feature: Feature, *, operators: tuple[str, ...] = ("MatMul",)) -> bytes:
    """Return an encoder of the user's with 8-bit weights, and the loss, measured on parts of a synthetic signal."""
    signal = example_signal(feature.rate)
    examples = [feature.compute(part) for part in np.array_split(signal, EXAMPLES)]
    return with_loss(quantised(data, operators=operators), data, examples)


def _tried_size(source: OnnxSource, data: bytes, *, rate: Hertz) -> int:
    """Return the values of an embedding, of a second of silence."""
    import onnxruntime

    try:
        session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
        (found,) = session.run(None, {INPUT: np.zeros((1, rate, 1), np.float32)})
    except onnx_errors() as error:
        raise SourceError(f"{source.path} fails on {rate} samples of silence: {error}") from error
    if found.ndim != 2 or not np.isfinite(found).all():
        raise SourceError(f"{source.path} gives no finite values for {rate} samples of silence")
    return int(found.shape[-1])


def encoder_network(settings: EncoderSettings, weights: SourceWeights) -> Network:
    """Return the encoder up to its pooled outputs, in eval mode: [batch, time, 80] -> [batch, values].

    Raises:
        SourceError: the weights have fewer layers than the settings need, or are not those of an encoder.

    """
    spec = _student(settings, weights) if _is_student(weights) else _whisper(settings, weights)
    return _loaded(spec, weights, combination=settings.combination)


def _loaded(spec: SpeechStudent | WhisperEncoder, weights: SourceWeights, *, combination: Combination) -> Network:
    """Return a network up to its pooled outputs, with weights."""
    import torch

    from emotone.nets.blocks.base import Network
    from emotone.nets.blocks.transformer import LayerPooling

    blocks: dict[str, nn.Module] = {}
    for name, block in spec.build(WhisperLogMel.dimension, 2).blocks.items():
        if name == LAST_BLOCK:
            blocks[name] = LayerPooling(len(spec.layers), statistics=spec.statistics, combination=combination)
            break
        blocks[name] = block
    network = Network(blocks).eval()
    state = network.state_dict()
    missing = [name for name in state if name not in weights.tensors]
    if missing:
        raise SourceError(f"{weights.source} lacks {missing[0]} and {len(missing) - 1} other tensors of the encoder")
    network.load_state_dict({name: torch.from_numpy(weights.tensors[name].copy()) for name in state})
    return network


def _whisper(settings: EncoderSettings, weights: SourceWeights) -> WhisperEncoder:
    bias = weights.tensors.get("blocks.conv1.convolution.bias")
    if bias is None:
        raise SourceError(f"{weights.source} is not an encoder of speech: it has no layer conv1")
    width = len(bias)
    return WhisperEncoder(
        layers=settings.layers,
        width=width,
        heads=width // HEAD_WIDTH or 1,
        statistics=settings.statistics,
        peak=settings.peak,
    )


@dataclass(frozen=True, eq=False)
class PooledEncoder:
    """An encoder in the format of transformers with every layer pooled.

    Attributes:
        net: from rows [batch, time, dimension] to the mean over time of every layer [batch, values].
        feature: the front end.
        layers: their number; with the input of the first one, there is one mean more.

    """

    net: Network
    feature: Feature
    layers: int


def pooled_encoder(files: HubFiles) -> PooledEncoder:
    """Return an encoder in the format of transformers with every layer pooled.

    Raises:
        SourceError: the files are damaged, or do not fit.

    """
    if files.family == WHISPER:
        count = int(files.config.get("encoder_layers", WHISPER_LAYERS))
        settings = EncoderSettings(files.source, layers=tuple(range(count + 1)))
        return PooledEncoder(hub_whisper(settings, files), WhisperLogMel(), count)
    from emotone.fitting.hub_encoder import hub_network, layer_count

    count = layer_count(files)
    net = hub_network(files, layers=tuple(range(count + 1)), statistics="mean")
    return PooledEncoder(net, Waveform(rate=files.rate), count)


def hub_whisper(settings: EncoderSettings, files: HubFiles) -> Network:
    """Return an encoder of Whisper in the format of transformers: [batch, time, 80] -> [batch, values].

    The normalisation after the last layer belongs to its output, as in transformers.

    Raises:
        SourceError: another front end or activation, or tensors that do not fit.

    """
    for key, value in WHISPER_SETTINGS.items():
        if files.config.get(key, value) != value:
            raise SourceError(f"{files.source} has {key} {files.config[key]}; encoders of Whisper must have {value}")
    found: dict[str, NDArray[Any]] = {}
    for path in files.weights:
        found |= read_tensors(path)
    tensors = from_checkpoint(found, where=files.source)
    weights = SourceWeights(files.source, tensors, sha256=files.sha256)
    spec = _whisper(settings, weights)
    layers = sum(name.endswith(".expand.bias") for name in tensors)
    if settings.layers[-1] > layers:
        raise SourceError(f"{files.source} has {layers} layers; allowed are 0 to {layers}; given {settings.layers[-1]}")
    heads = int(files.config.get("encoder_attention_heads", WHISPER_HEADS))
    spec = replace(spec, heads=heads, final_norm=settings.layers[-1] == layers)
    return _loaded(spec, weights, combination=settings.combination)


def _is_student(weights: SourceWeights) -> bool:
    return STUDENT in weights.tensors


def _student(settings: EncoderSettings, weights: SourceWeights) -> SpeechStudent:
    width, _, kernel = weights.tensors[STUDENT].shape
    return SpeechStudent(
        layers=settings.layers,
        width=width,
        kernel=kernel,
        expansion=len(weights.tensors["blocks.layer1.expand.bias"]) // width,
        statistics=settings.statistics,
        peak=settings.peak,
    )


def _exported(settings: EncoderSettings, weights: SourceWeights) -> bytes:
    network = encoder_network(settings, weights)
    shapes = {name: list(value.shape) for name, value in network.state_dict().items()}
    traced = signature("encoder", {**_without_source(settings), "quantised": False}, shapes)
    data = onnx_bytes(network, WhisperLogMel.dimension, architecture=traced, output=EMBEDDING)
    if not settings.quantised:
        return data
    # The convolutions of a student are few values, and those of single values have no fast 8-bit kernel.
    return quantised(data, operators=("MatMul",) if _is_student(weights) else ())


def _embedding_size(data: bytes) -> int:
    import onnxruntime

    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    return int(session.get_outputs()[0].shape[-1])


def _without_source(settings: EncoderSettings) -> dict[str, Any]:
    return {name: value for name, value in settings.hashed.items() if name != "source"}
