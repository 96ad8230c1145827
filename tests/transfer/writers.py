"""Writers of the files that published weights come in: CTranslate2, Torch7, and names of Whisper's publications."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

TYPES = {"float32": 0, "int8": 1, "int16": 2, "int32": 3, "float16": 4}
WIDTH, LAYERS = 8, 2


def ctranslate2_bytes(variables: Mapping[str, NDArray[Any]], *, version: int = 6) -> bytes:
    """Return the bytes of a model file."""
    data = struct.pack("<I", version) + _text("WhisperSpec") + struct.pack("<II", 3, len(variables))
    for name, values in variables.items():
        array = np.ascontiguousarray(values)
        data += _text(name) + struct.pack(f"<B{array.ndim}I", array.ndim, *array.shape)
        data += struct.pack("<BI", TYPES[array.dtype.name], array.nbytes) + array.tobytes()
    return data + struct.pack("<I", 0)


def random_encoder(rng: np.random.Generator, *, width: int = WIDTH, layers: int = LAYERS) -> dict[str, NDArray[Any]]:
    """Return a random encoder under OpenAI's names, without their prefix."""
    sizes: dict[str, tuple[int, ...]] = {
        "conv1.weight": (width, 80, 3),
        "conv1.bias": (width,),
        "conv2.weight": (width, width, 3),
        "conv2.bias": (width,),
        "positional_embedding": (1500, width),
        "ln_post.weight": (width,),
        "ln_post.bias": (width,),
    }
    for number in range(layers):
        layer = f"blocks.{number}"
        for name in ("attn.query", "attn.key", "attn.value", "attn.out"):
            sizes[f"{layer}.{name}.weight"] = (width, width)
            if name != "attn.key":
                sizes[f"{layer}.{name}.bias"] = (width,)
        sizes |= {f"{layer}.mlp.0.weight": (4 * width, width), f"{layer}.mlp.0.bias": (4 * width,)}
        sizes |= {f"{layer}.mlp.2.weight": (width, 4 * width), f"{layer}.mlp.2.bias": (width,)}
        for name in ("attn_ln", "mlp_ln"):
            sizes |= {f"{layer}.{name}.weight": (width,), f"{layer}.{name}.bias": (width,)}
    return {name: rng.normal(0, 0.3, shape).astype(np.float32) for name, shape in sizes.items()}


HUGGING_FACE = {
    "positional_embedding": "embed_positions.weight",
    "ln_post": "layer_norm",
    "blocks.": "layers.",
    "attn_ln": "self_attn_layer_norm",
    "attn.query": "self_attn.q_proj",
    "attn.key": "self_attn.k_proj",
    "attn.value": "self_attn.v_proj",
    "attn.out": "self_attn.out_proj",
    "mlp_ln": "final_layer_norm",
    "mlp.0": "fc1",
    "mlp.2": "fc2",
}


