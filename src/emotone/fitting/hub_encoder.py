"""Networks of speech encoders in the format of transformers: samples in, hidden states of chosen layers out.

Key idea: hidden state n of transformers is the input of its layer n + 1, so a model that is built with one layer more
than the last one used gives every hidden state as the whole model does, also where a normalisation follows the last
layer. What the extra layer computes is not exported.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from emotone.errors import SourceError, missing_extra
from emotone.files import one_line
from emotone.fitting.hub_source import EXTRA
from emotone.fitting.onnx_export import onnx_bytes
from emotone.nets.base import check_layers
from emotone.nets.blocks.base import Block, Network
from emotone.nets.blocks.transformer import LayerPooling

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from emotone.fitting.hub_source import HubFiles
    from emotone.recipes.embedding_recipe import Combination, Statistics

SMALLEST_VARIANCE = 1e-7  # that transformers adds before it scales samples
UNUSED = ("masked_spec_embed",)  # of training with masks
EXAMPLE_SAMPLES = 4000
MAX_BYTES = 2_000_000_000  # of an ONNX file
BYTES = 4  # of a value


class HiddenStates(Protocol):
    """A model of transformers."""

    def __call__(self, samples: Tensor, *, output_hidden_states: bool) -> Any:
        """Return an object whose `hidden_states` are [batch, steps, width]."""


class SampleScaling(Block):
    """Samples with mean 0 and variance 1, and zeros up to the shortest input: [batch, time, 1] -> [batch, time].

    Args:
        normalise: whether samples are scaled; otherwise, they are only filled up.
        shortest: samples that the encoder needs.

    """

    def __init__(self, *, normalise: bool, shortest: int) -> None:
        super().__init__()
        self.normalise = normalise
        self.shortest = shortest

    @property
    def description(self) -> str:
        """Whether samples are scaled."""
        return "samples with mean 0 and variance 1" if self.normalise else "samples"

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the samples, with zeros after the valid ones."""
        x = x[..., 0]
        if lengths is not None:
            rows = [self(row[None, :length, None], None)[0][0] for row, length in zip(x, lengths.tolist(), strict=True)]
            return nn.utils.rnn.pad_sequence(rows, batch_first=True), lengths.clamp(min=self.shortest)
        if self.normalise:
            x = x - x.mean(dim=1, keepdim=True)
            x = x / (x.square().mean(dim=1, keepdim=True) + SMALLEST_VARIANCE).sqrt()
        missing: int = torch.sym_max(self.shortest - x.shape[1], 0)  # type: ignore[no-untyped-call]
        return nn.functional.pad(x, (0, missing)), None


