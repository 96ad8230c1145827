"""Encoders of Whisper: base (multilingual, 6 layers of 512 values) and tiny.en (English, 4 layers of 384 values).

The middle layers of base represent how something was said better than any other source here. OpenAI trained it on
680,000 hours of audio that are not published; recordings of emotional speech corpora may be among them, without emotion
labels.

The tensors have the names of `whisper-encoder` here, from each form in which they are published. CTranslate2 names
start with `encoder/`, Hugging Face's with `model.encoder.`, OpenAI's with `encoder.`; layers are counted from 0 there
and from 1 here. Columns: here (`blocks.` left out), CTranslate2, Hugging Face, OpenAI.

| conv1.convolution.weight  | conv1/weight                        | conv1.weight            | conv1.weight             |
| positions.encodings       | position_encodings/encodings        | embed_positions.weight  | positional_embedding     |
| final_norm.norm.weight    | layer_norm/gamma                    | layer_norm.weight       | ln_post.weight           |
| layerN.                   | layer_n/                            | layers.n.               | blocks.n.                |
|   attention_norm.weight   |   self_attention/layer_norm/gamma   |   self_attn_layer_norm  |   attn_ln                |
|   query_key_value.weight  |   self_attention/linear_0/weight    |   self_attn.q_proj ...  |   attn.query, key, value |
|   attention_output.weight |   self_attention/linear_1/weight    |   self_attn.out_proj    |   attn.out               |
|   feed_forward_norm.weight|   ffn/layer_norm/gamma              |   final_layer_norm      |   mlp_ln                 |
|   expand.weight           |   ffn/linear_0/weight               |   fc1                   |   mlp.0                  |
|   contract.weight         |   ffn/linear_1/weight               |   fc2                   |   mlp.2                  |

Whisper's keys have no bias; here it is zero, because query, key and value are one projection.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from emotone.errors import SourceError
from emotone.transfer.readers import read_ctranslate2, read_torch
from emotone.transfer.source import PublishedFile, Source
from emotone.transfer.weights import read_tensors

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    Tensors = dict[str, NDArray[Any]]

BANDS, POSITIONS, KERNEL = 80, 1500, 3
_CT2_LAYER = re.compile(r"layer_(?P<number>\d+)/(?P<part>self_attention|ffn)/(?P<name>.+)")
_CT2_PARTS = {
    ("self_attention", "layer_norm/gamma"): "attention_norm.weight",
    ("self_attention", "layer_norm/beta"): "attention_norm.bias",
    ("self_attention", "linear_0/weight"): "query_key_value.weight",
    ("self_attention", "linear_0/bias"): "query_key_value.bias",
    ("self_attention", "linear_1/weight"): "attention_output.weight",
    ("self_attention", "linear_1/bias"): "attention_output.bias",
    ("ffn", "layer_norm/gamma"): "feed_forward_norm.weight",
    ("ffn", "layer_norm/beta"): "feed_forward_norm.bias",
    ("ffn", "linear_0/weight"): "expand.weight",
    ("ffn", "linear_0/bias"): "expand.bias",
    ("ffn", "linear_1/weight"): "contract.weight",
    ("ffn", "linear_1/bias"): "contract.bias",
}
_CT2_REST = {
    "conv1/weight": "conv1.convolution.weight",
    "conv1/bias": "conv1.convolution.bias",
    "conv2/weight": "conv2.convolution.weight",
    "conv2/bias": "conv2.convolution.bias",
    "position_encodings/encodings": "positions.encodings",
    "layer_norm/gamma": "final_norm.norm.weight",
    "layer_norm/beta": "final_norm.norm.bias",
}
_CT2_SETTINGS = re.compile(r"(.*/)?(num_heads|pre_norm|activation|num_source_embeddings|scale_embeddings|.*_type)")
_QUERY_KEY_VALUE = ("query", "key", "value")


@dataclass(frozen=True)
class _Naming:
    """Names of PyTorch checkpoints, without their prefix; `{}` is the number of a layer, from 0."""

    prefixes: tuple[str, ...]
    layer: str
    positions: str
    final_norm: str
    parts: Mapping[str, str]


_HUGGING_FACE = _Naming(
    prefixes=("model.encoder.", "encoder."),
    layer=r"layers\.(?P<number>\d+)\.(?P<part>.+)\.(?P<kind>weight|bias)",
    positions="embed_positions.weight",
    final_norm="layer_norm",
    parts={
        "self_attn_layer_norm": "attention_norm",
        "self_attn.q_proj": "query",
        "self_attn.k_proj": "key",
        "self_attn.v_proj": "value",
        "self_attn.out_proj": "attention_output",
        "final_layer_norm": "feed_forward_norm",
        "fc1": "expand",
        "fc2": "contract",
    },
)
_OPENAI = _Naming(
    prefixes=("encoder.",),
    layer=r"blocks\.(?P<number>\d+)\.(?P<part>.+)\.(?P<kind>weight|bias)",
    positions="positional_embedding",
    final_norm="ln_post",
    parts={
        "attn_ln": "attention_norm",
        "attn.query": "query",
        "attn.key": "key",
        "attn.value": "value",
        "attn.out": "attention_output",
        "mlp_ln": "feed_forward_norm",
        "mlp.0": "expand",
        "mlp.2": "contract",
    },
)


def encoder_shapes(*, width: int, layers: int) -> dict[str, tuple[int, ...]]:
    """Return the shape of every tensor of an encoder, by name."""
    shapes: dict[str, tuple[int, ...]] = {
        "blocks.conv1.convolution.weight": (width, BANDS, KERNEL),
        "blocks.conv1.convolution.bias": (width,),
        "blocks.conv2.convolution.weight": (width, width, KERNEL),
        "blocks.conv2.convolution.bias": (width,),
        "blocks.positions.encodings": (POSITIONS, width),
        "blocks.final_norm.norm.weight": (width,),
        "blocks.final_norm.norm.bias": (width,),
    }
    for number in range(1, layers + 1):
        for name, outputs, inputs in (
            ("query_key_value", 3 * width, width),
            ("attention_output", width, width),
            ("expand", 4 * width, width),
            ("contract", width, 4 * width),
        ):
            shapes[f"blocks.layer{number}.{name}.weight"] = (outputs, inputs)
            shapes[f"blocks.layer{number}.{name}.bias"] = (outputs,)
        for name in ("attention_norm", "feed_forward_norm"):
            shapes[f"blocks.layer{number}.{name}.weight"] = (width,)
            shapes[f"blocks.layer{number}.{name}.bias"] = (width,)
    return shapes


def from_ctranslate2(path: Path) -> Tensors:
    """Return the encoder's tensors from a faster-whisper `model.bin`.

    Raises:
        SourceError: the file cannot be read, or its weights are quantised to integers.

    """
    tensors: Tensors = {}
    for name, values in read_ctranslate2(path, prefix="encoder/").items():
        found = _CT2_LAYER.fullmatch(name)
        if name.endswith("weight_scale") or (values.dtype.kind == "i" and values.ndim > 1):
            raise SourceError(f"{path}: {name} is quantised to integers; needed: a float16 or float32 conversion")
        if found is not None and (found["part"], found["name"]) in _CT2_PARTS:
            here = f"layer{int(found['number']) + 1}.{_CT2_PARTS[found['part'], found['name']]}"
        elif name in _CT2_REST:
            here = _CT2_REST[name]
        elif _CT2_SETTINGS.fullmatch(name):
            continue
        else:
            here = name  # unexpected: the check of the source names it
        tensors[f"blocks.{here}"] = values
    return tensors


def from_checkpoint(found: Mapping[str, NDArray[Any]], *, where: str) -> Tensors:
    """Return the encoder's tensors from a checkpoint of Hugging Face's or OpenAI's, by their names.

    Raises:
        SourceError: the checkpoint is neither.

    """
    for naming in (_HUGGING_FACE, _OPENAI):
        for prefix in naming.prefixes:
            if f"{prefix}{naming.positions}" in found:
                encoder = {name.removeprefix(prefix): found[name] for name in found if name.startswith(prefix)}
                return _renamed(encoder, naming)
    raise SourceError(f"{where} contains no encoder of Whisper: there is no tensor of position encodings")


def _renamed(encoder: Mapping[str, NDArray[Any]], naming: _Naming) -> Tensors:
    rest = {naming.positions: "positions.encodings"}
    for kind in ("weight", "bias"):
        rest |= {f"conv{number}.{kind}": f"conv{number}.convolution.{kind}" for number in (1, 2)}
        rest[f"{naming.final_norm}.{kind}"] = f"final_norm.norm.{kind}"
    tensors: Tensors = {}
    projections: dict[tuple[str, str], Tensors] = {}
    for name, given in encoder.items():
        values = np.asarray(given, np.float32)
        found = re.fullmatch(naming.layer, name)
        part = naming.parts.get(found["part"]) if found is not None else None
        if found is None or part is None:
            tensors[f"blocks.{rest.get(name, name)}"] = values
            continue
        layer = f"blocks.layer{int(found['number']) + 1}"
        if part in _QUERY_KEY_VALUE:
            projections.setdefault((layer, found["kind"]), {})[part] = values
        else:
            tensors[f"{layer}.{part}.{found['kind']}"] = values
    for (layer, kind), parts in projections.items():
        if kind == "bias" and "query" in parts:
            parts.setdefault("key", np.zeros_like(parts["query"]))
        if set(parts) == set(_QUERY_KEY_VALUE):
            tensors[f"{layer}.query_key_value.{kind}"] = np.concatenate([parts[name] for name in _QUERY_KEY_VALUE])
        else:
            tensors |= {f"{layer}.{name}.{kind}": values for name, values in parts.items()}
    return tensors


def from_safetensors(path: Path) -> Tensors:
    """Return the encoder's tensors from a `model.safetensors` of Hugging Face's.

    Raises:
        SourceError: the file cannot be read, or contains no encoder of Whisper.

    """
    return from_checkpoint(read_tensors(path), where=str(path))


def from_torch_file(path: Path) -> Tensors:
    """Return the encoder's tensors from OpenAI's file, or from a `pytorch_model.bin` of Hugging Face's.

    Raises:
        SourceError: the file cannot be read, or contains no encoder of Whisper.

    """
    return from_checkpoint(read_torch(path, key="model_state_dict"), where=str(path))


def whisper_source(name: str, title: str, *, width: int, layers: int, published: tuple[PublishedFile, ...]) -> Source:
    """Return the source of an encoder of Whisper with `layers` layers of `width` values."""
    return Source(
        name=name,
        title=title,
        citation="Radford, Kim, Xu, Brockman, McLeavey, Sutskever: Robust speech recognition via large-scale weak "
        "supervision, 2022",
        licence="MIT",
        licence_note="OpenAI's notice must accompany the weights",
        published=published,
        rate=16000,
        net="whisper-encoder",
        layers=("conv1", "conv2", "positions", *(f"layer{number}" for number in range(1, layers + 1)), "final_norm"),
        shapes=encoder_shapes(width=width, layers=layers),
        readers={".bin": from_ctranslate2, ".pt": from_torch_file, ".safetensors": from_safetensors},
    )


WHISPER_BASE = whisper_source(
    name="whisper-base",
    title="Whisper base: encoder of a multilingual speech recogniser, 6 layers of 512 values",
    width=512,
    layers=6,
    published=(
        PublishedFile(
            "model.bin",
            "https://huggingface.co/Systran/faster-whisper-base",
            "905e5bf8336bcc625ba4e33498d675a4b935504118c594d868c36e91a60c1a57",
        ),
        PublishedFile(
            "base.pt",
            "https://openaipublic.azureedge.net/main/whisper/models/"
            "ed3a0b6b1c0edf879ad9b11b1af5a0e6ab5db9205f891f668f8b0e6c6326e34e/base.pt",
            "ed3a0b6b1c0edf879ad9b11b1af5a0e6ab5db9205f891f668f8b0e6c6326e34e",
        ),
        PublishedFile("model.safetensors", "https://huggingface.co/openai/whisper-base"),
    ),
)


WHISPER_TINY_EN = whisper_source(
    name="whisper-tiny-en",
    title="Whisper tiny.en: encoder of a small English speech recogniser, 4 layers of 384 values",
    width=384,
    layers=4,
    published=(
        PublishedFile(
            "model.bin",
            "https://huggingface.co/Systran/faster-whisper-tiny.en",
            "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
        ),
        PublishedFile(
            "tiny.en.pt",
            "https://openaipublic.azureedge.net/main/whisper/models/"
            "d3dd57d32accea0b295c96e26691aa14d8822fac7d9d27d5dc00b4ca2826dd03/tiny.en.pt",
            "d3dd57d32accea0b295c96e26691aa14d8822fac7d9d27d5dc00b4ca2826dd03",
        ),
        PublishedFile("model.safetensors", "https://huggingface.co/openai/whisper-tiny.en"),
    ),
)