def hugging_face(encoder: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return the encoder under Hugging Face's names."""
    renamed = {}
    for name, values in encoder.items():
        for theirs, other in HUGGING_FACE.items():
            name = name.replace(theirs, other)  # noqa: PLW2901
        renamed[f"model.encoder.{name}"] = values
    return renamed


def ctranslate2(encoder: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return the encoder under CTranslate2's names, with settings and a part of a decoder."""
    variables: dict[str, NDArray[Any]] = {"encoder/num_heads": np.array(2, np.int16)}
    for name in ("conv1", "conv2"):
        variables |= {f"encoder/{name}/{kind}": encoder[f"{name}.{kind}"] for kind in ("weight", "bias")}
    variables["encoder/position_encodings/encodings"] = encoder["positional_embedding"]
    variables |= {
        "encoder/layer_norm/gamma": encoder["ln_post.weight"],
        "encoder/layer_norm/beta": encoder["ln_post.bias"],
    }
    for number in range(sum(name.endswith("attn.key.weight") for name in encoder)):
        theirs, ours = f"blocks.{number}", f"encoder/layer_{number}"
        query, key, value = (encoder[f"{theirs}.attn.{name}.weight"] for name in ("query", "key", "value"))
        bias = encoder[f"{theirs}.attn.query.bias"]
        attention, ffn = f"{ours}/self_attention", f"{ours}/ffn"
        variables[f"{attention}/linear_0/weight"] = np.concatenate([query, key, value])
        variables[f"{attention}/linear_0/bias"] = np.concatenate(
            [bias, np.zeros_like(bias), encoder[f"{theirs}.attn.value.bias"]]
        )
        for kind, norm in (("weight", "gamma"), ("bias", "beta")):
            variables[f"{attention}/linear_1/{kind}"] = encoder[f"{theirs}.attn.out.{kind}"]
            variables[f"{attention}/layer_norm/{norm}"] = encoder[f"{theirs}.attn_ln.{kind}"]
            variables[f"{ffn}/layer_norm/{norm}"] = encoder[f"{theirs}.mlp_ln.{kind}"]
            variables[f"{ffn}/linear_0/{kind}"] = encoder[f"{theirs}.mlp.0.{kind}"]
            variables[f"{ffn}/linear_1/{kind}"] = encoder[f"{theirs}.mlp.2.{kind}"]
    return {**variables, "decoder/embeddings/weight": np.zeros((3, 2), np.float32)}


def _text(text: str) -> bytes:
    data = text.encode() + b"\0"
    return struct.pack("<H", len(data)) + data


# ----------------------------------------------------------------------------------------------------------------------
# Torch7's binary files, as Torch writes them on a 64-bit machine.

NAMES = {"f4": "Float", "f8": "Double", "i8": "Long", "u1": "Byte", "i4": "Int", "i2": "Short", "i1": "Char"}


@dataclass(eq=False)
class Obj:
    """A Torch object that writes one table of fields."""

    kind: str
    fields: dict[Any, Any]


@dataclass(eq=False)
class View:
    """A tensor over a part of a storage, as all weights of a net are after `getParameters`.

    Attributes:
        storage: one-dimensional values; views of the same array share it in the file.
        sizes: of the tensor.
        strides: in values.
        first: place of its first value, from 0.
        kind: what stands before Tensor and Storage, e.g. "Cuda"; "" for what the values are.

    """

    storage: np.ndarray[Any, Any]
    sizes: tuple[int, ...]
    strides: tuple[int, ...]
    first: int = 0
    kind: str = ""


@dataclass(frozen=True)
class Function:
    """A Lua function, as bytecode, with what it closes over."""

    bytecode: bytes
    upvalues: Any
    kind: int = 8


@dataclass(eq=False)
class Writer:
    """Bytes of objects; one that was written before is written as its index.

    Attributes:
        version: what stands before the name of a class; "" as in files from before there were versions.

    """

    version: str = "V 1"
    out: bytearray = field(default_factory=bytearray)
    indices: dict[int, int] = field(default_factory=dict)
    kept: list[Any] = field(default_factory=list)  # so that no id is given twice

    def pack(self, form: str, *values: Any) -> None:
        self.out += struct.pack(f"<{form}", *values)

    def text(self, value: bytes) -> None:
        self.pack("i", len(value))
        self.out += value

    def known(self, value: Any) -> bool:
        """Write the index of an object; return whether that is all."""
        found = id(value) in self.indices
        index = self.indices.setdefault(id(value), len(self.indices) + 1)
        self.kept.append(value)
        self.pack("i", index)
        return found

    def class_of(self, kind: str) -> None:
        if self.version:
            self.text(self.version.encode())
        self.text(kind.encode())

    def write(self, value: Any) -> None:
        if value is None:
            self.pack("i", 0)
        elif isinstance(value, bool):
            self.pack("ii", 5, int(value))
        elif isinstance(value, int | float):
            self.pack("id", 1, float(value))
        elif isinstance(value, str):
            self.pack("i", 2)
            self.text(value.encode("latin-1"))
        elif isinstance(value, Function):
            self.function(value)
        elif isinstance(value, dict):
            self.pack("i", 3)
            if not self.known(value):
                self.pack("i", len(value))
                for key, item in value.items():
                    self.write(key)
                    self.write(item)
        elif isinstance(value, Obj):
            self.pack("i", 4)
            if not self.known(value):
                self.class_of(value.kind)
                self.write(value.fields)
        elif isinstance(value, View):
            self.tensor(value)
        else:
            array = np.ascontiguousarray(value)
            strides = tuple(stride // array.itemsize for stride in array.strides)
            self.tensor(View(array.reshape(-1), array.shape, strides))

    def function(self, value: Function) -> None:
        self.pack("i", value.kind)
        if value.kind == 6 or not self.known(value):
            self.text(value.bytecode)
            self.write(value.upvalues)

    def tensor(self, view: View) -> None:
        name = view.kind or NAMES[view.storage.dtype.str[1:]]
        self.pack("i", 4)
        if self.known(view):
            return
        self.class_of(f"torch.{name}Tensor")
        count = len(view.sizes)
        self.pack(f"i{count}q{count}qq", count, *view.sizes, *view.strides, view.first + 1)
        if view.storage.size == 0:
            self.pack("i", 0)
            return
        self.pack("i", 4)
        if not self.known(view.storage):
            self.class_of(f"torch.{name}Storage")
            self.pack("q", view.storage.size)
            self.out += view.storage.tobytes()


def torch7(value: Any, *, version: str = "V 1") -> bytes:
    """Return the bytes of a file that holds `value`."""
    writer = Writer(version)
    writer.write(value)
    return bytes(writer.out)