class HubLayers(Block):
    """Hidden states of an encoder: samples [batch, time] -> a stack [batch, layers, steps, width].

    The items of a padded batch are computed one by one: the group normalisation of several encoders averages over time,
    padding included, and a mask would not change that.

    Args:
        model: of transformers.
        layers: whose outputs are kept; 0 is the input of the first layer.

    """

    def __init__(self, model: nn.Module, *, layers: tuple[int, ...]) -> None:
        super().__init__()
        self.model = model
        self.layers = layers

    @property
    def description(self) -> str:
        """The layers."""
        return f"{type(self.model).__name__}, hidden states {', '.join(map(str, self.layers))}"

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the stack and the steps of each item."""
        if lengths is None:
            states = self.model(x, output_hidden_states=True).hidden_states
            return torch.stack([states[layer] for layer in self.layers], dim=1), None
        stacks = [self(row[None, :length], None)[0][0] for row, length in zip(x, lengths.tolist(), strict=True)]
        steps = torch.tensor([stack.shape[1] for stack in stacks])
        padded = nn.utils.rnn.pad_sequence([stack.transpose(0, 1) for stack in stacks], batch_first=True)
        return padded.transpose(1, 2), steps


def hub_network(
    files: HubFiles, *, layers: tuple[int, ...], statistics: Statistics, combination: Combination = "concatenate"
) -> Network:
    """Return an encoder with its weights, pooled over time: [batch, samples, 1] -> [batch, values].

    Args:
        files: of any family but Whisper, which `emotone.fitting.encoder` builds itself.
        layers: whose hidden states are pooled, ascending; 0 is the input of the first layer.
        statistics: over time.
        combination: of the layers.

    Raises:
        SourceError: the files do not fit each other, or are damaged.
        ConfigError: the layers are not in order.
        MissingExtraError: transformers is not installed.

    """
    check_layers(files.source, layers)
    model, config = _loaded(files, last=layers[-1])
    blocks = {
        "samples": SampleScaling(normalise=files.normalises, shortest=receptive_field(config)),
        "layers": HubLayers(model, layers=layers),
        "pool": LayerPooling(len(layers), statistics=statistics, combination=combination),
    }
    return Network(blocks).eval()


def layer_count(files: HubFiles) -> int:
    """Return the number of layers of an encoder of any family but Whisper."""
    return int(_config(files).num_hidden_layers)


def receptive_field(config: Any) -> int:
    """Return the number of samples that one step of the convolutions reads."""
    samples = 1
    for kernel, stride in zip(reversed(config.conv_kernel), reversed(config.conv_stride), strict=True):
        samples = (samples - 1) * stride + kernel
    return int(samples)


def export(net: Network, *, source: str, output: str) -> bytes:
    """Return the network of `hub_network` as ONNX.

    Raises:
        SourceError: it is too large, or torch can't export it.

    """
    size = BYTES * sum(value.numel() for value in net.parameters())
    if size > MAX_BYTES:
        raise SourceError(
            f"{source}: its layers have {size / 1e9:.1f} GB of weights; an ONNX file has at most {MAX_BYTES / 1e9:g}. "
            "Use lower layers, or a smaller encoder"
        )
    try:
        return onnx_bytes(net, 1, output=output, rows=EXAMPLE_SAMPLES)
    except torch.onnx.OnnxExporterError as error:
        raise SourceError(
            f"{source} can't be exported by torch {torch.__version__}: {one_line(error)[:300]}. Export it with another "
            "program, such as Optimum, and name onnx:FILE#TENSOR"
        ) from error


def _config(files: HubFiles) -> Any:
    try:
        from huggingface_hub.errors import StrictDataclassError
        from transformers import AutoConfig
    except ImportError as error:
        raise missing_extra("transformers", EXTRA, f"the encoder {files.source}") from error
    try:
        return AutoConfig.from_pretrained(files.folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, TypeError, StrictDataclassError) as error:
        raise SourceError(f"{files.source}: config.json in {files.folder} does not fit: {one_line(error)}") from error


def _loaded(files: HubFiles, *, last: int) -> tuple[nn.Module, Any]:
    """Return a model with at least `last` layers, and its settings."""
    config = _config(files)
    from safetensors import SafetensorError
    from transformers import AutoModel

    if last > config.num_hidden_layers:
        raise SourceError(
            f"{files.source} has {config.num_hidden_layers} layers; allowed are 0, the input of the first one, to "
            f"{config.num_hidden_layers}; given {last}"
        )
    config.num_hidden_layers = min(config.num_hidden_layers, last + 1)
    try:
        with _quiet():
            model, report = AutoModel.from_pretrained(
                files.folder,
                config=config,
                dtype=torch.float32,
                attn_implementation="eager",
                use_safetensors=True,
                local_files_only=True,
                trust_remote_code=False,
                output_loading_info=True,
            )
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise SourceError(
            f"{files.source}: the weights in {files.folder} can't be read, or do not fit config.json: {one_line(error)}"
        ) from error
    _check_complete(files, report["missing_keys"])
    for module in model.modules():
        if parametrize.is_parametrized(module):  # of weight normalisation: the product is what is computed with
            for name in tuple(module.parametrizations):
                parametrize.remove_parametrizations(module, name)
    return model.eval(), config


def _check_complete(files: HubFiles, missing: Sequence[str]) -> None:
    lacking = sorted(name for name in missing if not name.endswith(UNUSED))
    if lacking:
        raise SourceError(
            f"{files.source}: the weights in {files.folder} lack {lacking[0]} and {len(lacking) - 1} other tensors of "
            f"{files.family}"
        )


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without transformers' progress bars, and its list of weights that are not used: those of higher layers."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
